"""The clients' own words: the latest answers, what they valued, what waits to be read."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select

from service.departures.queries.filters import DepartureFilters
from service.extensions import db
from service.models import Client, Contact, Departure, Response, Testimonial, TestimonialState


@dataclass(frozen=True, slots=True)
class Said:
    """One answer as the results page quotes it."""

    departure: str  # its public id
    client: str
    contact: str
    at: datetime | None
    score: int | None
    valued_most: str
    to_improve: str
    comment: str


def latest(filters: DepartureFilters, limit: int = 5) -> list[Said]:
    """Return the latest answers, newest first."""
    return _latest(filters, limit)


def latest_valued(filters: DepartureFilters, limit: int = 5) -> list[Said]:
    """Return the latest answers that say what was valued most."""
    return _latest(filters, limit, Response.valued_most != "")


def latest_to_improve(filters: DepartureFilters, limit: int = 5) -> list[Said]:
    """Return the latest answers that say what to improve."""
    return _latest(filters, limit, Response.to_improve != "")


def _latest(filters: DepartureFilters, limit: int, *conditions: ColumnElement[bool]) -> list[Said]:
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
    return [Said(*row) for row in db.session.execute(query)]


@dataclass(frozen=True, slots=True)
class Quoted:
    """A testimonial that waits to be read."""

    public_id: str
    client: str
    quote: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Waiting:
    """Testimonials to be read: how many, and the oldest ones."""

    count: int
    oldest: list[Quoted]


def waiting_testimonials(limit: int = 3) -> Waiting:
    """Return the testimonials that wait for the provider, whatever the filters."""
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
    return Waiting(count, [Quoted(*row) for row in db.session.execute(query)])
