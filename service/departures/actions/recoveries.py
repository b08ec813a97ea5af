"""Recoveries: close one with what came of it, or open it again. Flushes, never commits."""

from flask_babel import gettext as _
from sqlalchemy import update

from service.clock import now
from service.errors import Conflict
from service.events.actions import record_event
from service.extensions import db
from service.models import EventKind, Recovery, TeamMember
from service.protocols.actions import enrolments


def close(recovery: Recovery, *, is_resolved: bool, note: str, by: TeamMember) -> None:
    """Close a recovery; raises Conflict when somebody else did, and keeps what they wrote."""
    closed = db.session.execute(
        update(Recovery)
        .where(Recovery.id == recovery.id, Recovery.closed_at.is_(None))
        .values(closed_at=now(), closed_by_id=by.id, is_resolved=is_resolved, note=note)
    )
    if not closed.rowcount:  # type: ignore[attr-defined]
        raise Conflict(_("Somebody of your team was faster: this is already closed."))
    db.session.refresh(recovery)
    record_event(recovery.departure, EventKind.recovery_closed, by, note)
    enrolments.recount(recovery.departure)
    db.session.flush()


def reopen(recovery: Recovery, by: TeamMember) -> None:
    """Take the closing back; the note stays. Twice is once."""
    if recovery.closed_at is None:
        return
    recovery.closed_at = recovery.closed_by_id = recovery.is_resolved = None
    record_event(recovery.departure, EventKind.recovery_opened, by)
    db.session.flush()
