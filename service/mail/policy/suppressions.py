"""Addresses that get no mail, kept as keyed hashes so that they outlive an erasure.

Each change is logged here, whatever caused it. Who may lift a suppression is decided by callers.
"""

import hashlib
import hmac
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import delete, func, insert, or_, select, update

from service.clock import now
from service.current import settings
from service.database import insert_into
from service.extensions import db
from service.mail.kinds import Rules
from service.mail.sql import among, rarely
from service.models import (
    Contact,
    MailState,
    OutboxMessage,
    Suppression,
    SuppressionChange,
    SuppressionReason,
    SuppressionScope,
    TeamMember,
)
from service.tokens import new_public_id

Found = Mapping[str, Sequence[Suppression]]  # by email_key, the widest first
Row = TypeVar("Row", Suppression, SuppressionChange)

WIDE = (SuppressionScope.everything, SuppressionScope.unasked)
DEAD = (SuppressionReason.hard_bounce, SuppressionReason.soft_bounces)
# Which of several reasons is shown: those that nobody here can lift come first.
_SHOWN_FIRST = (
    SuppressionReason.hard_bounce,
    SuppressionReason.complaint,
    SuppressionReason.soft_bounces,
    SuppressionReason.unsubscribed,
    SuppressionReason.by_provider,
    SuppressionReason.imported,
)
_SCOPES = tuple(SuppressionScope)
KEY = ("address_hash", "scope", "reason")
MOST_OF_SOURCE = 40


def email_key(email: str) -> str:
    """Return the key that all spellings of one address share."""
    return email.strip().casefold()


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
    source: str = "",
    member: TeamMember | None = None,
) -> Suppression:
    """Suppress `email` for a scope and log it; the one that is there already is returned as it is.

    `source` is where it came from (one-click, reply, smtp …), `detail` its wording; both are shown.
    """
    hashes = address_hashes(email)
    found = _exactly(hashes, scope, reason)
    if found is not None:
        return found
    put_in(
        {
            "address_hash": hashes[0],
            "address": email.strip(),
            "reason": reason,
            "scope": scope,
            "source": source[:MOST_OF_SOURCE],
            "detail": detail,
            "provider_id": member.id if member else None,
            "created_at": now(),
        }
    )
    found = _exactly(hashes, scope, reason)
    if found is None:
        raise RuntimeError("the suppression just added is not there")
    return found


def put_in(row: Mapping[str, Any], **logged: Any) -> bool:
    """Insert a suppression and its log entry; return False when it is there already.

    `row` has every column but the ids, `logged` the columns of the entry that differ from it.
    """
    new = insert_into(Suppression, db.engine).values({"public_id": new_public_id(), **row})
    new = new.on_conflict_do_nothing(index_elements=KEY)
    if db.session.scalar(new.returning(Suppression.id)) is None:
        return False
    db.session.execute(insert(SuppressionChange).values({**change_of(row), **logged}))
    if row["address"]:
        take_back([row["address"]])
    return True


def held() -> set[str]:
    """Return the keys of the addresses to whom a mail is being sent just now; they are few."""
    mails = select(Contact.email_key, TeamMember.email).select_from(OutboxMessage)
    mails = mails.outerjoin(OutboxMessage.contact).outerjoin(OutboxMessage.member)
    found = db.session.execute(mails.where(rarely(OutboxMessage.state == MailState.sending)))
    return {email_key(address) for row in found for address in row if address}


def take_back(emails: Iterable[str]) -> None:
    """Give back the mails to `emails` that a worker holds and has not begun to hand over.

    They were claimed, and perhaps prepared, before the address was suppressed. For their holder
    the mark before the first byte then raises LostLease; the next claim skips them.
    """
    keys = {email_key(email) for email in emails}
    reader = or_(Contact.email_key.in_(keys), func.lower(TeamMember.email).in_(keys))
    held = (
        select(OutboxMessage.id)
        .outerjoin(OutboxMessage.contact)
        .outerjoin(OutboxMessage.member)
        .where(rarely(OutboxMessage.state == MailState.sending), reader)
        .where(OutboxMessage.handing_over_at.is_(None))
        .with_for_update(skip_locked=True, of=OutboxMessage)  # one that is locked is just leaving
    )
    ids = db.session.scalars(held).all()
    if not ids:
        return
    db.session.execute(
        update(OutboxMessage)
        .where(OutboxMessage.id.in_(ids), OutboxMessage.state == MailState.sending)
        .where(OutboxMessage.handing_over_at.is_(None))
        .values(state=MailState.queued, lease_owner=None, lease_until=None),
        execution_options={"synchronize_session": False},
    )


def change_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the log entry for adding `row`."""
    entry = {name: row[name] for name in (*KEY, "source", "provider_id")}
    return {**entry, "is_lifted": False, "why": row["detail"], "at": now()}


def find(email: str) -> Suppression | None:
    """Return the widest suppression of `email`, or None."""
    rows = of(email)
    return rows[0] if rows else None


def of(email: str) -> Sequence[Suppression]:
    """Return every suppression of `email`, the widest first."""
    return find_all([email]).get(email_key(email), ())


def find_all(emails: Iterable[str]) -> Found:
    """Return the suppressions of `emails` in one query, by email_key: several spell one address."""
    owner = {hashed: email_key(email) for email in emails for hashed in address_hashes(email)}
    rows = db.session.scalars(
        select(Suppression).where(among(Suppression.address_hash, owner.keys()))
    )
    found: dict[str, list[Suppression]] = defaultdict(list)
    for row in rows:
        found[owner[row.address_hash]].append(row)
    return {key: widest_first(some) for key, some in found.items()}


def widest_first(rows: Iterable[Row]) -> list[Row]:
    """Return suppressions (or log entries) of one address in the order in which they are shown."""
    return sorted(rows, key=lambda row: (_SCOPES.index(row.scope), _SHOWN_FIRST.index(row.reason)))


def stopping(rows: Iterable[Row], rules: Rules) -> Row | None:
    """Return the one of an address's `rows`, the widest first, that stops mails of such rules.

    `rows` are suppressions, or the log entries of adding them.
    """
    return next((row for row in rows if _stops(row.scope, rules)), None)


def lift(row: Suppression, why: str, *, source: str, member: TeamMember | None = None) -> bool:
    """Delete one suppression and log it; return False when it was gone already."""
    gone = db.session.execute(delete(Suppression).where(Suppression.id == row.id))
    if not gone.rowcount:  # type: ignore[attr-defined]
        return False
    change = SuppressionChange(
        address_hash=row.address_hash,
        scope=row.scope,
        reason=row.reason,
        is_lifted=True,
        why=why,
        source=source[:MOST_OF_SOURCE],
        provider_id=member.id if member else None,
    )
    db.session.add(change)
    db.session.flush()
    return True


def lift_own(email: str, scopes: Iterable[SuppressionScope], *, source: str) -> bool:
    """Lift the unsubscriptions of `email` from `scopes`; return whether there was any.

    Whoever unsubscribed may come back by the same link; a dead address or a complaint may not.
    """
    wanted = set(scopes)
    own = [
        row
        for row in of(email)
        if row.reason is SuppressionReason.unsubscribed and row.scope in wanted
    ]
    return sum(lift(row, "", source=source) for row in own) > 0


def forget(email: str) -> int:
    """Empty the address and free texts of its suppressions; return how many stay, as hashes."""
    hashes = address_hashes(email)
    kept = db.session.execute(
        update(Suppression)
        .where(Suppression.address_hash.in_(hashes))
        .values(address=None, detail="")
    )
    db.session.execute(
        update(SuppressionChange).where(SuppressionChange.address_hash.in_(hashes)).values(why="")
    )
    return int(kept.rowcount)  # type: ignore[attr-defined]


def _stops(scope: SuppressionScope, rules: Rules) -> bool:
    if scope is SuppressionScope.everything:
        return True
    if rules.is_transactional:
        return False
    return scope is SuppressionScope.unasked or (
        rules.purpose is not None and scope.value == rules.purpose.value
    )


def _exactly(
    hashes: Sequence[str], scope: SuppressionScope, reason: SuppressionReason
) -> Suppression | None:
    return db.session.scalar(
        select(Suppression)
        .where(
            Suppression.address_hash.in_(hashes),
            Suppression.scope == scope,
            Suppression.reason == reason,
        )
        .limit(1)
    )
