"""Openings on their way into the database: counted behind the answers, by a thread of the process.

So nobody waits for a busy database, neither who opened a link nor who comes next on the same
connection. What a process has not written when it ends, milliseconds as a rule, is not counted.
"""

import logging
from collections import Counter
from queue import Empty, Full, Queue
from threading import Lock, Thread

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from service import database
from service.newsletters.actions import links

log = logging.getLogger(__name__)

MOST = 10_000  # openings that wait while the database is locked

Opening = tuple[Engine, int, int]  # the database, the issue's id, the link's number


class Openings:
    """What waits to be counted. The thread begins with the first, in the process that has it."""

    def __init__(self) -> None:
        self._waiting: Queue[Opening] = Queue(MOST)
        self._thread: Thread | None = None
        self._beginning = Lock()

    def add(self, engine: Engine, issue_id: int, number: int) -> None:
        """Have an opening counted soon; one that too many wait before is not."""
        try:
            self._waiting.put_nowait((engine, issue_id, number))
        except Full:
            log.warning("opening_not_counted error=Full")
        with self._beginning:
            if self._thread is None or not self._thread.is_alive():
                self._thread = Thread(target=self._work, name="openings", daemon=True)
                self._thread.start()

    def settle(self) -> None:
        """Wait until nothing waits."""
        self._waiting.join()

    def _work(self) -> None:
        while True:
            taken = self._take()
            for (engine, issue_id, number), times in Counter(taken).items():
                try:
                    with database.statement_by_statement(engine) as connection:
                        links.count(connection, issue_id, number, times)
                except SQLAlchemyError as error:  # the readers are where they wanted to be
                    log.warning("opening_not_counted error=%s", type(error).__name__)
            for _ in taken:
                self._waiting.task_done()

    def _take(self) -> list[Opening]:
        taken = [self._waiting.get()]
        while True:
            try:
                taken.append(self._waiting.get_nowait())
            except Empty:
                return taken


openings = Openings()
