"""Move a departure along its line, or out of it: the client stayed, or came back."""

from flask_babel import gettext as _
from sqlalchemy import update

from service.clients.actions import bases
from service.clock import now, today
from service.current import company
from service.errors import Conflict
from service.events.actions import record_event
from service.extensions import db
from service.models import Departure, EventKind, SkipReason, Stage, TeamMember
from service.protocols.actions import enrolments
from service.protocols.actions.progress import locked, revive

LINE = (Stage.notice, Stage.conversation, Stage.handover, Stage.closed)
OVER = {Stage.retained: SkipReason.retained, Stage.returned: SkipReason.returned}


def move(departure: Departure, to: Stage, *, was: Stage, by: TeamMember) -> None:
    """Move a departure from the stage `was` to another; raises Conflict when it is elsewhere.

    A client who stays or comes back gets no farewell mail; leaving that again goes on with them.
    """
    if to is was:
        return
    moved = db.session.execute(
        update(Departure)
        .where(Departure.id == departure.id, Departure.stage == was)
        .values(stage=to, closed_at=now() if to is Stage.closed else None)
    )
    if not moved.rowcount:  # type: ignore[attr-defined]
        raise Conflict(_("Somebody of your team was faster: this departure has already moved on."))
    db.session.refresh(departure)
    _date(departure, to)
    if to in OVER or was in OVER:
        bases.recount([departure.client_id])
    record_event(departure, EventKind.stage_changed, by, f"{was}>{to}")
    enrolment = locked(departure).enrolment
    if to in OVER:
        enrolments.halt(departure, enrolment, OVER[to])
    elif was in OVER and enrolment is not None:
        enrolments.resume(departure, by)
    elif to in LINE:
        revive(enrolment)  # a step may count from what has begun
    db.session.flush()


def _date(departure: Departure, to: Stage) -> None:
    """Keep the day on which a stage was first reached, for the steps that count from it."""
    day = today(company().time_zone)
    if to is Stage.conversation and departure.conversation_on is None:
        departure.conversation_on = day
    if to is Stage.handover and departure.handover_on is None:
        departure.handover_on = day
