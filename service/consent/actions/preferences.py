"""What a contact wants to get, and unsubscribing. Each change is recorded as a consent.

The wishes of a contact are kept in two places that must agree: the three switches of the contact,
and the suppressions of the address, which may belong to contacts of several clients.
"""

from collections.abc import Mapping

from sqlalchemy import select

from service import current
from service.clients.actions import bases
from service.clock import now
from service.consent.actions import consents
from service.extensions import db
from service.mail.policy import suppressions
from service.mail.policy.legal_basis import PURPOSES, consent_of, has_ended
from service.models import (
    ConsentPurpose,
    Contact,
    Departure,
    Event,
    EventKind,
    SuppressionReason,
    SuppressionScope,
)

PAGE = "preferences page"


def wanted(contact: Contact) -> dict[ConsentPurpose, bool]:
    """Return for each purpose whether the contact gets it, by the switches and the suppressions.

    A purpose that only time has ended is False: its box must be empty, so that a tick is a consent.
    """
    ended, silent = _ended(contact), _ended_by_time(contact)
    return {
        purpose: bool(getattr(contact, purpose))
        and purpose not in silent
        and ended.isdisjoint({*suppressions.WIDE, SuppressionScope(purpose)})
        for purpose in PURPOSES
    }


def is_unsubscribed(contact: Contact, purpose: ConsentPurpose | None = None) -> bool:
    """Return whether the owner of the address unsubscribed from all mails, or from `purpose`."""
    ending = {*suppressions.WIDE, *([SuppressionScope(purpose)] if purpose else [])}
    return not ending.isdisjoint(_ended(contact))


def is_stopped_by_others(contact: Contact) -> bool:
    """Return whether the address is suppressed for a reason that the contact cannot lift."""
    return any(
        row.scope in suppressions.WIDE and row.reason is not SuppressionReason.unsubscribed
        for row in suppressions.of(contact.email)
    )


def save(
    contact: Contact,
    wishes: Mapping[ConsentPurpose, bool],
    wordings: Mapping[ConsentPurpose, str],
    *,
    goes_on: bool = False,
) -> None:
    """Save the contact's wish for each purpose, with the wording that was shown.

    A box that was ticked before is no new consent, unless `goes_on`: their tick that mails may go
    on when the time of a former client is over. A purpose that time has ended and that stays empty
    is a no, because saving is a sign of life, which would bring it back. Any wish lifts an earlier
    unsubscription from everything; the purposes without a wish are then suppressed one by one.
    """
    before, ended = wanted(contact), _ended_by_time(contact)
    changed = [p for p in PURPOSES if before[p] != wishes[p] or (p in ended and not wishes[p])]
    renewed = [p for p in PURPOSES if goes_on and wishes[p] and consent_of(contact, p) is None]
    came_back = any(wishes.values()) and suppressions.lift_own(
        contact.email, suppressions.WIDE, source=PAGE
    )
    for purpose in PURPOSES:
        setattr(contact, purpose, wishes[purpose])
        if purpose in changed or purpose in renewed:
            _note_consent(contact, purpose, wishes[purpose], wordings[purpose], PAGE)
            consents.set_basis(contact, purpose, wishes[purpose])
        if wishes[purpose]:
            suppressions.lift_own(contact.email, [SuppressionScope(purpose)], source=PAGE)
        elif purpose in changed or came_back:
            _end(contact, SuppressionScope(purpose), PAGE)
    bases.interact(contact)
    if changed or renewed or came_back:
        kept = ", ".join(purpose for purpose in PURPOSES if wishes[purpose])
        _note_event(contact, EventKind.preferences_changed, kept)
    db.session.flush()


def unsubscribe(
    contact: Contact, wording: str, channel: str, purpose: ConsentPurpose | None = None
) -> bool:
    """End every mail that the contact did not ask for, or those of one purpose.

    It holds for the address, for all clients. `channel` is one-click (RFC 8058), link, page, reply
    or api. Returns False when nothing changed.
    """
    scope = SuppressionScope(purpose) if purpose else SuppressionScope.unasked
    ending = [one for one in ((purpose,) if purpose else PURPOSES) if getattr(contact, one)]
    if not ending and _ended(contact) & {scope, *suppressions.WIDE}:
        return False
    _end(contact, scope, channel)
    for one in ending:
        setattr(contact, one, False)
        consents.set_basis(contact, one, is_granted=False)
        _note_consent(contact, one, False, wording, channel)
    kind = EventKind.preferences_changed if purpose else EventKind.unsubscribed
    _note_event(contact, kind, channel)
    db.session.flush()
    return True


def _ended(contact: Contact) -> set[SuppressionScope]:
    """Return the scopes from which the owner of the address unsubscribed."""
    return {
        row.scope
        for row in suppressions.of(contact.email)
        if row.reason is SuppressionReason.unsubscribed
    }


def _ended_by_time(contact: Contact) -> set[ConsentPurpose]:
    """Return the purposes without a no, which only time has ended."""
    company, moment = current.company(), now()
    return {
        purpose
        for purpose in PURPOSES
        if getattr(contact, purpose) and has_ended(contact, purpose, company, moment)
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
