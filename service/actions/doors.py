"""Door open (puertas abiertas): a former client says "I'd like to talk"."""

from sqlalchemy import select

from service import clock
from service.actions import bases
from service.actions.alerts import alert
from service.current import company
from service.extensions import db
from service.models import Contact, Departure, Event, EventKind, MailKind, OutboxMessage


def ask_to_talk(contact: Contact, message: str = "", how: str = "") -> list[OutboxMessage]:
    """Note that the contact would like to talk, and tell the responsible at once.

    Pressed again on the same day (the provider's), it is one alert; what was written is all kept.
    Returns the mails that are now owed.
    """
    departure = db.session.scalar(
        select(Departure)
        .where(Departure.contact_id == contact.id)
        .order_by(Departure.notice_on.desc(), Departure.id.desc())
        .limit(1)
    )
    contact.wants_to_talk_at = clock.now()
    bases.interact(contact)
    if departure is None:
        return []
    words = "\n".join(part for part in (message.strip(), how.strip()) if part)
    event = Event(
        departure_id=departure.id, kind=EventKind.wants_to_talk, is_by_contact=True, detail=words
    )
    db.session.add(event)
    db.session.flush()
    return alert(
        MailKind.alert_door_open,
        departure,
        subject=f"contact:{contact.id}",
        cycle=clock.today(company().time_zone).toordinal(),
        context={"event_id": event.id},
    )
