"""Decisions of a person about mails: send again, cancel, settle an uncertain one, give up.

Flushes, never commits. Each decision is one conditional UPDATE, so that of two people who decide at
once, or of a person and a worker, one does.
"""

from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import ColumnElement, Select, exists, insert, update
from sqlalchemy.orm import aliased

from service.clock import now
from service.errors import Conflict
from service.events.actions import record_event
from service.extensions import db
from service.mail import outbox
from service.mail.decision import Did, Hand, with_hand
from service.models import Event, EventKind, MailState, OutboxMessage, TeamMember

OPEN = (MailState.failed, MailState.uncertain)


def send_again(mail: OutboxMessage, by: TeamMember) -> None:
    """Send a failed or uncertain mail once more, with the same Message-ID and all attempts.

    Raises Conflict when somebody else has decided already.
    """
    _decide(mail, OPEN, Did.sent_again, by, **_from_the_start(now()))
    outbox.hint_at(mail)
    _record_event(mail, by)


def send_after_all(mail: OutboxMessage, by: TeamMember) -> None:
    """Send a cancelled mail: on its day when that is still to come, else in the next hours for it.

    Raises Conflict when it is not cancelled any more, or another mail has taken its place.
    """
    moment = now()
    anew = _from_the_start(max(mail.due_at, moment))
    if mail.expires_at is not None and mail.expires_at > moment:
        anew["expires_at"] = mail.expires_at
    _decide(mail, (MailState.cancelled,), Did.sent_after_all, by, ~_is_replaced(), **anew)
    if mail.due_at <= moment:
        outbox.hint_at(mail)
    _record_event(mail, by)


def send_all_again(ids: Select[int], by: TeamMember) -> int:
    """Send those of `ids` that failed once more; return how many.

    One statement, however many. The next round of the clock wakes the workers for them.
    """
    moment = now()
    hand = Hand(Did.sent_again, moment, by.id)
    changed = db.session.execute(
        update(OutboxMessage)
        .where(OutboxMessage.id.in_(ids), OutboxMessage.state == MailState.failed)
        .values(**_from_the_start(moment), decision=with_hand(hand))
        .returning(OutboxMessage.departure_id, OutboxMessage.step, OutboxMessage.kind)
        .execution_options(synchronize_session=False)
    ).all()
    events = [
        {
            "departure_id": row.departure_id,
            "kind": EventKind.mail_resolved,
            "provider_id": by.id,
            "detail": row.step or row.kind,
        }
        for row in changed
        if row.departure_id is not None
    ]
    if events:
        db.session.execute(insert(Event), events)
    return len(changed)


def cancel(mail: OutboxMessage, by: TeamMember) -> None:
    """Cancel a mail that waits. Raises Conflict when a worker has claimed it already."""
    refusal = _("It is too late to stop this mail: it is on its way, or already decided.")
    changes = {"state": MailState.cancelled, "ended_at": now()}
    _decide(mail, (MailState.queued,), Did.stopped, by, refusal=refusal, **changes)
    _record_event(mail, by)


def say_it_arrived(mail: OutboxMessage, by: TeamMember) -> None:
    """Close an uncertain mail as sent. Raises Conflict when it is decided already."""
    _decide(mail, (MailState.uncertain,), Did.said_it_arrived, by, state=MailState.sent)
    _record_event(mail, by)


def give_up(mail: OutboxMessage, by: TeamMember) -> None:
    """Cancel a failed or uncertain mail. Raises Conflict when it is decided already."""
    _decide(mail, OPEN, Did.stopped, by, state=MailState.cancelled, ended_at=now())
    _record_event(mail, by)


def _from_the_start(due_at: datetime) -> dict[str, Any]:
    return {
        "state": MailState.queued,
        "due_at": due_at,
        "expires_at": None,
        "ended_at": None,
        "outcome": None,
        "outcome_at": None,
        "outcome_words": "",
        "attempts": 0,
        "doubts": 0,
        "lease_owner": None,
        "lease_until": None,
        "handing_over_at": None,
    }


def _is_replaced() -> ColumnElement[bool]:
    """Return whether a later mail exists for the same step of the same departure."""
    later = aliased(OutboxMessage)
    return exists().where(
        OutboxMessage.step.is_not(None),
        later.departure_id == OutboxMessage.departure_id,
        later.step == OutboxMessage.step,
        later.id > OutboxMessage.id,
    )


def _decide(
    mail: OutboxMessage,
    among: tuple[MailState, ...],
    did: Did,
    by: TeamMember,
    *more: ColumnElement[bool],
    refusal: str = "",
    **changes: Any,
) -> None:
    changed = db.session.execute(
        update(OutboxMessage)
        .where(OutboxMessage.id == mail.id, OutboxMessage.state.in_(among), *more)
        .values(**changes, decision=with_hand(Hand(did, now(), by.id)))
        .execution_options(synchronize_session=False)
    )
    if not changed.rowcount:  # type: ignore[attr-defined]
        raise Conflict(
            refusal or _("Somebody of your team was faster: this mail is already looked after.")
        )
    db.session.refresh(mail)


def _record_event(mail: OutboxMessage, by: TeamMember) -> None:
    if mail.departure is not None:
        record_event(mail.departure, EventKind.mail_resolved, by, mail.step or mail.kind)
    db.session.flush()
