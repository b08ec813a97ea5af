"""Keep a yes or a no as it was given: append-only, with the wording that was shown."""

from service.extensions import db
from service.models import Consent, ConsentPurpose

WORDING_VERSION = "2026-11"  # of all wordings together; raised when one of them changes


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
