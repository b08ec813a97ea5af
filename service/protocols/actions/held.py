"""Hold mails of a protocol back, and decide about those that are held. Flushes.

A mail is held from before it would have gone, so that nothing of it leaves by itself. Whoever lets
it go, sends or drops it is the first to do so: each is one conditional UPDATE.
"""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import ColumnElement, exists, update

from service.clock import now
from service.errors import Conflict, Refused
from service.events.actions import record_event
from service.extensions import db
from service.labels import why_not
from service.mail import outbox
from service.mail.decision import Decision, Did, Hand, Skip, as_json, with_skip
from service.mail.policy import suppressions
from service.mail.sql import from_now, rarely
from service.models import (
    Departure,
    EventKind,
    MailState,
    OutboxMessage,
    Priority,
    SkipReason,
    TeamMember,
)
from service.models.steps import Step
from service.protocols.actions.progress import Owed, invite, locked, revive, write_all
from service.protocols.rules.plans import (
    anchor_of,
    can_be_threaded,
    due_at_of,
    plan,
    why_not_by_hand,
    why_over,
)
from service.protocols.rules.situations import Situation

HELD_FOR = timedelta(days=14)  # from when it would have gone


def hold(departure: Departure, steps: Collection[str], by: TeamMember | None) -> int:
    """Hold those mails of the `steps` that would go, written or not; return how many.

    A mail that a worker has claimed goes. `by` is None on the command line.
    """
    return hold_all([(locked(departure), steps)], by)


def hold_all(found: Collection[tuple[Situation, Collection[str]]], by: TeamMember | None) -> int:
    """Do what hold() does for the steps of many situations, which are locked."""
    moment = now()
    hand, count = Hand(Did.held, moment, by.id if by else None), 0
    owed = [
        Owed(item.step, situation, item.due_at, hand=hand, held_until=until(situation, item.due_at))
        for situation, steps in found
        for item in plan(situation, moment)
        if item.step.name in steps and item.due_at is not None and item.reason is None
    ]
    for situation, steps in found:
        count += sum(_hold_written(situation, situation.mails.get(name), hand) for name in steps)
    emails = {item.situation.departure.contact.email for item in owed}
    written = write_all(owed, suppressions.find_all(sorted(emails)))
    db.session.flush()
    return count + sum(mail.is_held for mail in written)


def until(situation: Situation, due_at: datetime) -> datetime:
    """Return until when a mail that is due at `due_at` is held."""
    enrolment = situation.enrolment
    return (max(due_at, enrolment.earliest(now())) if enrolment else due_at) + HELD_FOR


def _hold_written(situation: Situation, mail: OutboxMessage | None, hand: Hand) -> int:
    """Hold a mail that waits in the outbox; return whether it was still there to be held."""
    if mail is None or mail.state is not MailState.queued:
        return 0
    decision = Decision.of(mail.decision)
    changed = db.session.execute(
        update(OutboxMessage)
        .where(OutboxMessage.id == mail.id, OutboxMessage.state == MailState.queued)
        .values(
            state=MailState.held,
            expires_at=until(situation, mail.due_at),
            decision=as_json(replace(decision, hands=(*decision.hands, hand))),
        )
    )
    return int(changed.rowcount)  # type: ignore[attr-defined]


def release(mail: OutboxMessage, by: TeamMember) -> None:
    """Let a held mail go on its day, or in the next hours in which mails go.

    Raises Refused when the departure gets no mails any more, Conflict when it is not held.
    """
    situation, step = _held(mail)
    if (reason := why_over(situation)) is not None:
        raise Refused(why_not(reason))
    anchor, enrolment, due_at = anchor_of(step, situation, now()), situation.enrolment, mail.due_at
    if anchor is not None and not isinstance(anchor, SkipReason):  # its day may have moved
        due_at = due_at_of(step, anchor, situation)
    due_at = max(due_at, enrolment.earliest(now()) if enrolment else now())
    _decide(
        mail,
        Did.released,
        by,
        state=MailState.queued,
        due_at=due_at,
        expires_at=situation.permitted_at(due_at) + step.lasts,
    )
    _go(mail, situation, step)
    record_event(situation.departure, EventKind.mail_resolved, by, step.name)
    db.session.flush()


def send_now(mail: OutboxMessage, by: TeamMember) -> None:
    """Send a held mail at once; raises what release() raises, and Refused when it may not go."""
    situation, step = _held(mail)
    reason = why_not_by_hand(step, situation, now())
    if reason is not None:
        raise Refused(why_not(reason))
    if not can_be_threaded(step, situation):
        raise Refused(_("The mail that it reminds of has not been sent yet."))
    moment = now()
    _decide(
        mail,
        Did.sent,
        by,
        state=MailState.queued,
        due_at=moment,
        expires_at=moment + step.lasts,
        context={**mail.context, "by_hand": True},
    )
    _go(mail, situation, step)
    record_event(situation.departure, EventKind.step_sent_now, by, step.name)
    db.session.flush()


def drop(mail: OutboxMessage, by: TeamMember) -> None:
    """Leave a held mail out, as a step that was skipped by hand; raises Conflict as release()."""
    departure, moment = mail.departure, now()
    if departure is None:
        raise Conflict(_too_late())
    situation = locked(departure)
    skip = Skip(SkipReason.by_provider, at=moment, by=by.id)
    _decide(
        mail,
        Did.skipped,
        by,
        refused=skip,
        state=MailState.skipped,
        skip_reason=skip.reason,
        ended_at=moment,
    )
    revive(situation.enrolment)  # what follows on it is decided now
    record_event(departure, EventKind.step_skipped, by, mail.step or "")
    db.session.flush()


def waits() -> ColumnElement[bool]:
    """Return the SQL condition that a mail was held for too long."""
    return exists().where(*_too_long(from_now()))


def _too_long(at: Any) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions of mails held for too long at `at`, every column of the index first.

    A mail is held until some days after it was due.
    """
    return (
        rarely(OutboxMessage.state == MailState.held),
        OutboxMessage.priority.in_(list(Priority)),
        OutboxMessage.due_at <= at,
        OutboxMessage.expires_at <= at,
    )


def expire() -> None:
    """Skip the mails that were held for too long, with that as the reason."""
    moment = now()
    skip = Skip(SkipReason.held_too_long, at=moment)
    db.session.execute(
        update(OutboxMessage)
        .where(*_too_long(moment))
        .values(
            state=MailState.skipped,
            skip_reason=skip.reason,
            ended_at=moment,
            decision=with_skip(skip),
        )
        .execution_options(synchronize_session=False)
    )


def _held(mail: OutboxMessage) -> tuple[Situation, Step]:
    """Return the situation of a held mail, locked, and its step; raises Refused without one."""
    if mail.departure is None:
        raise Conflict(_too_late())
    situation = locked(mail.departure)
    step = situation.step(mail.step)
    if step is None:
        raise Refused(why_not(SkipReason.step_gone))
    return situation, step


def _go(mail: OutboxMessage, situation: Situation, step: Step) -> None:
    """Open the link in a mail that goes, and wake a worker when it is due."""
    invite(situation, step)
    if mail.due_at <= now():
        outbox.hint_at(mail)


def _decide(
    mail: OutboxMessage, did: Did, by: TeamMember, refused: Skip | None = None, **changes: Any
) -> None:
    decision, moment = Decision.of(mail.decision), now()
    hands = (*decision.hands, Hand(did, moment, by.id))
    decision = replace(decision, hands=hands, refused=refused)
    changed = db.session.execute(
        update(OutboxMessage)
        .where(OutboxMessage.id == mail.id, OutboxMessage.state == MailState.held)
        .values(**changes, decision=as_json(decision))
        .execution_options(synchronize_session=False)
    )
    if not changed.rowcount:  # type: ignore[attr-defined]
        raise Conflict(_too_late())
    db.session.refresh(mail)


def _too_late() -> str:
    return str(
        _("This mail is not held any more: somebody of your team was faster, or its time ended.")
    )
