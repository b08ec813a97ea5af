"""Lists of those who would like to talk: who waits, who is planned, what came of it."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import joinedload
from sqlalchemy.sql.base import ExecutableOption

from service.extensions import db
from service.models import Contact, Conversation, ConversationState, Departure
from service.paging import Page, cut, page_within

TO_COME = (ConversationState.open, ConversationState.planned)
OVER = (ConversationState.held, ConversationState.declined)


def page(state: str, number: int) -> Page[Conversation]:
    """Return a page of what is to come, the longest waiting first, or of what is over."""
    is_over = state == "over"
    wanted = Conversation.state.in_(OVER if is_over else TO_COME)
    count = db.session.scalar(select(func.count()).select_from(Conversation).where(wanted)) or 0
    number = page_within(number, count)
    by_age = Conversation.ended_at.desc() if is_over else Conversation.asked_at
    query = select(Conversation).where(wanted).options(*_people()).order_by(by_age, Conversation.id)
    return Page(db.session.scalars(cut(query, number)).all(), count, number)


def find(public_id: str) -> Conversation | None:
    """Return a conversation with its people."""
    query = select(Conversation).where(Conversation.public_id == public_id).options(*_people())
    return db.session.scalar(query)


def of(departure: Departure) -> Sequence[Conversation]:
    """Return the conversations of a departure, what is to come first, then the latest first."""
    query = (
        select(Conversation)
        .where(Conversation.departure_id == departure.id)
        .options(*_people())
        .order_by(Conversation.state.in_(OVER), Conversation.asked_at.desc())
    )
    return db.session.scalars(query).all()


def last_with(departure: Departure) -> Conversation | None:
    """Return the latest conversation with the departure's contact that came through a mail."""
    query = (
        select(Conversation)
        .where(Conversation.contact_id == departure.contact_id, Conversation.outbox_id.is_not(None))
        .order_by(Conversation.asked_at.desc())
        .limit(1)
    )
    return db.session.scalar(query)


def _people() -> list[ExecutableOption]:
    contact = joinedload(Conversation.contact).joinedload(Contact.client)
    departure = joinedload(Conversation.departure)
    return [
        contact,
        departure.joinedload(Departure.responsible),
        joinedload(Conversation.mail),
        joinedload(Conversation.provider),
    ]
