"""Write a message down. The one gate for suppression, consent, samples, history; opens no socket.

A row is inserted in the transaction of the event that causes it, and its key makes it unique, so
whoever writes the same mail twice owes it once. After the commit the workers are woken.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import Insert as PostgresInsert
from sqlalchemy.orm import Session

from service.clock import now
from service.current import company
from service.extensions import db, queue
from service.mail import suppressions
from service.mail.kinds import RULES
from service.models import (
    Contact,
    Departure,
    MailKind,
    MailState,
    OutboxMessage,
    Provider,
    SkipReason,
    bases,
)
from service.tokens import new_public_id

DUE_NOW = "outbox_due_now"  # in the session's info: ids to hint at after the commit
BATCH = 100  # ids per job


def key(who: Contact | Provider, kind: MailKind, subject: str, step: str, cycle: int) -> str:
    """Return what makes a mail unique: who gets it, its kind and subject, the step, the cycle."""
    return f"{type(who).__name__.lower()}:{who.id}|{kind}|{subject}|{step}|{cycle}"


def write(
    kind: MailKind,
    to: Contact | Provider,
    *,
    subject: str,
    step: str = "",
    cycle: int = 0,
    due_at: datetime | None = None,
    expires_at: datetime | None = None,
    departure: Departure | None = None,
    sender: Provider | None = None,
    reply_to: OutboxMessage | None = None,
    context: Mapping[str, Any] | None = None,
    skip_reason: SkipReason | None = None,
    suppressed: suppressions.Found | None = None,
) -> OutboxMessage | None:
    """Add a mail to the outbox in the caller's transaction; None when it stands there already.

    `subject` is what it is about, such as ``departure:12``; `context` holds ids, never a person's
    words (an alert keeps the figures of its trouble). With `skip_reason`, or when the gate finds
    one, the row is written as skipped, so that the provider can read why the mail did not go.
    `due_at` (UTC) is now when not given.
    """
    moment = now()
    skip_reason = skip_reason or why_not(kind, to, departure, step, suppressed)
    is_contact = isinstance(to, Contact)
    values = {
        "key": key(to, kind, subject, step, cycle),
        "kind": kind,
        "language": to.language or company().language,
        "contact_id": to.id if is_contact else None,
        "provider_id": None if is_contact else to.id,
        "sender_id": sender.id if sender else None,
        "departure_id": departure.id if departure else None,
        "reply_to_message_id": reply_to.id if reply_to else None,
        "context": dict(context or {}),
        "step": step or None,
        "priority": RULES[kind].priority,
        "due_at": due_at or moment,
        "expires_at": expires_at,
        "state": MailState.skipped if skip_reason else MailState.queued,
        "skip_reason": skip_reason,
        "ended_at": moment if skip_reason else None,
    }
    row_id = db.session.scalar(_insert().values(**values).returning(OutboxMessage.id))
    if row_id is None:
        return None
    row = db.session.get_one(OutboxMessage, row_id)
    if row.state is MailState.queued and row.due_at <= moment:
        hint_at(row)
    return row


def write_many(
    kind: MailKind,
    contacts: Sequence[Contact],
    *,
    subject: str,
    cycle: int = 0,
    due_at: datetime | None = None,
    expires_at: datetime | None = None,
    context: Mapping[str, Any] | None = None,
    skip_reasons: Mapping[int, SkipReason] | None = None,
    signers: Collection[int] = (),
) -> dict[int, MailState]:
    """Add the same mail to many contacts, in one statement; return the new rows by their ids.

    As write(), row by row: what stands there already is left alone. `skip_reasons` are those
    that the caller knows of, by the contact's id. `signers` are providers, by id, who sign for
    the clients that they are responsible for. Load the contacts with their clients.
    """
    moment, house = now(), company()  # held, so that the gate finds it in the session every time
    due_at = due_at or moment
    suppressed = suppressions.find_all([contact.email for contact in contacts])
    rows = []
    for contact in contacts:
        known = (skip_reasons or {}).get(contact.id)
        reason = known or why_not(kind, contact, None, "", suppressed)
        signer = contact.client.responsible_id
        row = {
            "key": key(contact, kind, subject, "", cycle),
            "language": contact.language or house.language,
            "contact_id": contact.id,
            "sender_id": signer if signer in signers else None,
            "state": MailState.skipped if reason else MailState.queued,
            "skip_reason": reason,
            "ended_at": moment if reason else None,
        }
        rows.append({**row, "public_id": new_public_id()})
    if not rows:
        return {}
    shared = {
        "kind": kind,
        "context": dict(context or {}),
        "priority": RULES[kind].priority,
        "due_at": due_at,
        "expires_at": expires_at,
        "created_at": moment,
    }
    statement = _insert().returning(OutboxMessage.id, OutboxMessage.state)
    as_one: Any = {"render_nulls": True}  # else a statement for each mix of empty columns
    made = db.session.execute(
        statement, [{**shared, **row} for row in rows], execution_options=as_one
    )
    found = dict(made.all())
    if due_at <= moment:
        queued = [row_id for row_id, state in found.items() if state is MailState.queued]
        db.session.info.setdefault(DUE_NOW, []).extend(queued)
    return found


def hint_at(row: OutboxMessage) -> None:
    """Have the workers woken for this row once the transaction is committed."""
    db.session.info.setdefault(DUE_NOW, []).append(row.id)


@event.listens_for(db.session, "after_commit")
def _wake_the_workers(session: Session) -> None:
    """Hint at what this commit made due, so that no door can forget it; the clock has no need."""
    if session.in_nested_transaction():
        return
    ids = session.info.pop(DUE_NOW, [])
    for start in range(0, len(ids), BATCH):
        queue.wake("service.tasks.deliver", ids[start : start + BATCH])


@event.listens_for(db.session, "after_rollback")
def _forget_what_was_not_written(session: Session) -> None:
    session.info.pop(DUE_NOW, None)


def _insert() -> PostgresInsert:
    """Return INSERT … ON CONFLICT (key) DO NOTHING for the database in use."""
    insert: Any = postgresql.insert if db.engine.name == "postgresql" else sqlite.insert
    statement: PostgresInsert = insert(OutboxMessage).on_conflict_do_nothing(index_elements=["key"])
    return statement


def why_not(
    kind: MailKind,
    to: Contact | Provider,
    departure: Departure | None,
    step: str,
    suppressed: suppressions.Found | None = None,
) -> SkipReason | None:
    """Return why a mail may not go to this person, or None; asked again when it is claimed.

    `suppressed` spares the query when suppressions.find_all has asked for many at once.
    """
    if isinstance(to, Provider):
        return None
    if to.client.is_sample:
        return SkipReason.sample
    if departure is not None and departure.is_history and step:
        return SkipReason.history
    if suppressed is None:
        suppressed = suppressions.find_all([to.email])
    rules = RULES[kind]
    rows = suppressed.get(suppressions.email_key(to.email), ())
    if suppressions.stopping(rows, rules) is not None:
        return SkipReason.suppressed
    if rules.purpose is None:
        return None
    return bases.why_not(to, rules.purpose, company(), now())
