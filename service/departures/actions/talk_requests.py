"""Door open (puertas abiertas): a former client says "I'd like to talk"."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import select

from service import clock
from service.clients.actions import bases
from service.current import company
from service.extensions import db
from service.mail import links
from service.models import (
    Channel,
    Contact,
    Conversation,
    ConversationState,
    DayPart,
    Departure,
    Event,
    EventKind,
    MailKind,
    MailState,
    OutboxMessage,
)
from service.team.actions.alerts import alert_about

BETWEEN = "\n\n"  # what was written at several times stands in paragraphs of its own
OVER = (ConversationState.held, ConversationState.declined)


@dataclass(frozen=True, slots=True)
class TalkDetails:
    """What somebody adds to "I'd like to talk"; `mark` says which mail's link was used."""

    message: str = ""
    channel: Channel | None = None
    phone: str = ""
    day_part: DayPart | None = None
    suits: str = ""
    mark: str = ""


def ask_to_talk(contact: Contact, details: TalkDetails) -> bool:
    """Note that the contact would like to talk, and alert the responsible at once.

    What they add belongs to the conversation that is open, or that began today. At most one alert
    a day is sent, and the same words are kept once. Return whether they had asked before.
    """
    db.session.execute(select(Contact.id).where(Contact.id == contact.id).with_for_update())
    today = clock.today(company().time_zone)
    contact.wants_to_talk_at = clock.now()
    bases.interact(contact)
    known = _standing(contact, today)
    conversation = known or _begun(contact, today)
    if _take_in(conversation, details) or known is None:
        _record_event(conversation, details)
    db.session.flush()
    alert_about(
        MailKind.alert_door_open,
        contact,
        conversation.departure,
        subject=f"contact:{contact.id}",
        cycle=today.toordinal(),
        context={"conversation_id": conversation.id},
    )
    return known is not None


def _standing(contact: Contact, today: date) -> Conversation | None:
    """Return the conversation that is not over, or else the one of today."""
    query = (
        select(Conversation)
        .where(
            Conversation.contact_id == contact.id,
            Conversation.state.not_in(OVER) | (Conversation.asked_on == today),
        )
        .order_by(Conversation.state.in_(OVER), Conversation.id.desc())
        .limit(1)
        .execution_options(populate_existing=True)
    )
    return db.session.scalar(query)


def _begun(contact: Contact, today: date) -> Conversation:
    departure = db.session.scalar(
        select(Departure)
        .where(Departure.contact_id == contact.id)
        .order_by(Departure.notice_on.desc(), Departure.id.desc())
        .limit(1)
    )
    at = clock.now()
    conversation = Conversation(
        contact=contact, departure=departure, asked_on=today, asked_at=at, changed_at=at
    )
    conversation.message = conversation.phone = conversation.suits = conversation.note = ""
    conversation.state, conversation.version = ConversationState.open, 0
    db.session.add(conversation)
    return conversation


def _take_in(conversation: Conversation, details: TalkDetails) -> bool:
    """Add what is new in the details; return whether anything was.

    What was over is open again when there are new words: they still want something.
    """
    mail = _mail_of(conversation.contact, details.mark)
    found = {
        "message": _with(conversation.message, details.message),
        "channel": details.channel or conversation.channel,
        "phone": details.phone or conversation.phone,
        "day_part": details.day_part or conversation.day_part,
        "suits": details.suits or conversation.suits,
        "outbox_id": conversation.outbox_id or (mail.id if mail else None),
    }
    changed = {name: value for name, value in found.items() if getattr(conversation, name) != value}
    for name, value in changed.items():
        setattr(conversation, name, value)
    is_news = bool(changed.keys() - {"outbox_id"})
    if is_news and conversation.state.is_over:
        conversation.state, conversation.ended_at = ConversationState.open, None
    if changed or not conversation.version:
        conversation.version += 1
        conversation.changed_at = clock.now()
    return is_news


def _with(said: str, more: str) -> str:
    """Return `said` and what is added to it, unless it says so already."""
    if not more or f"{BETWEEN}{more}{BETWEEN}" in f"{BETWEEN}{said}{BETWEEN}":
        return said
    return f"{said}{BETWEEN}{more}" if said else more


def _mail_of(contact: Contact, mark: str) -> OutboxMessage | None:
    """Return the mail to this contact that bears `mark`; a mark of anything else is nothing."""
    if not mark:
        return None
    mails = db.session.scalars(
        select(OutboxMessage)
        .where(
            OutboxMessage.contact_id == contact.id,
            OutboxMessage.state.in_((MailState.sent, MailState.sending, MailState.uncertain)),
        )
        .order_by(OutboxMessage.id.desc())
    )
    return next((mail for mail in mails if links.mark(mail) == mark), None)


def _record_event(conversation: Conversation, details: TalkDetails) -> None:
    if conversation.departure is None:
        return
    event = Event(
        departure_id=conversation.departure.id,
        kind=EventKind.wants_to_talk,
        is_by_contact=True,
        detail="\n".join(part for part in (details.message, details.phone, details.suits) if part),
    )
    db.session.add(event)
