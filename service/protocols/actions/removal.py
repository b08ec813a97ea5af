"""Take a protocol away, with what becomes of the departures in it, and put it back.

The row stays: whoever finishes on it goes by it to the end.
"""

from collections.abc import Sequence
from enum import StrEnum

from flask_babel import gettext as _
from sqlalchemy import insert, select, update

from service.clock import now
from service.errors import Refused
from service.extensions import db
from service.models import (
    Departure,
    Enrolment,
    EnrolmentState,
    Event,
    EventKind,
    MailState,
    OutboxMessage,
    Protocol,
    SkipReason,
    TeamMember,
)
from service.protocols.actions import protocols
from service.protocols.actions.editing import in_chunks
from service.protocols.queries.following import is_in_it
from service.protocols.rules.step_names import protocol_name


class Fate(StrEnum):
    """What becomes of the departures in a protocol that is deleted."""

    finish = "finish"  # on it, as if it were still there
    move = "move"  # on to another one
    stop = "stop"


def delete(protocol: Protocol, fate: Fate, *, by: TeamMember, to: Protocol | None = None) -> int:
    """Take a protocol away; returns how many departures were moved or stopped. Flushes.

    Raises Refused for the default, and when there is nowhere to move them.
    """
    db.session.refresh(protocol, with_for_update=True)
    if protocol.is_default:
        raise Refused(_("This is the default. Make another one the default first."))
    if protocol.deleted_at is not None:
        return 0
    if fate is Fate.move and (to is None or to is protocol or to.deleted_at is not None):
        raise Refused(_("Choose the protocol that the departures in it go on with."))
    protocol.deleted_at = now()
    ids = _in_it(protocol) if fate is not Fate.finish else []
    for chunk in in_chunks(ids):
        if fate is Fate.move and to is not None:
            _move(chunk, to, by)
        else:
            _stop(chunk, by)
    db.session.flush()
    return len(ids)


def put_back(protocol: Protocol) -> None:
    """Undo the deletion; who was moved or stopped meanwhile stays so."""
    protocol.deleted_at = None
    db.session.flush()


def _in_it(protocol: Protocol) -> Sequence[int]:
    """Return the departures that still get mails by it, their enrolments locked."""
    query = (
        select(Enrolment.departure_id)
        .where(Enrolment.protocol_id == protocol.id, is_in_it())
        .order_by(Enrolment.id)
        .with_for_update()
    )
    return db.session.scalars(query).all()


def _move(ids: Sequence[int], to: Protocol, by: TeamMember) -> None:
    db.session.execute(
        update(Enrolment).where(Enrolment.departure_id.in_(ids)).values(protocol_id=to.id)
    )
    _record_events(ids, EventKind.protocol_changed, by, protocol_name(to))
    rows = db.session.scalars(select(Departure).where(Departure.id.in_(ids)))
    protocols.recount_all(rows.all())


def _stop(ids: Sequence[int], by: TeamMember) -> None:
    db.session.execute(
        update(Enrolment)
        .where(Enrolment.departure_id.in_(ids))
        .values(state=EnrolmentState.stopped, next_at=None)
    )
    db.session.execute(
        update(OutboxMessage)
        .where(
            OutboxMessage.departure_id.in_(ids),
            OutboxMessage.step.is_not(None),
            OutboxMessage.state == MailState.queued,
        )
        .values(state=MailState.skipped, skip_reason=SkipReason.protocol_stopped, ended_at=now())
    )
    _record_events(ids, EventKind.protocol_stopped, by)


def _record_events(ids: Sequence[int], kind: EventKind, by: TeamMember, detail: str = "") -> None:
    values = [
        {"departure_id": one, "kind": kind, "provider_id": by.id, "detail": detail} for one in ids
    ]
    db.session.execute(insert(Event), values)
