"""Keep some threads of a web server from waiting for a database that is locked (a bulkhead).

A request that only reads does not wait for whoever writes; without a bound, requests that write
would, on all threads. The web server says how many threads it has; other processes have no bound.
"""

import sqlite3
import threading
import time
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import OperationalError

PATIENCE = 1.5  # seconds without any progress that a request waits before it is refused kindly
SOON = 0.5  # seconds without any progress after which only those wait on who came first
LONGEST = 10.0  # seconds, when others get on
PAUSE = 0.005  # seconds between two tries; SQLite's own grow, and lose against a busy worker
REMEMBERED = 2.0  # seconds after a wait in vain in which the bound holds for those who begin
LOCK_NOT_AVAILABLE = "55P03"  # https://www.postgresql.org/docs/current/errcodes-appendix.html


class Bulkhead:
    """Those of a process who wait to write."""

    def __init__(self) -> None:
        self.places: int | None = None  # None: as many as come
        self._since: dict[int, float] = {}  # by thread
        self._got_on_at = self._vain_at = float("-inf")
        self._changed = threading.Condition()

    def bound(self, threads: int) -> None:
        """Let at most half of a web server's threads wait."""
        self.places = max(1, threads // 2)

    def begin_sqlite(self, connection: Connection) -> None:
        """Take SQLite's write lock; raises OperationalError when it is not to be had."""
        me, began = threading.get_ident(), time.monotonic()
        self._since[me] = began
        connection.exec_driver_sql("PRAGMA busy_timeout=0")
        try:
            while True:
                try:
                    connection.exec_driver_sql("BEGIN IMMEDIATE")
                    self._got_on_at = time.monotonic()
                    return
                except OperationalError as error:
                    if not _is_busy(error) or self._gives_up(began):
                        raise
                time.sleep(PAUSE)
        finally:
            del self._since[me]
            connection.exec_driver_sql("PRAGMA busy_timeout=10000")

    def get_on(self) -> None:
        """Note that whoever holds the lock gets on, and is nearly done: waiting is not in vain."""
        self._got_on_at = time.monotonic()

    def _gives_up(self, began: float) -> bool:
        now, waits = time.monotonic(), list(self._since.copy().values())
        stands_still = now - max(min(waits), self._got_on_at)
        came_before = sum(since < began for since in waits)
        if stands_still > SOON and came_before >= (self.places or 1):
            return True
        return now - max(began, self._got_on_at) > PATIENCE or now - began > LONGEST

    def begin_postgresql(self) -> None:
        """Note a transaction that writes; raises OperationalError when it is one too many.

        Any statement may wait here, so after one has waited in vain, all such transactions count.
        """
        me = threading.get_ident()
        with self._changed:
            patience = SOON if self._got_on_at > self._vain_at else 0
            if not self._changed.wait_for(lambda: me in self._since or self._has_room(), patience):
                raise OperationalError("BEGIN", None, TimeoutError("others wait for a lock"))
            self._since[me] = time.monotonic()

    def _has_room(self) -> bool:
        is_locked = time.monotonic() - self._vain_at < REMEMBERED
        return not is_locked or len(self._since) < (self.places or 1)

    def end_postgresql(self, *_: Any) -> None:
        """Forget the transaction of this thread, which has got its locks, or given up."""
        with self._changed:
            if self._since.pop(threading.get_ident(), None) is not None:
                self._changed.notify_all()

    def note_commit(self, connection: Connection) -> None:
        """Note that a transaction has got the locks that it needed."""
        if threading.get_ident() in self._since:
            self._got_on_at = time.monotonic()
        self.end_postgresql(connection)

    def note_error(self, context: ExceptionContext) -> None:
        """Remember a lock that was waited for in vain."""
        if getattr(context.original_exception, "sqlstate", None) == LOCK_NOT_AVAILABLE:
            self._vain_at = time.monotonic()

    def prepare_postgresql(self, engine: Engine) -> None:
        """Let the statements of a web server wait for a lock no longer than PATIENCE."""

        @event.listens_for(engine, "connect")
        def _connect(connection: Any, _record: Any) -> None:
            if self.places is not None:
                connection.execute(f"SET lock_timeout = {int(PATIENCE * 1000)}")
                connection.commit()

        event.listen(engine, "commit", self.note_commit)
        event.listen(engine, "rollback", self.end_postgresql)
        event.listen(engine, "handle_error", self.note_error)


def _is_busy(error: OperationalError) -> bool:
    return getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY


bulkhead = Bulkhead()
