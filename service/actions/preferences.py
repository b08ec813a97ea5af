"""What a contact wants to hear from us, and the end of it. Each change is kept as a consent.

The contact's own wishes are two things that must not contradict each other: the three switches of
the contact, and the suppressions of the address, which may belong to contacts of several clients.
"""

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
    SuppressionScope,
)

PURPOSES = (ConsentPurpose.newsletter, ConsentPurpose.greetings, ConsentPurpose.check_ins)
PAGE = "preferences page"


def wanted(contact: Contact) -> dict[ConsentPurpose, bool]:
    """Return what the contact wants to hear, by this link or by another of the same address."""
    ended = _ended(contact)
    return {
        purpose: bool(getattr(contact, purpose))
        and ended.isdisjoint({*suppressions.WIDE, SuppressionScope(purpose)})
        for purpose in PURPOSES
    }


def is_unsubscribed(contact: Contact, purpose: ConsentPurpose | None = None) -> bool:
    """Say whether the owner of the address ended all mails, or those of `purpose`."""
    ending = {*suppressions.WIDE, *([SuppressionScope(purpose)] if purpose else [])}
    return not ending.isdisjoint(_ended(contact))


def is_stopped_by_others(contact: Contact) -> bool:
    """Say whether the address gets nothing for a reason that the contact cannot lift."""
    return any(
        row.scope in suppressions.WIDE and row.reason is not SuppressionReason.unsubscribed
        for row in suppressions.of(contact.email)
    )


def save(
    contact: Contact, wishes: Mapping[ConsentPurpose, bool], wordings: Mapping[ConsentPurpose, str]
) -> None:
    """Keep the contact's wish for each purpose, with the wording that was shown.

    A wish for anything takes an earlier unsubscription from everything back; what is not wished
    then stays ended by itself.
    """
    before = wanted(contact)
    changed = [purpose for purpose in PURPOSES if before[purpose] != wishes[purpose]]
    came_back = any(wishes.values()) and suppressions.lift_own(
        contact.email, suppressions.WIDE, source=PAGE
    )
    for purpose in PURPOSES:
        if purpose in changed:
            _note_consent(contact, purpose, wishes[purpose], wordings[purpose], PAGE)
        setattr(contact, purpose, wishes[purpose])
        if wishes[purpose]:
            suppressions.lift_own(contact.email, [SuppressionScope(purpose)], source=PAGE)
        elif purpose in changed or came_back:
            _end(contact, SuppressionScope(purpose), PAGE)
    if changed or came_back:
        kept = ", ".join(purpose for purpose in PURPOSES if wishes[purpose])
        _note_event(contact, EventKind.preferences_changed, kept)
    db.session.flush()


def unsubscribe(
    contact: Contact, wording: str, channel: str, purpose: ConsentPurpose | None = None
) -> bool:
    """End every mail that the contact did not ask for, or those of one purpose; was it news?

    Holds for the address, whichever client it belongs to (RFC 8058 for the one-click `channel`;
    others are link, page, reply, api).
    """
    scope = SuppressionScope(purpose) if purpose else SuppressionScope.unasked
    ending = [one for one in ((purpose,) if purpose else PURPOSES) if getattr(contact, one)]
    if not ending and _ended(contact) & {scope, *suppressions.WIDE}:
        return False
    _end(contact, scope, channel)
    for one in ending:
        setattr(contact, one, False)
        _note_consent(contact, one, False, wording, channel)
    kind = EventKind.preferences_changed if purpose else EventKind.unsubscribed
    _note_event(contact, kind, channel)
    db.session.flush()
    return True


def _ended(contact: Contact) -> set[SuppressionScope]:
    """Return the scopes that the owner of the address ended."""
    return {
        row.scope
        for row in suppressions.of(contact.email)
        if row.reason is SuppressionReason.unsubscribed
    }


def _end(contact: Contact, scope: SuppressionScope, channel: str) -> None:
    suppressions.add(contact.email, SuppressionReason.unsubscribed, scope=scope, source=channel)


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
