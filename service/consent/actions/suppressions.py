"""Suppress an address by hand, lift a suppression with a reason, and undo that."""

from datetime import datetime
from typing import Any

from flask_babel import gettext as _

from service.errors import Conflict
from service.mail.policy import suppressions
from service.models import ApiToken, Suppression, SuppressionReason, SuppressionScope, TeamMember

PROVIDER = "provider"  # the source of what the team adds
API = "api"  # the source of other programs; the name of the token follows
MOST_KEPT = 500  # characters of the detail, which has to fit into a cookie

Kept = dict[str, Any]  # a lifted suppression, as JSON can hold it


def add_by_hand(email: str, scope: SuppressionScope, note: str, by: TeamMember) -> Suppression:
    """Suppress mails of a scope to `email` for a team member; twice is once."""
    reason = SuppressionReason.by_provider
    return suppressions.add(email, reason, scope=scope, detail=note, source=PROVIDER, member=by)


def add_by_token(
    email: str, scope: SuppressionScope, note: str, by: ApiToken
) -> tuple[Suppression, bool]:
    """Suppress mails of a scope for another program; return the row, and whether it is new."""
    reason = SuppressionReason.by_provider
    existed = any((row.scope, row.reason) == (scope, reason) for row in suppressions.of(email))
    source = source_of(by)
    return suppressions.add(email, reason, scope=scope, detail=note, source=source), not existed


def lift_by_token(row: Suppression, why: str, by: ApiToken) -> None:
    """Take `row` off the list; raises Conflict when somebody else has done it."""
    _lift(row, why, source=source_of(by))


def source_of(token: ApiToken) -> str:
    """Return the source of suppressions by `token`, with its name."""
    return f"{API}:{token.name}"


def lift(row: Suppression, why: str, by: TeamMember) -> Kept:
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
    _lift(row, why, source=PROVIDER, member=by)
    return kept


def _lift(row: Suppression, why: str, *, source: str, member: TeamMember | None = None) -> None:
    if not suppressions.lift(row, why, source=source, member=member):
        raise Conflict(_("Somebody of your team was faster: it is off the list already."))


def put_back(kept: Kept, by: TeamMember) -> bool:
    """Put a lifted suppression back as it was; False when one like it is there again."""
    row = {
        **kept,
        "scope": SuppressionScope(kept["scope"]),
        "reason": SuppressionReason(kept["reason"]),
        "created_at": datetime.fromisoformat(kept["created_at"]),
    }
    return suppressions.put_in(row, source=PROVIDER, provider_id=by.id, why="")
