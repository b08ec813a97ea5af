"""Add mails to the outbox, through the one gate for suppression, consent, samples and history.

A row is inserted in the transaction of the event that causes it, and its key makes it unique: a
mail that is written twice is sent once. After the commit the workers are woken. Opens no socket.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Required, TypedDict, Unpack

from sqlalchemy import event
from sqlalchemy.orm import Session

from service.clock import now
from service.current import company
from service.database import insert_into
from service.extensions import db, queue
from service.mail.decision import Decision, Skip, as_json
from service.mail.kinds import RULES
from service.mail.policy import legal_basis, skips, suppressions
from service.models import (
    Contact,
    Departure,
    MailKind,
    MailState,
    OutboxMessage,
    SkipReason,
    TeamMember,
)

DUE_NOW = "outbox_due_now"  # in the session's info: ids to hint at after the commit
BATCH = 100  # ids per job

Row = dict[str, Any]  # the columns of a mail, as add() takes them


def key(who: Contact | TeamMember, kind: MailKind, subject: str, step: str, cycle: int) -> str:
    """Return what makes a mail unique: who gets it, its kind and subject, the step, the cycle."""
    # "provider" is what keys called a team member from the first row on: they are never renamed.
    reader = "contact" if isinstance(who, Contact) else "provider"
    return _key(f"{reader}:{who.id}", kind, subject, step, cycle)


def _key(who: str, kind: MailKind, subject: str, step: str = "", cycle: int = 0) -> str:
    return f"{who}|{kind}|{subject}|{step}|{cycle}"


class Facts(TypedDict, total=False):
    """The other facts of a mail; if it is not `refused`, why_not() decides whether it may go."""

    subject: Required[str]  # what it is about, such as ``departure:12``
    step: str
    cycle: int
    due_at: datetime | None  # in UTC; now when not given
    expires_at: datetime | None
    departure: Departure | None
    reply_to: OutboxMessage | None
    context: Mapping[str, Any] | None  # ids, never personal text; of an alert, the figures
    decision: Decision  # what asked for it; when not given, what `subject` names …
    by: TeamMember | None  # … or this team member
    refused: Skip | None
    suppressed: suppressions.Found | None  # of find_all, when many were looked up at once


def row(kind: MailKind, to: Contact | TeamMember, **facts: Unpack[Facts]) -> Row:
    """Return a mail as a row for add(); one that may not go is skipped, with its reason.

    The row holds its decision as it is in Python: add() makes values of JSON of it.
    """
    moment, is_contact = now(), isinstance(to, Contact)
    due_at, expires_at = facts.get("due_at") or moment, facts.get("expires_at")
    step, departure = facts.get("step", ""), facts.get("departure")
    reply_to = facts.get("reply_to")
    refused, unwanted = facts.get("refused"), facts.get("suppressed")
    reason = refused.reason if refused else why_not(kind, to, departure, step, unwanted)
    if reason is not None and refused is None:
        refused = skips.of(reason, kind, to, unwanted)
    by, decision = facts.get("by"), facts.get("decision")
    decision = decision or Decision(about=facts["subject"], by=by.id if by else None)
    return {
        "key": key(to, kind, facts["subject"], step, facts.get("cycle", 0)),
        "contact_id": to.id if is_contact else None,
        "provider_id": None if is_contact else to.id,
        "departure_id": departure.id if departure else None,
        "reply_to_message_id": reply_to.id if reply_to else None,
        "context": dict(facts.get("context") or {}),
        "step": step or None,
        "expires_at": expires_at,
        "skip_reason": reason,
        "ended_at": moment if reason else None,
        "decision": replace(decision, due=due_at, refused=refused, **_basis(kind, to, moment)),
        **_basics(kind, to.language or company().language, due_at, reason),
    }


def _basis(kind: MailKind, to: Contact | TeamMember, at: datetime) -> dict[str, Any]:
    """Return what writing to this person for the purpose of such a mail rests on."""
    purpose = RULES[kind].purpose
    if purpose is None or not isinstance(to, Contact):
        return {}
    found = legal_basis.permission(to, purpose, company(), at)
    return {"basis": found.basis, "since": found.since}


def _basics(
    kind: MailKind, language: str, due_at: datetime, reason: SkipReason | None = None
) -> Row:
    return {
        "kind": kind,
        "language": language,
        "priority": RULES[kind].priority,
        "due_at": due_at,
        "state": MailState.skipped if reason else MailState.queued,
    }


def add(rows: Sequence[Row]) -> dict[int, MailState]:
    """Add rows to the outbox in one statement of the caller's transaction; return the new by id.

    A row whose key exists is left alone. The workers are woken for the rows that are due.
    """
    if not rows:
        return {}
    message = OutboxMessage
    new = insert_into(message, db.engine).on_conflict_do_nothing(index_elements=["key"])
    statement = new.returning(message.id, message.state, message.due_at)
    as_one: Any = {"render_nulls": True}  # else a statement for each mix of empty columns
    made = db.session.execute(statement, _decided(rows), execution_options=as_one).all()
    queued, moment = MailState.queued, now()
    due = [row_id for row_id, state, at in made if state is queued and at <= moment]
    db.session.info.setdefault(DUE_NOW, []).extend(due)
    return {row_id: state for row_id, state, _at in made}


def _decided(rows: Sequence[Row]) -> list[Row]:
    """Return rows with their decisions as values of JSON, and with when and how who said no."""
    is_no = {row["key"] for row in rows if row["skip_reason"] is SkipReason.no_consent}
    asked = {row["key"]: (row["contact_id"], RULES[row["kind"]].purpose) for row in rows}
    noes, found = skips.noes_of({asked[key] for key in is_no}), []
    for row in rows:
        decision: Decision = row["decision"]
        if row["key"] in is_no:
            decision = replace(decision, refused=skips.said_no(noes.get(asked[row["key"]])))
        found.append({**row, "decision": as_json(decision)})
    return found


def write(kind: MailKind, to: Contact | TeamMember, **facts: Unpack[Facts]) -> OutboxMessage | None:
    """Add a mail to the outbox; return None when its key exists already."""
    found = add([row(kind, to, **facts)])
    return db.session.get_one(OutboxMessage, next(iter(found))) if found else None


def write_many(
    kind: MailKind,
    contacts: Sequence[Contact],
    *,
    skipped: Mapping[int, Skip],
    **facts: Unpack[Facts],
) -> dict[int, MailState]:
    """Add the same mail to many contacts, in one statement; return the new rows by their ids.

    `skipped` are those that the caller has decided, by the contact's id. Load the contacts with
    their clients.
    """
    _held = company()  # keeps it in the session for every row
    facts["suppressed"] = suppressions.find_all([contact.email for contact in contacts])
    rows = []
    for contact in contacts:
        facts["refused"] = skipped.get(contact.id)
        rows.append(row(kind, contact, **facts))
    return add(rows)


def write_issue(
    kind: MailKind,
    to: Mapping[int, str],
    *,
    subject: str,
    due_at: datetime,
    issue_id: int | None = None,
    sender: TeamMember | None = None,
) -> None:
    """Add one mail of a mailing for each contact that has none of it yet.

    One statement, however many, and without why_not(), which is asked when the mails are claimed.
    `to` is the language of each mail by the contact's id. The next tick wakes the workers.
    """
    apart = timedelta(microseconds=1)  # one after the other, so that no claim has to sort them
    rows = [
        {
            "key": _key(f"contact:{contact_id}", kind, subject),
            "contact_id": contact_id,
            "sender_id": sender.id if sender else None,
            "issue_id": issue_id,
            "context": {},
            **_basics(kind, language, due_at - (len(to) - place) * apart),
        }
        for place, (contact_id, language) in enumerate(to.items())
    ]
    if rows:
        new = insert_into(OutboxMessage.__table__, db.engine)
        new = new.on_conflict_do_nothing(index_elements=["key"])
        db.session.connection().execute(new, rows)


def hint_at(row: OutboxMessage) -> None:
    """Wake the workers for this row once the transaction is committed."""
    db.session.info.setdefault(DUE_NOW, []).append(row.id)


@event.listens_for(db.session, "after_commit")
def _wake_the_workers(session: Session) -> None:
    """Hint at what this commit made due, so that no entry point can forget to do so."""
    if session.in_nested_transaction():
        return
    ids = session.info.pop(DUE_NOW, [])
    for start in range(0, len(ids), BATCH):
        queue.wake("service.tasks.deliver", ids[start : start + BATCH])


@event.listens_for(db.session, "after_rollback")
def _forget_what_was_not_written(session: Session) -> None:
    session.info.pop(DUE_NOW, None)


def why_not(
    kind: MailKind,
    to: Contact | TeamMember,
    departure: Departure | None,
    step: str,
    suppressed: suppressions.Found | None = None,
    at: datetime | None = None,
) -> SkipReason | None:
    """Return why a mail may not go to this person at `at` (default: now), or None.

    It is asked again when the mail is claimed. `suppressed` spares the query when
    suppressions.find_all has asked for many at once.
    """
    if isinstance(to, TeamMember):
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
    return legal_basis.why_not(to, rules.purpose, company(), at or now())
