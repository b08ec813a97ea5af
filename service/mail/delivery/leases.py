"""Lease rows of the outbox before acting on them, by conditional UPDATEs.

Only the holder of a lease may send: the last statement before a mail leaves raises LostLease for
anybody else. Each statement commits itself, so that a mark costs one round trip.
"""

import os
import secrets
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Table,
    Update,
    bindparam,
    case,
    func,
    literal,
    select,
    update,
)

from service import database
from service.clock import now
from service.current import settings
from service.extensions import db
from service.mail import sql
from service.mail.decision import Decision, each_of
from service.models import MailState, OutboxMessage, Priority
from service.models.types import UtcDateTime

FREE: dict[str, Any] = {"lease_owner": None, "lease_until": None, "handing_over_at": None}
# Plain SQL over the table: a mark per mail is the hot path, and the ORM would double its price.
_OUTBOX = cast(Table, OutboxMessage.__table__)
_OURS = (_OUTBOX.c.state == MailState.sending, _OUTBOX.c.lease_owner == bindparam("owner"))
_LEAVES: dict[str, ColumnElement[Any]] = {
    "handing_over_at": bindparam("leaves_at", type_=_OUTBOX.c.handing_over_at.type),
    "lease_until": bindparam("leaves_until", type_=_OUTBOX.c.lease_until.type),
}


@lru_cache
def _noting(*names: str) -> Update:
    """Return the statement that changes these columns of one held row; built once."""
    values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names}
    return update(_OUTBOX).where(_OUTBOX.c.id == bindparam("noted"), *_OURS).values(values)


@lru_cache
def _noting_and_leaving(*names: str) -> Update:
    """Return the statement that notes one row and marks another as leaving; built once."""
    is_noted = _OUTBOX.c.id == bindparam("noted")
    columns = {name: _LEAVES.get(name, _OUTBOX.c[name]) for name in (*names, *_LEAVES)}
    values: dict[str, ColumnElement[Any]] = {
        name: case(
            (is_noted, bindparam(f"new_{name}", type_=_OUTBOX.c[name].type)), else_=otherwise
        )
        if name in names
        else case((is_noted, _OUTBOX.c[name]), else_=otherwise)
        for name, otherwise in columns.items()
    }
    both = _OUTBOX.c.id.in_([bindparam("noted"), bindparam("leaving")])
    return update(_OUTBOX).where(both, *_OURS).values(values)


_LEAVING = update(_OUTBOX).where(_OUTBOX.c.id == bindparam("leaving"), *_OURS).values(_LEAVES)


@lru_cache
def _ready(statement: Update, engine: Engine) -> database.Ready:
    return database.Ready(statement, engine)


class LostLease(Exception):
    """Another sender holds this row, or its state has changed: it must not be sent."""


def lease_time() -> timedelta:
    """Return how long a lease lasts: longer than a mail whose every command takes the timeout."""
    return timedelta(seconds=60 + 5 * settings().mail_timeout)


@contextmanager
def leasing(owner: str = "") -> Iterator["Leases"]:
    """Yield the leases of one sender, with a database connection that is theirs alone.

    Leases of one `owner` may pass rows to each other. At the end, whatever happened, the notes are
    written and the rows that were not sent are given back.
    """
    with database.statement_by_statement(db.engine) as connection:
        leases = Leases(connection, owner)
        try:
            yield leases
        finally:
            leases.write()
            leases.release(leases.held())


def new_owner() -> str:
    """Return a new, unique name for an owner of leases."""
    return f"{socket.gethostname()[:30]}:{os.getpid()}:{secrets.token_hex(4)}"


class Leases:
    """The rows that one sender holds, and its notes: results of mails that are not written yet.

    A note is written together with the mark of the next mail, in one statement, so that a mail
    costs one commit. A crash in between leaves that one mail in doubt, as it would have anyway.
    """

    def __init__(self, connection: Connection, owner: str = "") -> None:
        self.connection = connection
        self.owner = owner or new_owner()
        self.lease = lease_time()
        self.until = now() + self.lease
        self._held: dict[int, None] = {}  # in the order in which they are to go
        self._notes: list[tuple[int, dict[str, Any]]] = []

    def held(self) -> list[int]:
        """Return the ids of the rows that are held and not yet handed over."""
        return list(self._held)

    def hold(self, row_id: int) -> None:
        """Add a row that another sender of the same owner has claimed to those held here."""
        self._held[row_id] = None

    def pass_on(self, row_id: int) -> None:
        """Remove a row from those held here: another sender of the same owner holds it now."""
        self._held.pop(row_id, None)

    def take(
        self, count: int, among: Sequence[int] | None = None, domain: str = "localhost"
    ) -> list[int]:
        """Claim up to `count` free rows that are due: the most urgent first, then the longest due.

        With `among` only those rows, after any urgent ones. Each row gets a Message-ID in `domain`
        before its first attempt, so that a second attempt has the same.
        """
        self.write()
        if not self._held:
            self.until = now() + self.lease
        taken = self._claim(count, domain, _OUTBOX.c.priority == Priority.urgent)
        if among is not None:
            taken += self._claim(count - len(taken), domain, sql.among(_OUTBOX.c.id, among))
        else:
            for priority in (Priority.ordinary, Priority.bulk):
                taken += self._claim(count - len(taken), domain, _OUTBOX.c.priority == priority)
        self._held |= dict.fromkeys(taken)
        return taken

    def _claim(self, count: int, domain: str, which: ColumnElement[bool]) -> list[int]:
        if count <= 0:
            return []
        is_queued = _OUTBOX.c.state == MailState.queued
        free = (
            select(_OUTBOX.c.id)
            .where(is_queued, which, _OUTBOX.c.due_at <= now())
            .order_by(_OUTBOX.c.priority, _OUTBOX.c.due_at, _OUTBOX.c.id)
            .limit(count)
            .with_for_update(skip_locked=True)  # SQLite has no such thing: one writes at a time
            .cte("free")  # asked once; as a plain subquery PostgreSQL may ask it again and again
        )
        new_id = "<" + _OUTBOX.c.public_id + f"@{domain}>"
        claimed = self.connection.execute(
            update(_OUTBOX)
            .where(_OUTBOX.c.id.in_(select(free.c.id)), is_queued)
            .values(
                state=MailState.sending,
                lease_owner=self.owner,
                lease_until=now() + self.lease,
                message_id=func.coalesce(_OUTBOX.c.message_id, new_id),
            )
            .returning(_OUTBOX.c.priority, _OUTBOX.c.due_at, _OUTBOX.c.id)
        ).all()
        self.connection.commit()
        return [
            row.id for row in sorted(claimed, key=lambda row: (row.priority, row.due_at, row.id))
        ]

    def leave(self, row_id: int) -> None:
        """Mark that this mail leaves next: until a note it is uncertain. Raises LostLease."""
        self._write_notes(but=1)
        moment = now()
        values = {"owner": self.owner, "leaving": row_id}
        values |= {"leaves_at": moment, "leaves_until": moment + self.lease}
        if self._notes:
            noted, changes = self._notes[0]
            values |= {"noted": noted, **_new(changes)}
            statement = _noting_and_leaving(*changes)
            changed = self._run(statement, values)
            self._notes.pop(0)  # more notes may have come meanwhile
            is_ours = changed == 2 or self._is_leaving(row_id)
            if changed < 1 + is_ours:
                self._settle(noted, changes)
        else:
            is_ours = bool(self._run(_LEAVING, values))
        self._held.pop(row_id, None)  # never given back: without a note it is uncertain
        if not is_ours:
            raise LostLease

    def _is_leaving(self, row_id: int) -> bool:
        """Return whether this row was marked, when one of the two rows was lost."""
        marked = select(_OUTBOX.c.handing_over_at).where(_OUTBOX.c.id == row_id, *_OURS)
        found = self.connection.scalar(marked, {"owner": self.owner})
        self.connection.commit()
        return found is not None

    def note(self, row_id: int, changes: dict[str, Any]) -> None:
        """Keep the result of a row, to be written with the next statement."""
        self._held.pop(row_id, None)
        self._notes.append((row_id, changes))

    def write(self) -> None:
        """Write all notes."""
        self._write_notes(but=0)

    def _write_notes(self, but: int) -> None:
        """Write all notes except the last `but`. A note that fails is kept, to be tried again."""
        while len(self._notes) > but:
            row_id, changes = self._notes[0]
            values = {"noted": row_id, "owner": self.owner, **_new(changes)}
            if not self._run(_noting(*changes), values):
                self._settle(row_id, changes)
            self._notes.pop(0)

    def _settle(self, row_id: int, changes: dict[str, Any]) -> None:
        """Correct a row whose lease ran out just when the server took the mail."""
        if changes["state"] is MailState.sent:
            doubted = _OUTBOX.c.state.in_([MailState.queued, MailState.uncertain])
            self._count(update(_OUTBOX).where(_OUTBOX.c.id == row_id, doubted).values(**changes))

    def _count(self, statement: Update, values: Mapping[str, Any] | None = None) -> int:
        """Run a statement and return how many rows it changed."""
        changed = self.connection.execute(statement, values).rowcount
        self.connection.commit()
        return changed

    def _run(self, statement: Update, values: Mapping[str, Any]) -> int:
        return _ready(statement, db.engine).run(self.connection, values)

    def renew(self) -> None:
        """Prolong all leases once 30 % of their time is over.

        Locked rows are skipped: two senders of one owner would wait for each other's rows.
        """
        if self.until - now() > self.lease * 0.7:
            return
        self.until = now() + self.lease
        ours = (_OUTBOX.c.state == MailState.sending, _OUTBOX.c.lease_owner == self.owner)
        at_rest = select(_OUTBOX.c.id).where(*ours).with_for_update(skip_locked=True).cte("at_rest")
        held = _OUTBOX.c.id.in_(select(at_rest.c.id))
        self._count(update(_OUTBOX).where(held, *ours).values(lease_until=self.until))

    def release(
        self,
        ids: Sequence[int],
        due_at: datetime | None = None,
        decisions: Mapping[int, Decision] | None = None,
        expiries: Mapping[int, datetime] | None = None,
    ) -> None:
        """Give rows back as if they had not been claimed; with `due_at` they are due then.

        `decisions` say why they wait, by id, of all rows or of none; `expiries` are the new ones
        of those that may go for longer.
        """
        changes = {"state": MailState.queued, **FREE, **({"due_at": due_at} if due_at else {})}
        if decisions:
            changes["decision"] = each_of(decisions)
        if expiries:
            ends = {row_id: literal(at, UtcDateTime()) for row_id, at in expiries.items()}
            changes["expires_at"] = case(ends, value=_OUTBOX.c.id, else_=_OUTBOX.c.expires_at)
        if ids:
            ours = (_OUTBOX.c.state == MailState.sending, _OUTBOX.c.lease_owner == self.owner)
            self._count(update(_OUTBOX).where(_OUTBOX.c.id.in_(ids), *ours).values(**changes))
        for row_id in ids:
            self._held.pop(row_id, None)

    def release_rest(self) -> None:
        """Give back every row of this owner that is not marked as leaving."""
        ours = (_OUTBOX.c.state == MailState.sending, _OUTBOX.c.lease_owner == self.owner)
        rest = (*ours, _OUTBOX.c.handing_over_at.is_(None))
        self._count(update(_OUTBOX).where(*rest).values(state=MailState.queued, **FREE))


def _new(changes: Mapping[str, Any]) -> dict[str, Any]:
    return {f"new_{name}": value for name, value in changes.items()}
