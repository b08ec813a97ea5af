"""Churn by month: the clients who left, of those there were when the month began."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import aliased

from service.departures.queries.filters import first_of
from service.extensions import db
from service.models import Client, Departure, Stage
from service.statistics import churn_rate

STAYED = (Stage.retained,)
IS_CLIENT = (Stage.retained, Stage.returned)
HEALTHY = 7.0  # percent a month: the most that software companies consider healthy


@dataclass(frozen=True, slots=True)
class ChurnMonth:
    """The churn of one calendar month."""

    first: date
    at_start: int
    left: int

    @property
    def last(self) -> date:
        """Its last day."""
        return first_of(self.first, 1) - timedelta(days=1)

    @property
    def rate(self) -> float | None:
        """The percentage of the clients at the start who left; None when there were none."""
        return churn_rate(self.left, self.at_start)


def churn(first: date, last: date, service: str | None = None) -> list[ChurnMonth]:
    """Return the months from that of `first` to that of `last`; historical departures count too.

    A client leaves with its first departure that was not retained; its later departures end other
    services and are not counted. A client without a start date counts as there from before. One
    that returned counts as a client again in the months after it left.
    """
    start, end = first_of(first), first_of(last, 1)
    began = _per_month(_beginnings(start, end, service))
    left = _per_month(_leavings(start, end, service, STAYED))
    gone = _per_month(_leavings(start, end, service, IS_CLIENT))
    at_start, months, month = _clients_at(start, service), [], start
    while month < end:
        months.append(ChurnMonth(month, at_start, left[month]))
        at_start += began[month] - gone[month]
        month = first_of(month, 1)
    return months


def _clients_at(day: date, service: str | None) -> int:
    """Count the clients that started before `day` and had not left for good by then."""
    has_gone = (
        select(Departure.id)
        .where(
            Departure.client_id == Client.id,
            Departure.end_on < day,
            Departure.stage.not_in(IS_CLIENT),
        )
        .exists()
    )
    began = or_(Client.started_on.is_(None), Client.started_on < day)
    query = select(func.count()).select_from(Client).where(began, ~has_gone, *_of(service))
    return db.session.scalar(query) or 0


def _beginnings(start: date, end: date, service: str | None) -> Select[date | None, int]:
    return (
        select(Client.started_on, func.count())
        .where(Client.started_on >= start, Client.started_on < end, *_of(service))
        .group_by(Client.started_on)
    )


def _leavings(
    start: date, end: date, service: str | None, but: tuple[Stage, ...]
) -> Select[date | None, int]:
    """Return the number of clients that left on each day, without departures at a stage of `but`.

    A client counts once, or again when it returned between two departures.
    """
    earlier = aliased(Departure)
    before = and_(
        earlier.client_id == Departure.client_id,
        or_(
            earlier.end_on < Departure.end_on,
            and_(earlier.end_on == Departure.end_on, earlier.id < Departure.id),
        ),
        earlier.stage.not_in(IS_CLIENT),
    )
    return (
        select(Departure.end_on, func.count())
        .join(Client, Client.id == Departure.client_id)
        .where(
            Departure.end_on >= start,
            Departure.end_on < end,
            Departure.stage.not_in(but),
            ~select(earlier.id).where(before).exists(),
            *_of(service),
        )
        .group_by(Departure.end_on)
    )


def _of(service: str | None) -> list[ColumnElement[bool]]:
    return [] if service is None else [Client.service == service]


def _per_month(days: Select[date | None, int]) -> Counter[date]:
    months: Counter[date] = Counter()
    for day, count in db.session.execute(days):
        if day is not None:
            months[first_of(day)] += count
    return months
