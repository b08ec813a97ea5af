"""Measure what claiming and marking cost, without rendering and without a mail server.

In turns: the leases (take fifty, then for each mark that it leaves, and that it was sent), and the
same statements straight through the driver, one transaction a mail. Limit: 0.25 of the driver's
rate, so that SQLAlchemy costs less than everything else that is done for a mail.
"""

import secrets
import sqlite3
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from sqlalchemy import make_url

from benchmarks import _installs, _peers
from benchmarks._installs import Install
from service.clock import now
from service.mail.delivery import leases, outcomes
from service.mail.delivery.prefetch import PrefetchQueue
from service.models import MailKind

MAILS = 1_500  # per turn
TURNS = 3
LEAST = 0.25  # of the driver
WORDS = "250 2.0.0 Ok: queued as 4F2kq11vZqz9rxK"

CLAIM = """
WITH free AS (
    SELECT id FROM outbox WHERE state = 'queued' AND priority = 1 AND due_at <= ?
    ORDER BY priority, due_at, id LIMIT ? {lock}
)
UPDATE outbox SET state = 'sending', lease_owner = ?, lease_until = ?
WHERE id IN (SELECT id FROM free) AND state = 'queued' RETURNING id
"""
LEAVES = """
UPDATE outbox SET handing_over_at = ?, lease_until = ?
WHERE id = ? AND state = 'sending' AND lease_owner = ?
"""
SENT = """
UPDATE outbox SET state = 'sent', ended_at = ?, attempts = 1, server_words = ?,
    lease_owner = NULL, lease_until = NULL
WHERE id = ? AND state = 'sending' AND lease_owner = ?
"""


def main() -> int:
    """Measure and print; return 1 when a database does not reach the limit."""
    least = 9.9
    with _installs.installs(port=9) as installs:  # nobody connects to it
        for install in installs:
            least = min(least, measured(install))
    print(f"mail_claims ratio: {least:.2f} of the driver's own statements (at least {LEAST})")
    return 0 if least >= LEAST else 1


def measured(install: Install) -> float:
    """Print a database's figures; return the ratio."""
    ids = _installs.queue_mails((2 * TURNS + 1) * MAILS)
    turns = [ids[start : start + MAILS] for start in range(0, len(ids), MAILS)]
    driver = Driver(install)
    measure(turns.pop(), with_leases)  # warms up
    speeds: dict[str, list[float]] = {"claims": [], "driver": []}
    for _ in range(TURNS):
        speeds["claims"].append(measure(turns.pop(), with_leases))
        speeds["driver"].append(measure(turns.pop(), driver.send))
    driver.connection.close()
    ours, bare = (_peers.median(found) for found in speeds.values())
    print(
        f"{install.kind:<11} claims {ours:5.0f} mails/s  driver {bare:5.0f} mails/s"
        f"  ratio {ours / bare:.2f}  ({1e6 / ours:.0f} and {1e6 / bare:.0f} µs a mail)",
        flush=True,
    )
    return ours / bare


def measure(ids: list[int], action: Callable[[list[int]], None]) -> float:
    """Return the number of mails a second that `action` claims and marks."""
    _installs.make_due(ids)
    before = _installs.states().get("sent", 0)
    speed = _peers.per_second(len(ids), lambda: action(ids))
    if _installs.states().get("sent", 0) != before + len(ids):
        raise SystemExit(f"not all were marked: {_installs.states()}")
    return speed


def with_leases(ids: list[int]) -> None:
    """Claim and mark as a sender does."""
    tried = outcomes.Tries(MailKind.survey_invitation, 0, 0)
    with leases.leasing() as held:
        for start in range(0, len(ids), 100):  # ids of one job
            while taken := held.take(PrefetchQueue.most, ids[start : start + 100]):
                for row_id in taken:
                    held.leave(row_id)
                    held.note(row_id, outcomes.sent(tried, WORDS))
                held.write()


class Driver:
    """The same statements in plain SQL, on one connection of the driver."""

    def __init__(self, install: Install) -> None:
        url = make_url(install.environment["DATABASE_URL"])
        self.connection: Any
        if install.kind == "sqlite":
            self.connection = sqlite3.connect(str(url.database), isolation_level=None)
            for pragma in ("synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000"):
                self.connection.execute(f"PRAGMA {pragma}")
            self.begin, lock = "BEGIN IMMEDIATE", ""
        else:
            self.connection = psycopg.connect(
                host=url.query["host"], user=url.username, dbname=url.database, autocommit=True
            )
            self.begin, lock = "BEGIN", "FOR UPDATE SKIP LOCKED"
        self.is_sqlite = install.kind == "sqlite"
        self.claim = self._said(CLAIM.format(lock=lock))
        self.leaves, self.sent = self._said(LEAVES), self._said(SENT)

    def send(self, ids: list[int]) -> None:
        """Claim and mark mails; the result of one is written with the mark of the next."""
        say, owner, done = self.connection.execute, secrets.token_hex(8), None
        while True:
            until = self._at(60)
            say(self.begin)
            if done is not None:
                say(self.sent, (self._at(), WORDS, done, owner))
            rows = say(self.claim, (self._at(), PrefetchQueue.most, owner, until)).fetchall()
            say("COMMIT")
            done = None
            if not rows:
                return
            for (row_id,) in sorted(rows):
                say(self.begin)
                if done is not None:
                    say(self.sent, (self._at(), WORDS, done, owner))
                say(self.leaves, (self._at(), self._at(60), row_id, owner))
                say("COMMIT")
                done = row_id

    def _said(self, statement: str) -> str:
        return statement if self.is_sqlite else statement.replace("?", "%s")

    def _at(self, seconds: float = 0) -> str | datetime:
        moment = now() + timedelta(seconds=seconds)
        if not self.is_sqlite:
            return moment
        return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


if __name__ == "__main__":
    sys.exit(main())
