"""Which departures a report is about: those that end in a period, of a service. Reads nothing."""

from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy.sql.elements import ColumnElement

from service.models import Departure


@dataclass(frozen=True, slots=True)
class Window:
    """Departures by their end date, both days included; None leaves a side open.

    A departure without an end date is in a window only when both sides are open.
    """

    since: date | None = None
    until: date | None = None
    service: str | None = None

    @classmethod
    def of_months(cls, months: int, today: date, service: str | None = None) -> "Window":
        """Return `months` calendar months: that of `today` and those before it."""
        return cls(first_of(today, 1 - months), None, service)

    @property
    def conditions(self) -> list[ColumnElement[bool]]:
        """What has to hold for a departure to be in it."""
        found = []
        if self.since is not None:
            found.append(Departure.end_on >= self.since)
        if self.until is not None:
            found.append(Departure.end_on <= self.until)
        if self.service is not None:
            found.append(Departure.service == self.service)
        return found

    def of_any_service(self) -> "Window":
        """Return the same period for every service."""
        return replace(self, service=None)


def first_of(day: date, months: int = 0) -> date:
    """Return the first day of the month of `day`, moved by so many months."""
    count = day.year * 12 + day.month - 1 + months
    return date(count // 12, count % 12 + 1, 1)
