"""Add to a departure's timeline what happened, and who did it."""

from service.extensions import db
from service.models import Departure, Event, EventKind, Provider


def tell(departure: Departure, kind: EventKind, by: Provider | None, detail: str = "") -> Event:
    """Add an event to the departure's timeline."""
    event = Event(
        departure_id=departure.id, kind=kind, provider_id=by.id if by else None, detail=detail
    )
    db.session.add(event)
    return event
