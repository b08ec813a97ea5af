"""Record that a client who had left is back, and what led to it. Flushes, never commits."""

from dataclasses import dataclass
from datetime import date, timedelta

from flask_babel import gettext as _
from sqlalchemy import select, update

from service.clock import now
from service.departures.actions import departures
from service.errors import Conflict
from service.events.actions import record_event
from service.extensions import db
from service.mail import outbox
from service.mail.decision import Did, Hand, with_hand
from service.models import (
    Departure,
    EventKind,
    MailKind,
    MailState,
    OutboxMessage,
    Return,
    ReturnReason,
    Stage,
    TeamMember,
)

SECOND_THOUGHTS = timedelta(minutes=10)  # how long the thanks wait, so that they can be taken back
STALE_AFTER = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a return is recorded with; `mail` is the one that led to it, if one did."""

    returned_on: date
    reason: ReturnReason
    service: str = ""
    note: str = ""
    mail: OutboxMessage | None = None


def of(departure: Departure) -> Return | None:
    """Return the return of a departure, if there is one."""
    return db.session.scalar(select(Return).where(Return.departure_id == departure.id))


def record(
    departure: Departure, facts: Facts, *, was: Stage, by: TeamMember, sends_thanks: bool = True
) -> Return:
    """Move a departure from the stage `was` to returned and keep what led to it.

    No farewell mail goes out any more. Raises Conflict when somebody else was faster.
    """
    _hold(departure)
    if of(departure) is not None:
        raise Conflict(_("Somebody of your team was faster: this return is already recorded."))
    departures.move(departure, Stage.returned, was=was, by=by)
    row = Return(
        departure=departure,
        was=Stage.closed if was is Stage.returned else was,
        provider_id=by.id,
    )
    _fill(row, facts)
    db.session.add(row)
    db.session.flush()
    record_event(departure, EventKind.came_back, by, facts.reason)
    if sends_thanks:
        _thank(departure, row, by)
    db.session.flush()
    return row


def change(row: Return, facts: Facts, by: TeamMember) -> None:
    """Correct what led to a return; sends nothing."""
    if row.reason is not facts.reason:
        record_event(row.departure, EventKind.came_back, by, facts.reason)
    _fill(row, facts)
    db.session.flush()


def take_back(departure: Departure, to: Stage | None = None, *, by: TeamMember) -> bool:
    """Undo a return; the departure goes on in the stage `to`, or in the one it was in before.

    Return whether no thanks went: they were cancelled or never written. Raises Conflict when the
    departure is in another stage.
    """
    _hold(departure)
    row = of(departure)
    before = row.was if row else Stage.closed
    to = to or before
    departures.move(departure, to, was=Stage.returned, by=by, is_undo=to is before)
    if row is not None:
        db.session.delete(row)
    moment = now()
    thanks = OutboxMessage.departure_id == departure.id, OutboxMessage.kind == MailKind.welcome_back
    db.session.execute(
        update(OutboxMessage)
        .where(*thanks, OutboxMessage.state == MailState.queued)
        .values(
            state=MailState.cancelled,
            ended_at=moment,
            decision=with_hand(Hand(Did.stopped, moment, by.id)),
        )
    )
    since = row.recorded_at if row else moment
    gone = select(OutboxMessage.id).where(
        *thanks,
        OutboxMessage.created_at >= since,
        OutboxMessage.state.in_((MailState.sending, MailState.sent, MailState.uncertain)),
    )
    is_gone = db.session.scalar(gone.limit(1)) is not None
    db.session.flush()
    return not is_gone


def _hold(departure: Departure) -> None:
    db.session.execute(select(Departure.id).where(Departure.id == departure.id).with_for_update())


def _fill(row: Return, facts: Facts) -> None:
    row.returned_on, row.service = facts.returned_on, facts.service
    row.reason, row.note = facts.reason, facts.note
    row.outbox_id = facts.mail.id if facts.mail else None
    row.mail_kind = facts.mail.kind if facts.mail else None
    row.step = facts.mail.step if facts.mail else None


def _thank(departure: Departure, row: Return, by: TeamMember) -> None:
    due_at = now() + SECOND_THOUGHTS
    outbox.write(
        MailKind.welcome_back,
        departure.contact,
        subject=f"return:{row.public_id}",
        due_at=due_at,
        expires_at=due_at + STALE_AFTER,
        departure=departure,
        by=by,
    )
