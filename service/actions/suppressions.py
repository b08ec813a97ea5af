"""Put an address on the list by hand, lift one with a reason, and take the lifting back."""

from datetime import datetime
from typing import Any

from flask_babel import gettext as _

from service.errors import Conflict
from service.mail import suppressions
from service.models import Provider, Suppression, SuppressionReason, SuppressionScope

PROVIDER = "provider"  # the door that the team comes through
MOST_KEPT = 500  # characters of the detail, which has to fit into a cookie

Kept = dict[str, Any]  # a lifted suppression, as JSON can hold it


def add_by_hand(email: str, scope: SuppressionScope, note: str, by: Provider) -> Suppression:
    """Stop mails of a scope to `email`, because somebody of the team says so. Twice is once."""
    reason = SuppressionReason.by_provider
    return suppressions.add(email, reason, scope=scope, detail=note, source=PROVIDER, provider=by)


def lift(row: Suppression, why: str, by: Provider) -> Kept:
    """Take `row` off the list and return what put_back needs.

    Raises Conflict when somebody else has done it.
    """
    kept = {
        "public_id": row.public_id,
        "address_hash": row.address_hash,
        "address": row.address,
        "scope": row.scope.value,
        "reason": row.reason.value,
        "source": row.source,
        "detail": row.detail[:MOST_KEPT],
        "provider_id": row.provider_id,
        "created_at": row.created_at.isoformat(),
    }
    if not suppressions.lift(row, why, source=PROVIDER, provider=by):
        raise Conflict(_("Somebody of your team was faster: it is off the list already."))
    return kept


def put_back(kept: Kept, by: Provider) -> bool:
    """Put a lifted suppression back as it was; False when one like it is there again."""
    row = {
        **kept,
        "scope": SuppressionScope(kept["scope"]),
        "reason": SuppressionReason(kept["reason"]),
        "created_at": datetime.fromisoformat(kept["created_at"]),
    }
    return suppressions.put_in(row, source=PROVIDER, provider_id=by.id, why="")
