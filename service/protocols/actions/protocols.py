"""Walk departures through their protocol: write down what is due, and what is not to go and why.

What each step comes to is decided in models.plans; here it is looked up, written and locked.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import ColumnElement, bindparam, delete, exists, select, update

from service.clock import now
from service.current import company
from service.errors import Refused
from service.events.actions import record_event
from service.extensions import db
from service.mail.policy import suppressions
from service.mail.rows import among, from_now
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
from service.models.types import UtcDateTime
from service.protocols.actions.writing import Owed, locked, locked_all, revive, write_all
from service.protocols.queries import situations
from service.protocols.rules.plans import anchor_of, ask_again_at, due_at_of, is_finished, plan
from service.protocols.rules.situations import Situation
from service.protocols.rules.step_names import protocol_name

CHUNK = 200  # enrolments per transaction, and per hint
SETTLING = timedelta(minutes=1)  # the soonest that an enrolment is asked again

_ENROLMENTS = Enrolment.__table__.c  # as a table: a round of the clock is mostly this question


def _is_due(at: Any) -> tuple[ColumnElement[bool], ...]:
    return (_ENROLMENTS.state == EnrolmentState.active, _ENROLMENTS.next_at <= at)


_DUE = (
    select(_ENROLMENTS.id)
    .where(*_is_due(bindparam("at", type_=UtcDateTime())))
    .order_by(_ENROLMENTS.next_at, _ENROLMENTS.id)
    .limit(CHUNK)
)


def choices() -> Sequence[Protocol]:
    """Return the protocols that a departure can be put on, in the order of their rules."""
    query = select(Protocol).where(Protocol.deleted_at.is_(None))
    return db.session.scalars(query.order_by(Protocol.position, Protocol.id)).all()


def enrol(departure: Departure, protocol: Protocol | None = None) -> Enrolment:
    """Put a departure on a protocol, to be advanced at once: without one, on what its rules say.

    Adds, does not flush.
    """
    protocol = protocol or fitting(choices(), departure.service, departure.reasons)
    enrolment = Enrolment(departure=departure, **beginning(protocol))
    db.session.add(enrolment)
    return enrolment


def beginning(protocol: Protocol | None) -> dict[str, Any]:
    """Return the columns of an enrolment that begins now, but for its departure."""
    moment = now()
    return {
        "protocol_id": protocol.id if protocol else None,
        "state": EnrolmentState.active,
        "enrolled_at": moment,
        "next_at": moment,
    }


def waits() -> ColumnElement[bool]:
    """Return whether an enrolment is to be asked, as a value of SQL."""
    return exists().where(*_is_due(from_now()))


def due(at: datetime) -> list[int]:
    """Return the ids of a chunk of enrolments to be asked by `at`, the longest due first."""
    return list(db.session.scalars(_DUE, {"at": at}))


def take(at: datetime, ids: Sequence[int] | None = None) -> list[int]:
    """Return what `due` does, of `ids` alone when they are given, locked from other workers."""
    query = _DUE.with_for_update(skip_locked=True)  # SQLite: BEGIN IMMEDIATE does it
    if ids is not None:
        query = query.where(among(_ENROLMENTS.id, ids))
    return list(db.session.scalars(query, {"at": at}))


def advance(enrolments: Sequence[int], at: datetime | None = None) -> list[OutboxMessage]:
    """Write what is due by `at` (default: now) and set when to ask again. Return the new mails.

    `enrolments` are ids. However many there are, it takes the same handful of statements.
    """
    at = at or now()
    _held = company()  # so that the gate finds it in the session every time
    departures = situations.departures_of(enrolments)
    found = list(situations.of_all(departures).values())
    suppressed = suppressions.find_all([departure.contact.email for departure in departures])
    owed = [item for situation in found for item in _owed(situation, at)]
    mails = write_all(owed, suppressed)
    for situation in found:
        _set_next(situation, at)
    db.session.flush()
    return mails


def advance_one(departure: Departure) -> list[OutboxMessage]:
    """Write what is due for one departure now; nothing when it is not on its way."""
    enrolment = locked(departure).enrolment
    if enrolment is None or enrolment.state is not EnrolmentState.active:
        return []
    return advance([enrolment.id])


def stop(departure: Departure, by: TeamMember | None) -> None:
    """Send nothing more of the protocol until it is resumed. Twice is once."""
    enrolment = locked(departure).enrolment
    if enrolment is None or enrolment.state is EnrolmentState.stopped:
        return
    halt(departure, enrolment, SkipReason.protocol_stopped)
    record_event(departure, EventKind.protocol_stopped, by)
    db.session.flush()


def halt(departure: Departure, enrolment: Enrolment | None, reason: SkipReason) -> None:
    """Stop an enrolment and take back, for `reason`, the mails that are written but not claimed."""
    if enrolment is not None:
        enrolment.state, enrolment.next_at = EnrolmentState.stopped, None
    db.session.execute(
        update(OutboxMessage)
        .where(
            OutboxMessage.departure_id == departure.id,
            OutboxMessage.step.is_not(None),
            OutboxMessage.state == MailState.queued,
        )
        .values(state=MailState.skipped, skip_reason=reason, ended_at=now())
    )


def pause(departure: Departure, by: TeamMember | None = None) -> bool:
    """Send nothing more until a person lets it go on; says whether that was news.

    `by` is who paused it; nobody did when the client replied.

    Mails that are written and not claimed are taken back, as if their time had not come: going on
    writes them anew. One that may have arrived already is a person's to decide, and one that
    somebody sent by hand goes.
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
    queued = OutboxMessage.state == MailState.queued  # whoever claimed it meanwhile has it
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
    """Go on with a stopped or paused protocol, or start the one of a departure that was history.

    What came due meanwhile goes at once; the days of mails already sent stay as they are.
    """
    enrolment = locked(departure).enrolment or enrol(departure)
    if enrolment.state is EnrolmentState.paused:
        _end_pause(departure, by)
    departure.is_history = False
    enrolment.enrolled_at = now()
    enrolment.state, enrolment.next_at = EnrolmentState.active, now()
    record_event(departure, EventKind.protocol_resumed, by)
    db.session.flush()
    return enrolment


def put_on(departure: Departure, protocol: Protocol, by: TeamMember | None) -> bool:
    """Let a departure follow another protocol from now on; says whether it is another.

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


def recount(departure: Departure) -> None:
    """Ask again at once what is due, because dates or reasons of the departure changed.

    A mail that still waits to go, though its new day is yet to come, is taken back until then.
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


def _end_pause(departure: Departure, by: TeamMember | None) -> None:
    """Let go what was claimed when the pause came, and note that the replies were read."""
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


def _is_early(mail: OutboxMessage, situation: Situation) -> bool:
    is_ours = mail.state is MailState.queued and not mail.context.get("by_hand")
    step = situation.step(mail.step)
    if not is_ours or mail.doubts or step is None:  # what may have arrived is not written anew
        return False
    anchor = anchor_of(step, situation, now())
    if isinstance(anchor, SkipReason):
        return False
    return anchor is None or due_at_of(step, anchor, situation) > now()


def _owed(situation: Situation, at: datetime) -> list[Owed]:
    return [
        Owed(item.step, situation, item.due_at, item.reason)
        for item in plan(situation, at)
        if item.due_at is not None and item.is_due(at)
    ]


def _set_next(situation: Situation, at: datetime) -> None:
    if situation.enrolment is None:
        return
    to_come = plan(situation, at)
    moment = ask_again_at(situation, at, to_come)
    situation.enrolment.next_at = max(moment, at + SETTLING) if moment else None
    if is_finished(situation, at, to_come):
        situation.enrolment.state = EnrolmentState.finished
