"""Record a mail or an event that came in, once, and act on it when it is proven to be about ours.

Proof of a mail is our signed bounce address, or our Message-ID: 128 random bits that only the
recipient and we know; of a webhook's event its signature. Without proof nothing changes: the mail
is kept and shown. Flushes, never commits.
"""

from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import or_, select
from sqlalchemy.orm import joinedload

from service.clients.actions import bases
from service.clock import now
from service.consent.actions import preferences
from service.database import insert_into
from service.deliveries.actions import bounces
from service.errors import Conflict
from service.events.actions import record_event
from service.extensions import db
from service.mail.inbound import incoming as reading
from service.mail.inbound import references, replies
from service.mail.inbound.bounces import Report, report_in
from service.mail.inbound.incoming import Incoming
from service.mail.inbound.webhooks.events import WebhookEvent
from service.mail.policy import suppressions
from service.mail.rendering import headers
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
from service.protocols.actions import enrolments
from service.tokens import new_public_id

OUTCOMES = {
    InboundKind.delivered: Outcome.delivered,
    InboundKind.soft_bounce: Outcome.soft_bounced,
    InboundKind.hard_bounce: Outcome.hard_bounced,
    InboundKind.complaint: Outcome.complained,
}
Reader = Contact | TeamMember
KEPT_RAW = (InboundKind.unverified, InboundKind.unparsed)  # a person may have to read all of it


@dataclass(frozen=True, slots=True)
class Finding:
    """The kind of what came in, its text, and the mail of ours that it is proven to be about."""

    kind: InboundKind
    words: str
    status: str = ""
    mail: OutboxMessage | None = None
    evidence: Evidence | None = None
    report: Report | None = None


def receive(
    octets: bytes, source: InboundSource, recipients: tuple[str, ...] = ()
) -> InboundMail | None:
    """Record a mail and act on it; return None when it was recorded before.

    `recipients` are those of the envelope, if known. Octets after the first LARGEST_MAIL are not
    read.
    """
    incoming = reading.read(octets, recipients)
    finding = find(incoming)
    row = written(
        incoming.digest,
        source,
        finding,
        sender=incoming.sender,
        subject=incoming.subject,
        raw=incoming.octets if finding.kind in KEPT_RAW else None,
    )
    if row is not None and finding.mail is not None:
        _act(row, finding, finding.mail, incoming)
    return row


def keep(octets: bytes, source: InboundSource) -> InboundMail | None:
    """Record a mail for a person to look at, because acting on it raised an error."""
    incoming = reading.read(octets)
    return written(incoming.digest, source, Finding(InboundKind.unparsed, ""), raw=incoming.octets)


def find(incoming: Incoming) -> Finding:
    """Return what a mail is, and which of ours it is about. Reads only."""
    mail, evidence = _ours(incoming)
    report = report_in(incoming)
    if report is not None and not report.is_certain and not _speaks_of(report, mail):
        report = None  # a person who quotes a bounce, say
    if report is not None and report.kind is not InboundKind.unparsed:
        proven = report.kind if evidence else InboundKind.unverified
        return Finding(proven, report.words, report.status, mail, evidence, report)
    written = replies.excerpt(incoming)
    if report is not None:
        return Finding(InboundKind.unparsed, report.words or written, "", mail, evidence)
    if mail is not None and replies.wants_out(incoming, written):
        return Finding(InboundKind.unsubscribe, written, "", mail, evidence)
    if replies.is_automatic(incoming):
        return Finding(InboundKind.auto_reply, written, "", mail, evidence)
    kind = InboundKind.reply if mail is not None else InboundKind.unparsed
    return Finding(kind, written, "", mail, evidence)


def have_done(row: InboundMail, by: TeamMember) -> None:
    """Mark a mail that came in as done by a person. Raises Conflict when it is marked already."""
    if row.looked_at is not None:
        raise Conflict(_("Somebody of your team was faster: this mail is already looked after."))
    row.looked_at, row.looked_by_id = now(), by.id
    db.session.flush()


def _act(row: InboundMail, finding: Finding, mail: OutboxMessage, incoming: Incoming) -> None:
    """Act on a mail that is proven to be about `mail`."""
    if finding.kind in OUTCOMES:
        address = _address_of(mail, finding.report)
        bounces.record(mail, OUTCOMES[finding.kind], finding.words, row.source, address=address)
        return
    if mail.contact is None or _is_of_the_team(incoming.sender):
        row.looked_at = now()  # one of the team wrote it
        return
    if finding.kind is InboundKind.unsubscribe:
        wording = finding.words.partition("\n")[0] or incoming.subject
        preferences.unsubscribe(mail.contact, wording[:300], "reply")
    elif finding.kind is InboundKind.auto_reply:
        note(mail, EventKind.auto_replied, finding.words)
    elif finding.kind is InboundKind.reply:
        note(mail, EventKind.replied, finding.words)
        bases.interact(mail.contact)
        if mail.departure is not None:
            enrolments.pause(mail.departure)


def note(mail: OutboxMessage, kind: EventKind, words: str) -> None:
    """Record on the timeline that the reader of a mail, or their machine, answered."""
    if mail.departure is not None:
        record_event(mail.departure, kind, None, words).is_by_contact = True


def _ours(incoming: Incoming) -> tuple[OutboxMessage | None, Evidence | None]:
    """Return the mail of ours that a mail is about, by the strongest evidence."""
    for evidence, public_ids in references.of(incoming):
        mail = db.session.scalar(
            select(OutboxMessage)
            .where(OutboxMessage.public_id.in_(public_ids), OutboxMessage.message_id.is_not(None))
            .order_by(OutboxMessage.id.desc())
            .limit(1)
            .options(joinedload(OutboxMessage.contact), joinedload(OutboxMessage.member))
        )
        if mail is not None:
            return mail, evidence
    return None, None


def _speaks_of(report: Report, mail: OutboxMessage | None) -> bool:
    """Return whether an uncertain report names the reader of `mail`."""
    reader = (mail.contact or mail.member) if mail is not None else None
    return reader is not None and not report.recipients.isdisjoint(_spellings(reader.email))


def _address_of(mail: OutboxMessage, report: Report | None) -> str | None:
    """Return the reader's address, or None when the mail had gone to an earlier address of theirs.

    It is never taken from the report: whoever got the mail could write any address there.
    """
    reader = mail.contact or mail.member
    if reader is None:
        return None
    returned_to = report.returned_to if report else frozenset()
    is_of_now = not returned_to or not returned_to.isdisjoint(_spellings(reader.email))
    return reader.email if is_of_now else None


def _spellings(email: str) -> set[str]:
    """Return an address as it is stored and as it is sent over SMTP."""
    try:
        return {email.lower(), headers.wire_address(email).lower()}
    except headers.BadAddress:
        return {email.lower()}


def _is_of_the_team(sender: str) -> bool:
    """Return whether a team member wrote it, which is no reply of the client."""
    key = suppressions.email_key(sender)
    return db.session.scalar(select(TeamMember.id).where(TeamMember.email == key)) is not None


def written(
    digest: str, source: InboundSource, finding: Finding, **more: Any
) -> InboundMail | None:
    """Insert what came in; return None when `digest` was recorded before."""
    mail = finding.mail
    values = {
        "public_id": new_public_id(),
        "digest": digest,
        "source": source,
        "kind": finding.kind,
        "evidence": finding.evidence,
        "outbox_id": mail.id if mail else None,
        "contact_id": mail.contact_id if mail else None,
        "sender": "",
        "subject": "",
        "excerpt": finding.words,
        "status_code": finding.status[:20],
        "received_at": now(),
        **more,
    }
    statement = insert_into(InboundMail, db.engine).values(**values).on_conflict_do_nothing()
    row_id = db.session.scalar(statement.returning(InboundMail.id))
    return None if row_id is None else db.session.get_one(InboundMail, row_id)


def record_reported(event: WebhookEvent, source: InboundSource) -> InboundMail | None:
    """Record one event of a mail provider and act on it; return its row.

    It is about the mail with its Message-ID, else about the latest mail to its address. Return None
    when it was recorded before, when nobody here has the address, and for a delivery, which is
    recorded on the mail alone: a row for each would be of no use.
    """
    mail, reader = _about(event)
    outcome = OUTCOMES.get(event.kind)
    if mail is None and reader is None:
        return None  # the account sends other mails, too
    if outcome is Outcome.delivered:
        if mail is not None:
            bounces.record(mail, outcome, event.words, source)
        return None
    finding = Finding(event.kind, event.words, event.status, mail, Evidence.signed_webhook)
    contact = reader if isinstance(reader, Contact) else None
    more = {} if mail else {"contact_id": contact.id if contact else None}
    row = written(event.digest, source, finding, sender=event.recipient[:254], **more)
    if row is None:
        return None
    if outcome is not None and mail is not None:
        address = reader.email if reader else None
        bounces.record(mail, outcome, event.words, source, address=address)
    elif outcome is not None and reader is not None:
        bounces.suppress(reader.email, outcome, event.words, source)
    elif event.kind is InboundKind.unsubscribe and contact is not None:
        preferences.unsubscribe(contact, event.words or "unsubscribe", source)
    elif event.kind is InboundKind.auto_reply and mail is not None:
        note(mail, EventKind.auto_replied, event.words)
    return row


def _about(event: WebhookEvent) -> tuple[OutboxMessage | None, Reader | None]:
    """Return the mail that an event is about, and who has its address now."""
    key = suppressions.email_key(event.recipient)
    mail = _named(event)
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


def _named(event: WebhookEvent) -> OutboxMessage | None:
    """Return the mail whose Message-ID, or public id, the event carries."""
    ids = [*references.ids_of(event.message_ids), *event.public_ids]
    if not ids:
        return None
    query = select(OutboxMessage).where(OutboxMessage.public_id.in_(ids))
    return db.session.scalar(query.order_by(OutboxMessage.id.desc()).limit(1))
