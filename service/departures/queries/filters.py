"""Which departures a report is about: those that end in a period, of a service. Reads nothing."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import func
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.elements import ColumnElement

from service.models import Departure

YEAR = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class DepartureFilters:
    """Filters of departures: the period in which they end, both days included, and their service.

    None leaves a side open. A departure without an end date passes only when both sides are open.
    """

    since: date | None = None
    until: date | None = None
    service: str | None = None

    @classmethod
    def of_months(cls, months: int, today: date, service: str | None = None) -> "DepartureFilters":
        """Return `months` calendar months: that of `today` and those before it."""
        return cls(first_of(today, 1 - months), None, service)

    def answers_within(
        self, at: InstrumentedAttribute[datetime | None]
    ) -> list[ColumnElement[bool]]:
        """Return what an answer given `at` fulfils if its departure passes, the cheap bound first.

        An answer comes within a year of the end of its departure. The period itself is asked
        through coalesce, which no index serves, so that the database walks the answers by their
        time and stops at the limit instead of sorting all of the period.
        """
        found: list[ColumnElement[bool]] = [at.is_not(None)]
        end_on = func.coalesce(Departure.end_on, Departure.end_on)
        if self.since is not None:
            found += [at >= _midnight(self.since) - YEAR, end_on >= self.since]
        if self.until is not None:
            found += [at <= _midnight(self.until) + YEAR, end_on <= self.until]
        if self.service is not None:
            found.append(func.coalesce(Departure.service, "") == self.service)
        return found

    @property
    def conditions(self) -> list[ColumnElement[bool]]:
        """What a departure fulfils that passes."""
        found = []
        if self.since is not None:
            found.append(Departure.end_on >= self.since)
        if self.until is not None:
            found.append(Departure.end_on <= self.until)
        if self.service is not None:
            found.append(Departure.service == self.service)
        return found

    def of_any_service(self) -> "DepartureFilters":
        """Return the same period for every service."""
        return replace(self, service=None)


def first_of(day: date, months: int = 0) -> date:
    """Return the first day of the month of `day`, moved by so many months."""
    count = day.year * 12 + day.month - 1 + months
    return date(count // 12, count % 12 + 1, 1)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
