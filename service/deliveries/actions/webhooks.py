"""What a provider's signed webhook tells, event by event. Flushes, never commits."""

from sqlalchemy import or_, select

from service.consent.actions import preferences
from service.deliveries.actions import bounces
from service.deliveries.actions.inbound import OUTCOMES, Finding, note, written
from service.extensions import db
from service.mail.inbound import references
from service.mail.inbound.webhooks.events import Told
from service.mail.policy import suppressions
from service.models import (
    Contact,
    EventKind,
    Evidence,
    InboundKind,
    InboundMail,
    InboundSource,
    MailState,
    OutboxMessage,
    Outcome,
    TeamMember,
)

Reader = Contact | TeamMember


def hear(told: Told, source: InboundSource) -> InboundMail | None:
    """Take one event; None when it came before, is about nobody we know, or leaves no trace.

    It is tied to a mail by its Message-ID, else to the latest one to that address. That a mail was
    delivered is written on the mail alone: one row more for each would tell nobody anything.
    """
    mail, reader = _about(told)
    outcome = OUTCOMES.get(told.kind)
    if mail is None and reader is None:
        return None  # the account sends for others, too
    if outcome is Outcome.delivered:
        if mail is not None:
            bounces.record(mail, outcome, told.words, source)
        return None
    finding = Finding(told.kind, told.words, told.status, mail, Evidence.signed_webhook)
    contact = reader if isinstance(reader, Contact) else None
    more = {} if mail else {"contact_id": contact.id if contact else None}
    row = written(told.digest, source, finding, sender=told.recipient[:254], **more)
    if row is None:
        return None
    if outcome is not None and mail is not None:
        address = reader.email if reader else None
        bounces.record(mail, outcome, told.words, source, address=address)
    elif outcome is not None and reader is not None:
        bounces.suppress(reader.email, outcome, told.words, source)
    elif told.kind is InboundKind.unsubscribe and contact is not None:
        preferences.unsubscribe(contact, told.words or "unsubscribe", source)
    elif told.kind is InboundKind.auto_reply and mail is not None:
        note(mail, EventKind.auto_replied, told.words)
    return row


def _about(told: Told) -> tuple[OutboxMessage | None, Reader | None]:
    """Return the mail that an event is about, and whoever has the address it names now."""
    key = suppressions.email_key(told.recipient)
    mail = _named(told)
    if mail is not None:
        reader = mail.contact or mail.member
        has_moved = key and reader and suppressions.email_key(reader.email) != key
        return mail, None if has_moved else reader
    if not key:
        return None, None
    contacts, providers = Contact.email_key == key, TeamMember.email == key
    latest = (
        select(OutboxMessage)
        .where(
            OutboxMessage.state.in_([MailState.sent, MailState.uncertain]),
            or_(
                OutboxMessage.contact_id.in_(select(Contact.id).where(contacts)),
                OutboxMessage.provider_id.in_(select(TeamMember.id).where(providers)),
            ),
        )
        .order_by(OutboxMessage.ended_at.desc(), OutboxMessage.id.desc())
        .limit(1)
    )
    if (mail := db.session.scalar(latest)) is not None:
        return mail, mail.contact or mail.member
    known: Reader | None = db.session.scalar(select(Contact).where(contacts).limit(1))
    return None, known or db.session.scalar(select(TeamMember).where(providers).limit(1))


def _named(told: Told) -> OutboxMessage | None:
    """Return the mail whose Message-ID, or public id, the event carries."""
    ids = [*references.ids_of(told.message_ids), *told.public_ids]
    if not ids:
        return None
    query = select(OutboxMessage).where(OutboxMessage.public_id.in_(ids))
    return db.session.scalar(query.order_by(OutboxMessage.id.desc()).limit(1))
