"""What a contact wants to hear from us, and the end of it. Each change is kept as a consent."""

from collections.abc import Mapping

from sqlalchemy import select

from service.actions import consents
from service.extensions import db
from service.mail import suppressions
from service.models import (
    ConsentPurpose,
    Contact,
    Departure,
    Event,
    EventKind,
    SuppressionReason,
)

PURPOSES = (ConsentPurpose.newsletter, ConsentPurpose.greetings, ConsentPurpose.check_ins)


def is_unsubscribed(contact: Contact) -> bool:
    """Say whether the contact's address gets nothing but what it asks for itself."""
    return suppressions.find(contact.email) is not None


def save(
    contact: Contact, wishes: Mapping[ConsentPurpose, bool], wordings: Mapping[ConsentPurpose, str]
) -> None:
    """Keep the contact's wish for each purpose, with the wording that was shown.

    A wish for anything takes an earlier unsubscription back.
    """
    changed = [purpose for purpose in PURPOSES if getattr(contact, purpose) != wishes[purpose]]
    for purpose in changed:
        setattr(contact, purpose, wishes[purpose])
        _note_consent(contact, purpose, wishes[purpose], wordings[purpose], "preferences page")
    came_back = any(wishes.values()) and suppressions.lift(
        contact.email, SuppressionReason.unsubscribed
    )
    if changed or came_back:
        kept = ", ".join(purpose for purpose in PURPOSES if wishes[purpose])
        _note_event(contact, EventKind.preferences_changed, kept)
    db.session.flush()


def unsubscribe(contact: Contact, wording: str, channel: str) -> bool:
    """End every mail that the contact did not ask for; says whether that was news.

    Holds for the address, whichever client it belongs to (RFC 8058 for the one-click `channel`).
    """
    found = suppressions.find(contact.email)
    if found is not None and not any(getattr(contact, purpose) for purpose in PURPOSES):
        return False
    suppressions.add(contact.email, SuppressionReason.unsubscribed, detail=channel)
    for purpose in PURPOSES:
        if getattr(contact, purpose):
            setattr(contact, purpose, False)
            _note_consent(contact, purpose, False, wording, channel)
    _note_event(contact, EventKind.unsubscribed, channel)
    db.session.flush()
    return True


def _note_consent(
    contact: Contact, purpose: ConsentPurpose, is_granted: bool, wording: str, channel: str
) -> None:
    consents.note(
        contact.id,
        purpose,
        is_granted,
        wording=wording,
        language=contact.language,
        channel=channel,
    )


def _note_event(contact: Contact, kind: EventKind, detail: str) -> None:
    newest = db.session.scalar(
        select(Departure.id)
        .where(Departure.contact_id == contact.id)
        .order_by(Departure.notice_on.desc(), Departure.id.desc())
        .limit(1)
    )
    if newest is not None:
        db.session.add(Event(departure_id=newest, kind=kind, is_by_contact=True, detail=detail))
