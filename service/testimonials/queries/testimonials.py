"""Testimonials to read: the provider's list, and the published ones for the world."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import contains_eager

from service.extensions import db
from service.models import Client, Departure, Testimonial, TestimonialState
from service.paging import Page, cut, page_within

SORTS = {
    "submitted": Testimonial.submitted_at,
    "client": Client.name_key,
    "approved": Testimonial.approved_at,
}
STATES = tuple(TestimonialState)


@dataclass(frozen=True, slots=True)
class Published:
    """What the world may know of a testimonial. Moments are ISO 8601 in UTC."""

    id: str
    quote: str
    name: str
    role: str
    company: str
    language: str
    published_at: str
    is_shortened: bool


def published() -> list[Published]:
    """Return the testimonials that may be shown on the website, the newest first.

    Approved here, allowed there, not taken back, and of no sample client.
    """
    query = (
        select(Testimonial)
        .join(Testimonial.departure)
        .join(Departure.client)
        .where(Testimonial.is_published, Client.is_sample.is_(False))
        .order_by(Testimonial.approved_at.desc(), Testimonial.id.desc())
    )
    return [_published(row) for row in db.session.scalars(query)]


def _published(row: Testimonial) -> Published:
    return Published(
        id=row.public_id,
        quote=row.shown_quote,
        name=row.display_name,
        role=row.display_role,
        company=row.display_company,
        language=row.language,
        published_at=row.approved_at.isoformat(timespec="seconds") if row.approved_at else "",
        is_shortened=row.shown_quote != row.quote,
    )


def as_records(rows: Iterable[Published]) -> list[dict[str, object]]:
    """Return plain dictionaries, for JSON and CSV."""
    return [asdict(row) for row in rows]


def counts() -> dict[TestimonialState, int]:
    """Return how many there are in each state."""
    query = select(Testimonial.state, func.count()).group_by(Testimonial.state)
    found = {row[0]: row[1] for row in db.session.execute(query)}
    return {state: found.get(state, 0) for state in STATES}


def find(state: TestimonialState | None, words: str, sort: str, number: int) -> Page[Testimonial]:
    """Return a page of testimonials: of a state, with `words` in text or names, sorted."""
    query = _filtered(select(Testimonial), state, words)
    count = db.session.scalar(_filtered(select(func.count(Testimonial.id)), state, words)) or 0
    number = page_within(number, count)
    column = SORTS.get(sort.removeprefix("-"), Testimonial.submitted_at)
    order = column.desc() if sort.startswith("-") or sort.removeprefix("-") not in SORTS else column
    client = contains_eager(Testimonial.departure).contains_eager(Departure.client)
    query = query.options(client).order_by(order, Testimonial.id.desc())
    return Page(db.session.scalars(cut(query, number)).all(), count, number)


def _filtered(query: Select[Any], state: TestimonialState | None, words: str) -> Select[Any]:
    query = query.join(Testimonial.departure).join(Departure.client)
    if state is not None:
        query = query.where(Testimonial.state == state)
    for word in words.split():
        columns = (Testimonial.quote, Testimonial.display_name, Client.name)
        query = query.where(or_(*(column.icontains(word, autoescape=True) for column in columns)))
    return query
