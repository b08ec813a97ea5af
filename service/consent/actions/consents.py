"""Keep a yes or a no as it was given: append-only, with the wording that was shown. No commit."""

from dataclasses import dataclass
from datetime import datetime

from flask_babel import gettext as _

from service.clock import now
from service.errors import Refused
from service.extensions import db
from service.mail.policy import suppressions
from service.mail.policy.legal_basis import PURPOSES
from service.models import (
    Consent,
    ConsentPurpose,
    Contact,
    SuppressionReason,
    SuppressionScope,
    TeamMember,
)
from service.models.clients import CUSTOM_WORDING

WORDING_VERSION = "2026-11"  # of all wordings together; raised when one of them changes
OWN_NO = (SuppressionReason.unsubscribed, SuppressionReason.complaint)
# What a yes to the survey's "write to me now and then, from a person" is a yes to: no newsletter.
IN_TOUCH = (ConsentPurpose.greetings, ConsentPurpose.check_ins)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A yes or a no that reached the team outside of the service, and how it can be shown."""

    purpose: ConsentPurpose
    is_granted: bool
    channel: str  # phone, paper, in person …
    given_at: datetime
    wording: str  # exactly what was agreed to, or said


def note(
    contact_id: int,
    purpose: ConsentPurpose,
    is_granted: bool,
    *,
    wording: str,
    language: str,
    channel: str,
) -> None:
    """Write down what a contact said to one purpose. Adds, does not flush."""
    db.session.add(
        Consent(
            contact_id=contact_id,
            purpose=purpose,
            is_granted=is_granted,
            wording=wording,
            wording_version=WORDING_VERSION,
            language=language,
            channel=channel,
        )
    )


def stand(
    contact: Contact, purpose: ConsentPurpose, is_granted: bool, at: datetime | None = None
) -> None:
    """Let a yes (or none any more) be the basis of a purpose; `keep_in_touch` means IN_TOUCH.

    A yes to something that the contact ended by itself does not bring that back.
    """
    for one in IN_TOUCH if purpose is ConsentPurpose.keep_in_touch else (purpose,):
        if one in PURPOSES:
            stands = is_granted and getattr(contact, one)
            setattr(contact, f"{one}_consent_at", (at or now()) if stands else None)


def record(contact: Contact, said: Elsewhere, *, by: TeamMember) -> None:
    """Write down a yes or a no that was given to the team itself, elsewhere.

    Raises Refused for a yes to what the contact ended here: only they can take that back, by
    their own link. A no is as good as the contact's own press: it holds for the
    address, whichever client it belongs to.
    """
    scope = SuppressionScope(said.purpose)
    if said.given_at > now():
        raise Refused(_("That day is still to come."))
    if said.is_granted and (
        not getattr(contact, said.purpose)
        or any(
            row.scope in (*suppressions.WIDE, scope) and row.reason in OWN_NO
            for row in suppressions.of(contact.email)
        )
    ):
        raise Refused(
            _("They said no to this here. Only they can take it back, with the link in any mail.")
        )
    db.session.add(
        Consent(
            contact_id=contact.id,
            purpose=said.purpose,
            is_granted=said.is_granted,
            wording=said.wording,
            wording_version=CUSTOM_WORDING,
            language=contact.language,
            channel=said.channel,
            given_at=said.given_at,
            provider_id=by.id,
        )
    )
    if not said.is_granted:
        setattr(contact, said.purpose, False)
        reason = SuppressionReason.unsubscribed
        suppressions.add(contact.email, reason, scope=scope, source=said.channel, member=by)
    stand(contact, said.purpose, said.is_granted, said.given_at)
    db.session.flush()
