"""Record a yes or a no as it was given: append-only, with the wording that was shown."""

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
OPT_OUTS = (SuppressionReason.unsubscribed, SuppressionReason.complaint)
# The purposes that a yes to the survey's "write to me now and then" covers: not the newsletter.
IN_TOUCH = (ConsentPurpose.greetings, ConsentPurpose.check_ins)


@dataclass(frozen=True, slots=True)
class OfflineAnswer:
    """A yes or a no that was given to the team outside of the service, with its proof."""

    purpose: ConsentPurpose
    is_granted: bool
    channel: str  # phone, paper, in person …
    given_at: datetime
    wording: str  # the exact words


def note(
    contact_id: int,
    purpose: ConsentPurpose,
    is_granted: bool,
    *,
    wording: str,
    language: str,
    channel: str,
) -> None:
    """Record the answer of a contact to one purpose. Adds a row, does not flush."""
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


def set_basis(
    contact: Contact, purpose: ConsentPurpose, is_granted: bool, at: datetime | None = None
) -> None:
    """Set or clear the consent as the basis of a purpose; `keep_in_touch` means IN_TOUCH.

    A yes does not bring a purpose back that the contact has switched off.
    """
    for one in IN_TOUCH if purpose is ConsentPurpose.keep_in_touch else (purpose,):
        if one in PURPOSES:
            counts = is_granted and getattr(contact, one)
            setattr(contact, f"{one}_consent_at", (at or now()) if counts else None)


def record(contact: Contact, answer: OfflineAnswer, *, by: TeamMember) -> None:
    """Record a yes or a no that was given to the team outside of the service.

    A no suppresses the address, for all clients, like the contact's own click. Raises Refused for
    a day to come, and for a yes to what the contact ended here, which only their link takes back.
    """
    scope = SuppressionScope(answer.purpose)
    if answer.given_at > now():
        raise Refused(_("That day is still to come."))
    if answer.is_granted and (
        not getattr(contact, answer.purpose)
        or any(
            row.scope in (*suppressions.WIDE, scope) and row.reason in OPT_OUTS
            for row in suppressions.of(contact.email)
        )
    ):
        raise Refused(
            _("They said no to this here. Only they can take it back, with the link in any mail.")
        )
    db.session.add(
        Consent(
            contact_id=contact.id,
            purpose=answer.purpose,
            is_granted=answer.is_granted,
            wording=answer.wording,
            wording_version=CUSTOM_WORDING,
            language=contact.language,
            channel=answer.channel,
            given_at=answer.given_at,
            provider_id=by.id,
        )
    )
    if not answer.is_granted:
        setattr(contact, answer.purpose, False)
        reason = SuppressionReason.unsubscribed
        suppressions.add(contact.email, reason, scope=scope, source=answer.channel, member=by)
    set_basis(contact, answer.purpose, answer.is_granted, answer.given_at)
    db.session.flush()
