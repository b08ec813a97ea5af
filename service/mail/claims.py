"""Claim rows of the outbox before acting on them: conditional UPDATEs with a lease. They commit.

Whoever holds a lease may send; whoever lost it learns so at the last moment before DATA.
"""

import os
import secrets
import socket
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, select, update

from service.clock import now
from service.current import settings
from service.extensions import db
from service.models import MailState, OutboxMessage

FREE: dict[str, Any] = {"lease_owner": None, "lease_until": None, "handing_over_at": None}


class LostLease(Exception):
    """Somebody else has, or decided about, this row meanwhile: it is not ours to send."""


def lease_time() -> timedelta:
    """Return how long a lease lasts: longer than one mail can take when every command stalls."""
    return timedelta(seconds=60 + 5 * settings().mail_timeout)


def take(ids: Sequence[int]) -> "Claim":
    """Claim those of `ids` that are due and nobody's; the longest due comes first."""
    owner = f"{socket.gethostname()[:30]}:{os.getpid()}:{secrets.token_hex(4)}"
    until = now() + lease_time()
    free = (
        select(OutboxMessage.id)
        .where(OutboxMessage.id.in_(ids), _is_queued(), OutboxMessage.due_at <= now())
        .order_by(OutboxMessage.due_at, OutboxMessage.id)
        .with_for_update(skip_locked=True)  # SQLite has no such thing: BEGIN IMMEDIATE does it
    )
    claimed = db.session.execute(
        update(OutboxMessage)
        .where(OutboxMessage.id.in_(free), _is_queued())
        .values(state=MailState.sending, lease_owner=owner, lease_until=until)
        .returning(OutboxMessage.due_at, OutboxMessage.id)
        .execution_options(synchronize_session=False)
    ).all()
    db.session.commit()
    longest_due = sorted(claimed, key=lambda row: (row.due_at, row.id))
    return Claim(owner, [row.id for row in longest_due], until)


class Claim:
    """The rows that one worker holds and has not come to yet, and until when."""

    def __init__(self, owner: str, ids: list[int], until: datetime) -> None:
        self.owner = owner
        self.waiting = ids
        self.until = until

    def next(self, count: int) -> list[int]:
        """Return the next rows to send; they stay ours, but release() leaves them alone."""
        chunk, self.waiting = self.waiting[:count], self.waiting[count:]
        return chunk

    def renew(self) -> None:
        """Hold everything longer, once a good part of the lease is over."""
        if self.until - now() > lease_time() * 0.7:
            return
        self.until = now() + lease_time()
        db.session.execute(
            update(OutboxMessage)
            .where(OutboxMessage.state == MailState.sending, self._is_ours())
            .values(lease_until=self.until)
            .execution_options(synchronize_session=False)
        )
        db.session.commit()

    def hand_over(self, row_id: int) -> None:
        """Write down that DATA comes next: from here nobody can know. Raises LostLease."""
        changes = {"handing_over_at": now(), "lease_until": now() + lease_time()}
        if not self.change(row_id, **changes):
            raise LostLease

    def change(self, row_id: int, **changes: Any) -> bool:
        """Change a row that is still ours, and commit; say whether it was."""
        changed = db.session.execute(
            update(OutboxMessage)
            .where(
                OutboxMessage.id == row_id,
                OutboxMessage.state == MailState.sending,
                self._is_ours(),
            )
            .values(**changes)
            .execution_options(synchronize_session=False)
        )
        db.session.commit()
        return bool(changed.rowcount)  # type: ignore[attr-defined]

    def release(self, ids: Sequence[int], due_at: datetime | None = None) -> None:
        """Give rows back as if they had never been claimed; due at `due_at` when it is given."""
        if not ids:
            return
        changes = {"due_at": due_at} if due_at else {}
        db.session.execute(
            update(OutboxMessage)
            .where(
                OutboxMessage.id.in_(ids),
                OutboxMessage.state == MailState.sending,
                self._is_ours(),
            )
            .values(state=MailState.queued, **FREE, **changes)
            .execution_options(synchronize_session=False)
        )
        db.session.commit()

    def _is_ours(self) -> ColumnElement[bool]:
        return OutboxMessage.lease_owner == self.owner


def _is_queued() -> ColumnElement[bool]:
    return OutboxMessage.state == MailState.queued


def settle(row_id: int, **changes: Any) -> bool:
    """Correct a row whose lease ran out just when the server took the mail; commits."""
    settled = db.session.execute(
        update(OutboxMessage)
        .where(
            OutboxMessage.id == row_id,
            OutboxMessage.state.in_([MailState.queued, MailState.uncertain]),
        )
        .values(**changes)
        .execution_options(synchronize_session=False)
    )
    db.session.commit()
    return bool(settled.rowcount)  # type: ignore[attr-defined]
