"""Figures of the answers of filtered departures, in a few aggregate statements.

None of them grows with history: each walks the period by its index, or stops at a limit.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import ColumnElement, Select, and_, case, func, select

from service.departures.queries.filters import DepartureFilters, first_of
from service.extensions import db
from service.models import (
    Departure,
    DepartureReason,
    Invitation,
    InvitationKind,
    Reason,
    Response,
    ResponseReason,
)
from service.statistics import NetPromoterScore, Share

SENT = Response.submitted_at.is_not(None)  # a partial answer is nobody's yet


@dataclass(slots=True)
class Tally:
    """Counts over some departures."""

    departures: int = 0
    invited: int = 0
    answered: int = 0
    promoters: int = 0
    detractors: int = 0
    scored: int = 0
    rated: int = 0  # gave a satisfaction
    satisfied: int = 0  # of 4 or 5

    def add(self, counts: Iterable[int | None]) -> None:
        """Add one row of counts, in the order of the fields."""
        for name, count in zip(self.__slots__, counts, strict=True):
            setattr(self, name, getattr(self, name) + int(count or 0))

    @property
    def counts(self) -> list[int]:
        """The counts, in the order of the fields."""
        return [getattr(self, name) for name in self.__slots__]

    @property
    def nps(self) -> NetPromoterScore:
        """The net promoter score of those who gave a score."""
        passives = self.scored - self.promoters - self.detractors
        return NetPromoterScore(self.promoters, passives, self.detractors)

    @property
    def response_rate(self) -> Share:
        """Those who answered, of those who were asked."""
        return Share(self.answered, self.invited)

    @property
    def csat(self) -> Share:
        """Those who gave a 4 or 5, of those who gave a satisfaction."""
        return Share(self.satisfied, self.rated)


@dataclass(slots=True)
class Month:
    """One calendar month of the trend, or a whole year."""

    first: date
    tally: Tally
    is_year: bool = False

    @property
    def last(self) -> date:
        """Its last day."""
        return first_of(self.first, 12 if self.is_year else 1) - timedelta(days=1)


@dataclass(slots=True)
class Summary:
    """The figures of a period, whole and month by month (oldest first, none left out)."""

    whole: Tally
    months: list[Month]


def summary(filters: DepartureFilters) -> Summary:
    """Return the figures of `filters`: one statement, by day, the order of its index."""
    query = (
        select(Departure.end_on, *_counts())
        .select_from(Departure)
        .outerjoin(
            Invitation,
            and_(Invitation.departure_id == Departure.id, Invitation.kind == InvitationKind.survey),
        )
        .outerjoin(Response, and_(Response.departure_id == Departure.id, SENT))
        .where(*filters.conditions)
        .group_by(Departure.end_on)
    )
    whole, months = Tally(), dict[date, Tally]()
    for end_on, *counts in db.session.execute(query):
        whole.add(counts)
        if end_on is not None:
            months.setdefault(first_of(end_on), Tally()).add(counts)
    return Summary(whole, _without_gaps(months))


def _counts() -> list[ColumnElement[int]]:
    """Return the columns of a Tally."""
    return [
        func.count(),
        func.count(Invitation.id),
        func.count(Response.id),
        _count_if(Response.score >= 9),
        _count_if(Response.score <= 6),
        func.count(Response.score),
        func.count(Response.satisfaction),
        _count_if(Response.satisfaction >= 4),
    ]


def _count_if(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.count(case((condition, 1)))


def _without_gaps(months: dict[date, Tally]) -> list[Month]:
    if not months:
        return []
    found, month = [], min(months)
    while month <= max(months):
        found.append(Month(month, months.get(month, Tally())))
        month = first_of(month, 1)
    return found


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """One reason on both sides: the provider's own guess, and what the client then said."""

    reason: Reason
    guessed: int
    said: int
    agreed: int  # departures in which both name it


def reasons(filters: DepartureFilters) -> list[ReasonCount]:
    """Return the reasons given by either side, the client's most frequent first."""
    guessed = dict(db.session.execute(_guessed(filters)).all())
    said = {row.reason: row for row in db.session.execute(_said(filters))}
    counts = [
        ReasonCount(
            reason,
            guessed.get(reason, 0),
            said[reason].said if reason in said else 0,
            said[reason].agreed if reason in said else 0,
        )
        for reason in Reason
        if reason in guessed or reason in said
    ]
    return sorted(counts, key=lambda count: (-count.said, -count.guessed))


def _guessed(filters: DepartureFilters) -> Select[Reason, int]:
    return (
        select(DepartureReason.reason, func.count())
        .join(Departure, Departure.id == DepartureReason.departure_id)
        .where(*filters.conditions)
        .group_by(DepartureReason.reason)
    )


def _said(filters: DepartureFilters) -> Select[Reason, int, int]:
    both = and_(
        DepartureReason.departure_id == Response.departure_id,
        DepartureReason.reason == ResponseReason.reason,
    )
    return (
        select(
            ResponseReason.reason,
            func.count().label("said"),
            func.count(DepartureReason.departure_id).label("agreed"),
        )
        .join(Response, and_(Response.id == ResponseReason.response_id, SENT))
        .join(Departure, Departure.id == Response.departure_id)
        .outerjoin(DepartureReason, both)
        .where(*filters.conditions)
        .group_by(ResponseReason.reason)
    )


def services(filters: DepartureFilters) -> Sequence[str]:
    """Return the services that end in the period, by name."""
    query = select(Departure.service).where(
        *filters.of_any_service().conditions, Departure.service != ""
    )
    return db.session.scalars(query.distinct().order_by(Departure.service)).all()
