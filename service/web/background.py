"""Write small facts behind the answers, so that no reader waits for a busy database.

For what decides nothing: what a process has not written when it ends, milliseconds as a rule, is
lost, and so is what a database refuses.
"""

import logging
from collections import Counter
from collections.abc import Callable, Hashable
from queue import Empty, Full, Queue
from threading import Lock, Thread
from typing import Generic, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from service import database

MOST = 10_000  # facts that wait while the database is locked

Fact = TypeVar("Fact", bound=Hashable)

log = logging.getLogger(__name__)


class BackgroundWriter(Generic[Fact]):
    """A thread that hands each fact to `write`, with how often it was added since the last time.

    The thread begins with the first fact, in the process that has it.
    """

    def __init__(self, name: str, write: Callable[[Connection, Fact, int], None]) -> None:
        self.name, self._write = name, write
        self._waiting: Queue[tuple[Engine, Fact]] = Queue(MOST)
        self._thread: Thread | None = None
        self._beginning = Lock()

    def add(self, engine: Engine, fact: Fact) -> None:
        """Have `fact` written to the database of `engine` soon; one too many is left out."""
        try:
            self._waiting.put_nowait((engine, fact))
        except Full:
            log.warning("%s_not_written error=Full", self.name)
        with self._beginning:
            if self._thread is None or not self._thread.is_alive():
                self._thread = Thread(target=self._work, name=self.name, daemon=True)
                self._thread.start()

    def settle(self) -> None:
        """Wait until nothing waits."""
        self._waiting.join()

    def _work(self) -> None:
        while True:
            taken = self._take()
            for (engine, fact), times in Counter(taken).items():
                try:
                    with database.statement_by_statement(engine) as connection:
                        self._write(connection, fact, times)
                except SQLAlchemyError as error:  # who caused it was answered long ago
                    log.warning("%s_not_written error=%s", self.name, type(error).__name__)
            for _ in taken:
                self._waiting.task_done()

    def _take(self) -> list[tuple[Engine, Fact]]:
        taken = [self._waiting.get()]
        while True:
            try:
                taken.append(self._waiting.get_nowait())
            except Empty:
                return taken
