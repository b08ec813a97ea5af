"""Lists of those who would like to talk: who waits, who is planned, what came of it."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import joinedload
from sqlalchemy.sql.base import ExecutableOption

from service.extensions import db
from service.models import Contact, Departure, TalkRequest, TalkRequestState
from service.paging import Page, cut, page_within

TO_COME = (TalkRequestState.open, TalkRequestState.planned)
OVER = (TalkRequestState.held, TalkRequestState.declined)


def page(state: str, number: int) -> Page[TalkRequest]:
    """Return a page of what is to come, the longest waiting first, or of what is over."""
    is_over = state == "over"
    wanted = TalkRequest.state.in_(OVER if is_over else TO_COME)
    count = db.session.scalar(select(func.count()).select_from(TalkRequest).where(wanted)) or 0
    number = page_within(number, count)
    by_age = TalkRequest.ended_at.desc() if is_over else TalkRequest.asked_at
    query = select(TalkRequest).where(wanted).options(*_people()).order_by(by_age, TalkRequest.id)
    return Page(db.session.scalars(cut(query, number)).all(), count, number)


def find(public_id: str) -> TalkRequest | None:
    """Return a talk request with its people."""
    query = select(TalkRequest).where(TalkRequest.public_id == public_id).options(*_people())
    return db.session.scalar(query)


def of(departure: Departure) -> Sequence[TalkRequest]:
    """Return the talk requests of a departure, what is to come first, then the latest first."""
    query = (
        select(TalkRequest)
        .where(TalkRequest.departure_id == departure.id)
        .options(*_people())
        .order_by(TalkRequest.state.in_(OVER), TalkRequest.asked_at.desc())
    )
    return db.session.scalars(query).all()


def last_with(departure: Departure) -> TalkRequest | None:
    """Return the latest talk request of the departure's contact that came through a mail."""
    query = (
        select(TalkRequest)
        .where(TalkRequest.contact_id == departure.contact_id, TalkRequest.outbox_id.is_not(None))
        .order_by(TalkRequest.asked_at.desc())
        .limit(1)
    )
    return db.session.scalar(query)


def _people() -> list[ExecutableOption]:
    contact = joinedload(TalkRequest.contact).joinedload(Contact.client)
    departure = joinedload(TalkRequest.departure)
    return [
        contact,
        departure.joinedload(Departure.responsible),
        joinedload(TalkRequest.mail),
        joinedload(TalkRequest.member),
    ]
