"""Recoveries: open one, note how the apology was made, close it, open it again. Flushes."""

from dataclasses import astuple, dataclass
from datetime import date
from hashlib import sha256

from flask_babel import gettext as _
from sqlalchemy import delete, select, update

from service.clock import now
from service.errors import Conflict
from service.events.actions import record_event
from service.extensions import db
from service.models import (
    Channel,
    Departure,
    EventKind,
    MailState,
    OutboxMessage,
    Recovery,
    SkipReason,
    TeamMember,
)
from service.models.steps import NATURES
from service.protocols.actions import enrolments

OWED = [kind for kind, nature in NATURES.items() if nature.is_owed]


@dataclass(frozen=True, slots=True)
class Apology:
    """How somebody of the team apologised; `why` says why it was by call."""

    on: date | None = None
    by_id: int | None = None
    way: Channel | None = None
    why: str = ""
    note: str = ""


def open_in(departure: Departure) -> None:
    """Open the recovery of a departure, or open it again; the caller says what happened."""
    _hold(departure)
    query = select(Recovery).where(Recovery.departure_id == departure.id)
    recovery = db.session.scalar(query.execution_options(populate_existing=True))
    if recovery is None:
        db.session.add(Recovery(departure=departure))
    elif not recovery.is_open:
        recovery.closed_at = recovery.closed_by_id = recovery.is_resolved = None


def apology_of(recovery: Recovery) -> Apology:
    """Return the apology that is noted; an empty one without."""
    return Apology(
        recovery.apologised_on,
        recovery.apologised_by_id,
        recovery.apology_way,
        recovery.apology_why,
        recovery.apology_note,
    )


def seen(recovery: Recovery) -> str:
    """Return a digest of the apology, which a form brings back to detect another's change."""
    return sha256(repr(astuple(apology_of(recovery))).encode()).hexdigest()[:16]


def apologise(recovery: Recovery, apology: Apology, *, was: str, by: TeamMember) -> None:
    """Note the apology, or correct it; an empty one takes out what was noted.

    Raises Conflict when it is no longer what seen() said `was`.
    """
    _hold(recovery.departure)
    db.session.refresh(recovery)
    if was != seen(recovery):
        raise Conflict(
            _("Somebody of your team noted an apology meanwhile. Look, then save again.")
        )
    if apology == apology_of(recovery):
        return
    recovery.apologised_on, recovery.apologised_by_id = apology.on, apology.by_id
    recovery.apology_way = apology.way
    recovery.apology_why, recovery.apology_note = apology.why, apology.note
    if apology.way is None:
        record_event(recovery.departure, EventKind.apology_removed, by)
    else:
        who = db.session.get(TeamMember, apology.by_id or 0)
        record_event(recovery.departure, EventKind.apologised, who, apology.way)
    db.session.flush()


def close(recovery: Recovery, *, is_resolved: bool, note: str, by: TeamMember) -> None:
    """Close a recovery; raises Conflict when somebody else did, and keeps what they wrote.

    A mail that is owed, and that only this held back, is planned anew.
    """
    closed = db.session.execute(
        update(Recovery)
        .where(Recovery.id == recovery.id, Recovery.closed_at.is_(None))
        .values(closed_at=now(), closed_by_id=by.id, is_resolved=is_resolved, note=note)
    )
    if not closed.rowcount:  # type: ignore[attr-defined]
        raise Conflict(_("Somebody of your team was faster: this is already closed."))
    db.session.refresh(recovery)
    record_event(recovery.departure, EventKind.recovery_closed, by, note)
    db.session.execute(
        delete(OutboxMessage).where(
            OutboxMessage.departure_id == recovery.departure_id,
            OutboxMessage.kind.in_(OWED),
            OutboxMessage.step.is_not(None),
            OutboxMessage.state == MailState.skipped,
            OutboxMessage.skip_reason == SkipReason.recovery_open,
            OutboxMessage.doubts == 0,  # what may have arrived is not written anew
        )
    )
    enrolments.recount(recovery.departure)
    db.session.flush()


def reopen(recovery: Recovery, by: TeamMember) -> None:
    """Take the closing back; the note stays. Twice is once."""
    db.session.refresh(recovery)
    if recovery.is_open:
        return
    open_in(recovery.departure)
    record_event(recovery.departure, EventKind.recovery_opened, by)
    db.session.flush()


def _hold(departure: Departure) -> None:
    """Lock a departure, so that it is not closed while something opens in it."""
    db.session.execute(
        select(Departure.id).where(Departure.id == departure.id).with_for_update(key_share=True)
    )
