"""The figures of the results page: rates, trend, reasons, and the latest answers as quotes.

A few aggregate statements. None grows with history: each walks an index over the period, or stops
at a limit.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, and_, case, func, select

from service.departures.queries.filters import DepartureFilters, first_of
from service.extensions import db
from service.models import (
    Client,
    Contact,
    Departure,
    DepartureReason,
    Invitation,
    InvitationKind,
    Reason,
    Response,
    ResponseReason,
    Testimonial,
    TestimonialState,
)
from service.statistics import NetPromoterScore, Share

SENT = Response.submitted_at.is_not(None)  # a partial response counts nowhere
MOST_MONTHS = 18  # that fit beside each other


@dataclass(slots=True)
class Tally:
    """The counts of some departures."""

    departures: int = 0
    invited: int = 0
    answered: int = 0
    promoters: int = 0
    detractors: int = 0
    scored: int = 0
    rated: int = 0  # gave a satisfaction
    satisfied: int = 0  # gave a 4 or a 5

    def add(self, counts: Iterable[int | None]) -> None:
        """Add a row of counts, in the order of the fields."""
        for name, count in zip(self.__slots__, counts, strict=True):
            setattr(self, name, getattr(self, name) + int(count or 0))

    @property
    def counts(self) -> list[int]:
        """The counts, in the order of the fields."""
        return [getattr(self, name) for name in self.__slots__]

    @property
    def nps(self) -> NetPromoterScore:
        """The net promoter score of the scores given."""
        passives = self.scored - self.promoters - self.detractors
        return NetPromoterScore(self.promoters, passives, self.detractors)

    @property
    def response_rate(self) -> Share:
        """The share of the invited that answered."""
        return Share(self.answered, self.invited)

    @property
    def csat(self) -> Share:
        """The share of the satisfactions given that are a 4 or a 5."""
        return Share(self.satisfied, self.rated)


@dataclass(slots=True)
class Month:
    """A calendar month of the trend, or a calendar year."""

    first: date
    tally: Tally
    is_year: bool = False

    @property
    def last(self) -> date:
        """Its last day."""
        return first_of(self.first, 12 if self.is_year else 1) - timedelta(days=1)


@dataclass(slots=True)
class Summary:
    """The figures of a period, whole and month by month: the oldest first, none left out."""

    whole: Tally
    months: list[Month]

    @property
    def trend(self) -> list[Month]:
        """The months, or their years when there are more months than MOST_MONTHS."""
        if len(self.months) <= MOST_MONTHS:
            return self.months
        years: dict[date, Tally] = {}
        for month in self.months:
            years.setdefault(date(month.first.year, 1, 1), Tally()).add(month.tally.counts)
        return [Month(first, tally, is_year=True) for first, tally in years.items()]


def summary(filters: DepartureFilters) -> Summary:
    """Return the figures of `filters`, in one statement by day, which is the order of its index."""
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
    without_gaps, month = [], min(months, default=date.max)
    while months and month <= max(months):
        without_gaps.append(Month(month, months.get(month, Tally())))
        month = first_of(month, 1)
    return Summary(whole, without_gaps)


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


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How often one reason was given by the team, and by the client in the survey."""

    reason: Reason
    guessed: int  # by the team
    said: int  # by the client
    agreed: int  # departures in which both give it


def reasons(filters: DepartureFilters) -> list[ReasonCount]:
    """Return the reasons that the team or clients gave, the clients' most frequent first."""
    by_team = (
        select(DepartureReason.reason, func.count())
        .join(Departure, Departure.id == DepartureReason.departure_id)
        .where(*filters.conditions)
        .group_by(DepartureReason.reason)
    )
    is_same = and_(
        DepartureReason.departure_id == Response.departure_id,
        DepartureReason.reason == ResponseReason.reason,
    )
    by_clients = (
        select(ResponseReason.reason, func.count(), func.count(DepartureReason.departure_id))
        .join(Response, and_(Response.id == ResponseReason.response_id, SENT))
        .join(Departure, Departure.id == Response.departure_id)
        .outerjoin(DepartureReason, is_same)
        .where(*filters.conditions)
        .group_by(ResponseReason.reason)
    )
    guessed = dict(db.session.execute(by_team).all())
    said = {reason: counts for reason, *counts in db.session.execute(by_clients)}
    counts = [
        ReasonCount(reason, guessed.get(reason, 0), *said.get(reason, (0, 0)))
        for reason in Reason
        if reason in guessed or reason in said
    ]
    return sorted(counts, key=lambda count: (-count.said, -count.guessed))


def services(filters: DepartureFilters) -> Sequence[str]:
    """Return the services of the period's departures, by name."""
    query = select(Departure.service).where(
        *filters.of_any_service().conditions, Departure.service != ""
    )
    return db.session.scalars(query.distinct().order_by(Departure.service)).all()


@dataclass(frozen=True, slots=True)
class Quote:
    """One response as the results page quotes it."""

    departure: str  # public id
    client: str
    contact: str
    at: datetime | None
    score: int | None
    valued_most: str
    to_improve: str
    comment: str

    @property
    def text(self) -> str:
        """The text that says most: the comment, else what to improve, else what was valued."""
        return self.comment or self.to_improve or self.valued_most


def latest(filters: DepartureFilters, limit: int = 5) -> list[Quote]:
    """Return the latest sent responses, the newest first."""
    return _latest(filters, limit)


def latest_valued(filters: DepartureFilters, limit: int = 5) -> list[Quote]:
    """Return the latest sent responses that say what was valued most, the newest first."""
    return _latest(filters, limit, Response.valued_most != "")


def latest_to_improve(filters: DepartureFilters, limit: int = 5) -> list[Quote]:
    """Return the latest sent responses that say what to improve, the newest first."""
    return _latest(filters, limit, Response.to_improve != "")


def _latest(filters: DepartureFilters, limit: int, *conditions: ColumnElement[bool]) -> list[Quote]:
    query = (
        select(
            Departure.public_id,
            Client.name,
            Contact.name,
            Response.submitted_at,
            Response.score,
            Response.valued_most,
            Response.to_improve,
            Response.comment,
        )
        .join(Response, Response.departure_id == Departure.id)
        .join(Client, Client.id == Departure.client_id)
        .join(Contact, Contact.id == Departure.contact_id)
        .where(*filters.answers_within(Response.submitted_at), *conditions)
        .order_by(Response.submitted_at.desc(), Response.id.desc())
        .limit(limit)
    )
    return [Quote(*row) for row in db.session.execute(query)]


@dataclass(frozen=True, slots=True)
class WaitingTestimonial:
    """A testimonial that waits to be read."""

    public_id: str
    client: str
    quote: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Waiting:
    """The testimonials that wait to be read: how many, and the oldest ones."""

    count: int
    oldest: list[WaitingTestimonial]


def waiting_testimonials(limit: int = 3) -> Waiting:
    """Return the testimonials that wait to be read, of all departures."""
    waits = Testimonial.state == TestimonialState.submitted
    query = (
        select(Testimonial.public_id, Client.name, Testimonial.quote, Testimonial.submitted_at)
        .join(Departure, Departure.id == Testimonial.departure_id)
        .join(Client, Client.id == Departure.client_id)
        .where(waits)
        .order_by(Testimonial.submitted_at)
        .limit(limit)
    )
    count = db.session.scalar(select(func.count()).select_from(Testimonial).where(waits)) or 0
    return Waiting(count, [WaitingTestimonial(*row) for row in db.session.execute(query)])
