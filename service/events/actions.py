"""Record the events of a departure: what happened, and who did it."""

from typing import Any

from service.extensions import db
from service.models import Departure, Event, EventKind, TeamMember


def record_event(
    departure: Departure, kind: EventKind, by: TeamMember | None, detail: str = ""
) -> Event:
    """Add an event to the departure's timeline."""
    event = Event(**row(departure.id, kind, by, detail))
    db.session.add(event)
    return event


def row(
    departure_id: int, kind: EventKind, by: TeamMember | None, detail: str = ""
) -> dict[str, Any]:
    """Return the columns of an event, for many that are inserted at once."""
    return {
        "departure_id": departure_id,
        "kind": kind,
        "provider_id": by.id if by else None,
        "detail": detail,
    }
