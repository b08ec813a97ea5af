"""Claim rows of the outbox before acting on them: conditional UPDATEs with a lease. They commit.

Whoever holds a lease may send; whoever lost it learns so at the last moment before a mail leaves.
"""

import os
import secrets
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, cast

from sqlalchemy import ColumnElement, Connection, Table, Update, bindparam, select, update

from service.clock import now
from service.current import settings
from service.extensions import db
from service.models import MailState, OutboxMessage, Priority

FREE: dict[str, Any] = {"lease_owner": None, "lease_until": None, "handing_over_at": None}
# Plain SQL over the table: a mark per mail is the hot path, and the ORM would double its price.
_OUTBOX = cast(Table, OutboxMessage.__table__)
_OURS = (
    _OUTBOX.c.id == bindparam("row"),
    _OUTBOX.c.state == MailState.sending,
    _OUTBOX.c.lease_owner == bindparam("owner"),
)
_LEAVES = (
    update(_OUTBOX)
    .where(*_OURS)
    .values(handing_over_at=bindparam("at"), lease_until=bindparam("until"))
)


@lru_cache
def _changing(*names: str) -> Update:
    """Return the statement that changes these columns of a row of ours, made once."""
    return update(_OUTBOX).where(*_OURS).values({name: bindparam(f"new_{name}") for name in names})


class LostLease(Exception):
    """Somebody else has, or decided about, this row meanwhile: it is not ours to send."""


def lease_time() -> timedelta:
    """Return how long a lease lasts: longer than one mail can take when every command stalls."""
    return timedelta(seconds=60 + 5 * settings().mail_timeout)


@contextmanager
def claiming() -> Iterator["Claims"]:
    """Yield the claims of one courier, with a database connection of its own.

    At the end, whatever happened, what was noted is written; rows not come to are given back.
    """
    with db.engine.connect() as connection:
        claims = Claims(connection)
        try:
            yield claims
        finally:
            connection.rollback()
            claims.write()
            claims.release(claims.held())


class Claims:
    """The rows that one courier holds, and what it has learnt about them since the last commit.

    Notes wait for the next mail's mark and share its transaction, so that a mail costs one commit.
    A crash in between leaves one mail in doubt, as it would have anyway.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.owner = f"{socket.gethostname()[:30]}:{os.getpid()}:{secrets.token_hex(4)}"
        self.until = now()
        self._held: dict[int, None] = {}  # in the order in which they are to go
        self._notes: list[tuple[int, dict[str, Any]]] = []

    def held(self) -> list[int]:
        """Return the rows that are ours and of which nothing is noted."""
        return list(self._held)

    def take(self, count: int, among: Sequence[int] | None = None) -> list[int]:
        """Claim up to `count` rows that are due and nobody's, the most urgent, longest due first.

        With `among` only those, and before them the urgent ones of anybody.
        """
        self.until = now() + lease_time()
        self._write_notes()
        taken = self._claim(count, _OUTBOX.c.priority == Priority.urgent)
        if among is not None:
            taken += self._claim(count - len(taken), _OUTBOX.c.id.in_(among))
        else:
            for priority in (Priority.ordinary, Priority.bulk):
                taken += self._claim(count - len(taken), _OUTBOX.c.priority == priority)
        self._commit()
        self._held |= dict.fromkeys(taken)
        return taken

    def _claim(self, count: int, which: ColumnElement[bool]) -> list[int]:
        if count <= 0:
            return []
        is_queued = _OUTBOX.c.state == MailState.queued
        free = (
            select(_OUTBOX.c.id)
            .where(is_queued, which, _OUTBOX.c.due_at <= now())
            .order_by(_OUTBOX.c.priority, _OUTBOX.c.due_at, _OUTBOX.c.id)
            .limit(count)
            .with_for_update(skip_locked=True)  # SQLite has no such thing: BEGIN IMMEDIATE does it
            .cte("free")  # asked once; as a plain subquery PostgreSQL may ask it again and again
        )
        rows = self.connection.execute(
            update(_OUTBOX)
            .where(_OUTBOX.c.id.in_(select(free.c.id)), is_queued)
            .values(state=MailState.sending, lease_owner=self.owner, lease_until=self.until)
            .returning(_OUTBOX.c.priority, _OUTBOX.c.due_at, _OUTBOX.c.id)
        ).all()
        return [row.id for row in sorted(rows, key=lambda row: (row.priority, row.due_at, row.id))]

    def leave(self, row_id: int) -> None:
        """Write down that this mail leaves next: from here nobody can know. Raises LostLease."""
        moment = now()
        self._write_notes()
        marked = self.connection.execute(
            _LEAVES,
            {"row": row_id, "owner": self.owner, "at": moment, "until": moment + lease_time()},
        )
        self._commit()
        if not marked.rowcount:
            self._held.pop(row_id, None)
            raise LostLease

    def note(self, row_id: int, changes: dict[str, Any]) -> None:
        """Keep what became of a row for the next commit."""
        self._held.pop(row_id, None)
        self._notes.append((row_id, changes))

    def write(self) -> None:
        """Commit what was noted."""
        if self._notes:
            self._write_notes()
            self._commit()

    def _commit(self) -> None:
        self.connection.commit()
        self._notes.clear()  # and not before: what could not be written is tried once more

    def _write_notes(self) -> None:
        for row_id, changes in self._notes:
            values = {f"new_{name}": value for name, value in changes.items()}
            values |= {"row": row_id, "owner": self.owner}
            if not self.connection.execute(_changing(*changes), values).rowcount:
                self._settle(row_id, changes)

    def _settle(self, row_id: int, changes: dict[str, Any]) -> None:
        """Correct a row whose lease ran out just when the server took the mail."""
        if changes["state"] is MailState.sent:
            doubted = _OUTBOX.c.state.in_([MailState.queued, MailState.uncertain])
            self.connection.execute(
                update(_OUTBOX).where(_OUTBOX.c.id == row_id, doubted).values(**changes)
            )

    def renew(self) -> None:
        """Hold everything longer, once a good part of the lease is over."""
        if self.until - now() > lease_time() * 0.7:
            return
        self.until = now() + lease_time()
        self.connection.execute(
            update(_OUTBOX)
            .where(_OUTBOX.c.state == MailState.sending, _OUTBOX.c.lease_owner == self.owner)
            .values(lease_until=self.until)
        )
        self.connection.commit()

    def release(self, ids: Sequence[int], due_at: datetime | None = None) -> None:
        """Give rows back as if they had never been claimed; due at `due_at` when it is given."""
        changes = {"state": MailState.queued, **FREE, **({"due_at": due_at} if due_at else {})}
        if ids:
            self.connection.execute(
                update(_OUTBOX)
                .where(
                    _OUTBOX.c.id.in_(ids),
                    _OUTBOX.c.state == MailState.sending,
                    _OUTBOX.c.lease_owner == self.owner,
                )
                .values(**changes)
            )
            self.connection.commit()
        for row_id in ids:
            self._held.pop(row_id, None)
