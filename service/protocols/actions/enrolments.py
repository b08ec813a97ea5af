"""Put a departure on a protocol, pause, stop and resume it, and decide single steps by hand.

Flushes, except enrol().
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import delete, select, update

from service.clock import now
from service.errors import Conflict, Refused
from service.events.actions import record_event
from service.extensions import db
from service.labels import why_not
from service.mail.decision import Did, Hand, Skip, with_skip
from service.models import (
    Departure,
    Enrolment,
    EnrolmentState,
    EventKind,
    InboundKind,
    InboundMail,
    MailState,
    OutboxMessage,
    Protocol,
    SkipReason,
    TeamMember,
)
from service.models.protocols import fitting
from service.models.steps import Step
from service.protocols.actions.progress import Owed, locked, locked_all, revive, write
from service.protocols.queries import protocols
from service.protocols.rules.descriptions import protocol_name
from service.protocols.rules.plans import (
    anchor_of,
    can_be_threaded,
    due_at_of,
    plan,
    why_not_by_hand,
)
from service.protocols.rules.situations import Situation


def enrol(departure: Departure, protocol: Protocol | None = None) -> Enrolment:
    """Put a departure on a protocol, due at once; without one, on the first whose rules fit.

    Adds the row and does not flush.
    """
    protocol = protocol or fitting(protocols.choices(), departure.service, departure.reasons)
    enrolment = Enrolment(departure=departure, **beginning(protocol))
    db.session.add(enrolment)
    return enrolment


def beginning(protocol: Protocol | None) -> dict[str, Any]:
    """Return the columns of an enrolment that begins now, except its departure."""
    moment = now()
    return {
        "protocol_id": protocol.id if protocol else None,
        "state": EnrolmentState.active,
        "enrolled_at": moment,
        "next_at": moment,
        "not_before": None,
    }


def put_on(departure: Departure, protocol: Protocol, by: TeamMember | None) -> bool:
    """Put a departure on another protocol; return whether it is another.

    What was sent or skipped stays so: a step is the same one in every protocol that has it. Raises
    Refused when the departure is on none, or the protocol is deleted.
    """
    enrolment = locked(departure).enrolment
    if enrolment is None:
        raise Refused(_("No farewell mails go out here yet: start them first."))
    if protocol.deleted_at is not None:
        raise Refused(_("Somebody of your team has deleted that protocol. Choose another one."))
    if enrolment.protocol_id == protocol.id:
        return False
    enrolment.protocol_id = protocol.id
    record_event(departure, EventKind.protocol_changed, by, protocol_name(protocol))
    recount(departure)
    return True


def stop(departure: Departure, by: TeamMember | None) -> None:
    """Send nothing more of the protocol until it is resumed. Twice is once."""
    enrolment = locked(departure).enrolment
    if enrolment is None or enrolment.state is EnrolmentState.stopped:
        return
    halt(departure, enrolment, SkipReason.protocol_stopped, by)
    record_event(departure, EventKind.protocol_stopped, by)
    db.session.flush()


def halt(
    departure: Departure,
    enrolment: Enrolment | None,
    reason: SkipReason,
    by: TeamMember | None,
) -> None:
    """Stop an enrolment and skip, for `reason`, the mails that are held, or wait unclaimed."""
    refused = Skip(reason, at=now(), by=by.id if by else None)
    if enrolment is not None:
        enrolment.state, enrolment.next_at = EnrolmentState.stopped, None
    db.session.execute(
        update(OutboxMessage)
        .where(
            OutboxMessage.departure_id == departure.id,
            OutboxMessage.step.is_not(None),
            OutboxMessage.state.in_((MailState.queued, MailState.held)),
        )
        .values(
            state=MailState.skipped,
            skip_reason=reason,
            ended_at=refused.at,
            decision=with_skip(refused),
        )
        .execution_options(synchronize_session="fetch")
    )


def pause(departure: Departure, by: TeamMember | None = None) -> bool:
    """Send nothing more until somebody resumes it; return whether it was active.

    `by` is who paused it, None when the client replied. Mails that are written and not claimed are
    deleted, so resuming writes them anew. One that may have arrived already becomes uncertain, for
    a person to decide, and one that somebody sent by hand goes.
    """
    situation = locked(departure)
    enrolment = situation.enrolment
    if enrolment is None or enrolment.state is not EnrolmentState.active:
        return False
    enrolment.state, enrolment.next_at = EnrolmentState.paused, None
    waiting = [
        mail
        for mail in situation.mails.values()
        if mail.state is MailState.queued and not mail.context.get("by_hand")
    ]
    in_doubt = [mail.id for mail in waiting if mail.doubts]
    queued = OutboxMessage.state == MailState.queued  # not those that were claimed meanwhile
    db.session.execute(
        update(OutboxMessage)
        .where(OutboxMessage.id.in_(in_doubt), queued)
        .values(state=MailState.uncertain, ended_at=now())
    )
    fresh = [mail.id for mail in waiting if not mail.doubts]
    db.session.execute(delete(OutboxMessage).where(OutboxMessage.id.in_(fresh), queued))
    record_event(departure, EventKind.protocol_paused, by)
    db.session.flush()
    return True


def resume(departure: Departure, by: TeamMember | None) -> Enrolment:
    """Go on with a stopped or paused protocol, or start that of a departure that was history.

    What came due meanwhile is owed from now on.
    """
    enrolment = locked(departure).enrolment or enrol(departure)
    if enrolment.state is EnrolmentState.paused:
        _end_pause(departure, by)
    departure.is_history = False
    enrolment.enrolled_at = now()
    enrolment.state, enrolment.next_at = EnrolmentState.active, enrolment.earliest(now())
    record_event(departure, EventKind.protocol_resumed, by)
    db.session.flush()
    return enrolment


def _end_pause(departure: Departure, by: TeamMember | None) -> None:
    """Make mails that were claimed during the pause due now, and mark the replies as read."""
    mails = select(OutboxMessage.id).where(OutboxMessage.departure_id == departure.id)
    db.session.execute(
        update(OutboxMessage)
        .where(
            OutboxMessage.id.in_(mails),
            OutboxMessage.step.is_not(None),
            OutboxMessage.state == MailState.queued,
        )
        .values(due_at=now())
    )
    db.session.execute(
        update(InboundMail)
        .where(
            InboundMail.outbox_id.in_(mails),
            InboundMail.kind == InboundKind.reply,
            InboundMail.looked_at.is_(None),
        )
        .values(looked_at=now(), looked_by_id=by.id if by else None)
    )


def wait_until(departure: Departure, moment: datetime) -> None:
    """Let no mail of the protocol go before `moment`, neither one to come nor one that waits.

    What somebody sent by hand goes.
    """
    situation = locked(departure)
    if situation.enrolment is None:
        return
    situation.enrolment.not_before = situation.enrolment.earliest(moment)
    if situation.enrolment.next_at is not None:
        situation.enrolment.next_at = situation.enrolment.earliest(situation.enrolment.next_at)
    waiting = [mail.id for mail in situation.mails.values() if not mail.context.get("by_hand")]
    db.session.execute(
        update(OutboxMessage)
        .where(
            OutboxMessage.id.in_(waiting),
            OutboxMessage.state == MailState.queued,
            OutboxMessage.due_at < moment,
        )
        .values(due_at=moment)
        .execution_options(synchronize_session="fetch")
    )
    db.session.flush()


def wait_no_more(departure: Departure) -> None:
    """Let the mails of the protocol go when they are due again."""
    enrolment = locked(departure).enrolment
    if enrolment is not None:
        enrolment.not_before = None
        revive(enrolment)
        db.session.flush()


def recount(departure: Departure) -> None:
    """Make a departure due now, because its dates or reasons changed.

    A mail that waits to go, and whose new day is later, is deleted and written anew then.
    """
    recount_all([departure])


def recount_all(departures: Sequence[Departure]) -> None:
    """Do what `recount` does for many departures in a handful of queries."""
    found = locked_all(departures)
    early = [
        mail.id
        for situation in found
        for mail in situation.mails.values()
        if _is_early(mail, situation)
    ]
    db.session.execute(
        delete(OutboxMessage).where(
            OutboxMessage.id.in_(early), OutboxMessage.state == MailState.queued
        )
    )
    for situation in found:
        revive(situation.enrolment)


def _is_early(mail: OutboxMessage, situation: Situation) -> bool:
    is_ours = mail.state is MailState.queued and not mail.context.get("by_hand")
    step = situation.step(mail.step)
    if not is_ours or mail.doubts or step is None:  # what may have arrived is not written anew
        return False
    anchor = anchor_of(step, situation, now())
    if isinstance(anchor, SkipReason):
        return False
    return anchor is None or due_at_of(step, anchor, situation) > now()


def send_now(departure: Departure, name: str, by: TeamMember | None) -> OutboxMessage:
    """Write one step's mail to go at once; raises Refused when it may not, with the reason.

    `by` is None on the command line.
    """
    situation = locked(departure)
    step, at = _step_of(situation, name), now()
    written = situation.mails.get(name)
    if written is not None and written.state not in (MailState.skipped, MailState.cancelled):
        raise Conflict(_("This mail is already written. Somebody of your team was faster."))
    reason = why_not_by_hand(step, situation, at)
    if reason is not None:
        raise Refused(why_not(reason))
    if not can_be_threaded(step, situation):
        raise Refused(_("The mail that it reminds of has not been sent yet."))
    mail = write(Owed(step, situation, at, hand=Hand(Did.sent, at, by.id if by else None)))
    if mail is None:
        raise Conflict(_("This mail is already written. Somebody of your team was faster."))
    if mail.skip_reason is not None:
        raise Refused(why_not(mail.skip_reason))
    revive(situation.enrolment)
    record_event(departure, EventKind.step_sent_now, by, name)
    db.session.flush()
    return mail


def skip(departure: Departure, name: str, by: TeamMember) -> None:
    """Skip one coming step; put_back() undoes it."""
    situation = locked(departure)
    step = _step_of(situation, name)
    moment = now()
    item = next((item for item in plan(situation, moment) if item.step is step), None)
    if item is None:
        raise Conflict(_("This mail is already written. Somebody of your team was faster."))
    refused = Skip(SkipReason.by_provider, at=moment, by=by.id)
    hand = Hand(Did.skipped, moment, by.id)
    write(Owed(step, situation, item.due_at or moment, refused, hand))
    record_event(departure, EventKind.step_skipped, by, name)
    revive(situation.enrolment)
    db.session.flush()


def put_back(departure: Departure, name: str, by: TeamMember) -> None:
    """Undo a skip by hand: the step is planned as if it had never been skipped."""
    situation = locked(departure)
    mail = situation.mails.get(_step_of(situation, name).name)
    if mail is None:
        return
    if mail.skip_reason is not SkipReason.by_provider:
        raise Conflict(_("There is nothing to put back: this mail was not skipped by hand."))
    db.session.delete(mail)
    record_event(departure, EventKind.step_put_back, by, name)
    revive(situation.enrolment)
    db.session.flush()


def _step_of(situation: Situation, name: str) -> Step:
    step = situation.step(name)
    if step is None:
        raise Refused(_("The protocol has no such step."))
    return step
