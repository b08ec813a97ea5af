"""Addresses that get no mail, kept as keyed hashes so that they outlive an erasure."""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite

from service.clock import now
from service.current import settings
from service.extensions import db
from service.models import Suppression, SuppressionReason, SuppressionScope
from service.tokens import new_public_id

Found = Mapping[str, Suppression]  # by email_key


def address_hashes(email: str) -> list[str]:
    """Return the hashes under which `email` may be kept, the current key's first.

    One per key of SECRET_KEY and its fallbacks, so that a rotation forgets nobody.
    """
    address = email_key(email).encode()
    keys = reversed(settings().secret_keys)
    return [hmac.new(key.encode(), address, hashlib.sha256).hexdigest() for key in keys]


def add(
    email: str,
    reason: SuppressionReason,
    *,
    scope: SuppressionScope = SuppressionScope.unasked,
    detail: str = "",
) -> Suppression:
    """Suppress `email`. Twice is once; a reason that reaches further replaces one that does not."""
    hashed = address_hashes(email)[0]
    if find(email) is None:  # and if another is as quick, its row stands
        insert: Any = postgresql.insert if db.engine.name == "postgresql" else sqlite.insert
        values = {
            "public_id": new_public_id(),
            "address_hash": hashed,
            "address": email.strip(),
            "reason": reason,
            "scope": scope,
            "source": "",
            "detail": detail,
            "created_at": now(),
        }
        db.session.execute(insert(Suppression).values(**values).on_conflict_do_nothing())
    found = find(email)
    if found is None:
        raise RuntimeError("the suppression just added is not there")
    if scope is SuppressionScope.everything and found.scope is not scope:
        found.reason, found.scope, found.detail = reason, scope, detail
    db.session.flush()
    return found


def find(email: str) -> Suppression | None:
    """Return the suppression of `email`, or None."""
    hashes = address_hashes(email)
    return db.session.scalar(select(Suppression).where(Suppression.address_hash.in_(hashes)))


def find_all(emails: Iterable[str]) -> Found:
    """Return the suppressions of `emails` in one query, by email_key: several spell one address."""
    owner = {hashed: email_key(email) for email in emails for hashed in address_hashes(email)}
    rows = db.session.scalars(select(Suppression).where(Suppression.address_hash.in_(owner)))
    return {owner[row.address_hash]: row for row in rows}


def email_key(email: str) -> str:
    """Return what all spellings of one address share."""
    return email.strip().casefold()


def lift(email: str, reason: SuppressionReason) -> bool:
    """Take the suppression of `email` back if it was for `reason`; says whether there was one.

    A contact who unsubscribed may come back by the same link; a dead address may not.
    """
    hashes = address_hashes(email)
    found = db.session.execute(
        delete(Suppression).where(
            Suppression.address_hash.in_(hashes), Suppression.reason == reason
        )
    )
    return bool(found.rowcount)  # type: ignore[attr-defined]
