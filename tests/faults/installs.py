"""One install under faults: its processes, its clock, and what its outbox says in the end.

What is asked of the service is asked of its rows and of the SMTP server, never of its insides.
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from urllib.request import urlopen

from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from service import scheduler
from service.config import Settings
from service.database import reading
from service.extensions import db, queue
from service.models import MailState, OutboxMessage
from service.models.outbox import OPEN_STATES
from tests import any_hour
from tests.live import environment_of, free_port
from tests.mail.scripted_process import ScriptedProcess
from tests.processes import private_directory, wait_until
from tests.supervised import Supervised, Wall

GLANCE = 0.03  # seconds between two looks
QUIET = 6  # looks without any work before time may pass
STEP = timedelta(seconds=30)  # less than the shortest rest of a lease that is still renewed
DECIDED_WITHIN = timedelta(minutes=10)


class Install:
    """The processes that share a database, a Redis and an SMTP server."""

    def __init__(self, settings: Settings, mail_port: int, home: Path, **more: str) -> None:
        self.port, self.home = free_port(), home
        self.url = f"http://127.0.0.1:{self.port}"
        self.wall = Wall(home)
        self.log = home / "log"
        self.environment = {
            **environment_of(settings, self.port),
            "MAIL_PORT": str(mail_port),
            **more,
        }
        self.workers: list[Supervised] = []
        self.clocks: list[Supervised] = []
        self.webs: list[Supervised] = []

    def work(self, count: int = 1, wall: Wall | None = None, **more: str) -> None:
        """Start so many workers, which send at any hour."""
        any_hour.save()
        self.workers += [self._run(["worker.py"], wall, more) for _ in range(count)]

    def tick(self, count: int = 1, wall: Wall | None = None) -> None:
        """Start so many clocks."""
        self.clocks += [self._run(["worker.py", "clock"], wall, {}) for _ in range(count)]

    def serve(self, wall: Wall | None = None) -> None:
        """Start the web server and wait until it answers."""
        command = ["-m", "gunicorn", "wsgi:app", "-b", f"127.0.0.1:{self.port}"]
        self.webs.append(self._run(command, wall, {}))
        health = f"{self.url}/healthz"
        wait_until(lambda: urlopen(health).close(), self.webs[-1].process, self.log)

    def _run(self, command: list[str], wall: Wall | None, more: dict[str, str]) -> Supervised:
        environment = {**self.environment, **(wall or self.wall).environment(), **more}
        return Supervised(command, environment, self.log)

    def tend(self) -> None:
        """Start again what has died."""
        for process in self.workers + self.clocks + self.webs:
            process.tend()

    def is_busy(self) -> bool:
        """Say whether a job is at hand or waits."""
        return queue.waiting() > 0 or self.is_at_work()

    def is_at_work(self) -> bool:
        """Say whether a job is at hand."""
        return any(worker.children() for worker in self.workers)

    def until(self, what: Callable[[], object], promise: str, seconds: float = 90) -> None:
        """Tend the processes until `what` holds; fail with the promise that was broken."""
        deadline = time.monotonic() + seconds
        while not what():
            self.tend()
            assert time.monotonic() < deadline, f"not within {seconds} s: {promise}"
            time.sleep(GLANCE)

    def until_at_rest(self) -> None:
        """Wait until nobody has worked for some looks: a job goes on with whatever is due."""
        quiet = 0

        def rests() -> bool:
            nonlocal quiet
            quiet = 0 if self.is_busy() else quiet + 1
            return quiet >= QUIET

        self.until(rests, "the workers come to rest")

    def until_ready(self) -> None:
        """Wait until all workers have taken up a job or may do so."""
        ready = len(self.workers)
        self.until(
            lambda: self.log.exists() and self.log.read_text().count("worker_ready") >= ready,
            f"{ready} workers start",
        )

    def let_time_pass(self, by: timedelta = STEP) -> None:
        """Move the clock on the wall and tick once by the new time."""
        self.wall.move(by)
        self.tick_here()

    def tick_here(self) -> None:
        """Tick in this process, beside the clocks that run."""
        with self.wall.seen_here():
            try:
                scheduler.tick()
            except OperationalError:
                db.session.rollback()  # as the clock does: the next round finds the same

    def until_all_ended(self, within: timedelta = DECIDED_WITHIN, step: timedelta = STEP) -> None:
        """Let time pass whenever nobody works, until every mail is in an end state."""
        limit, quiet = self.wall.ahead + within, 0
        deadline = time.monotonic() + 120
        while still := open_mails():
            self.tend()
            quiet = 0 if self.is_busy() else quiet + 1
            if quiet >= QUIET:
                assert self.wall.ahead < limit, f"{still} mails are in no end state after {within}"
                self.let_time_pass(step)
                quiet = 0
            assert time.monotonic() < deadline, f"{still} mails are in no end state: {states()}"
            time.sleep(GLANCE)

    def end(self) -> None:
        """End everything."""
        for process in self.workers + self.clocks + self.webs:
            process.end()


@contextmanager
def an_install(settings: Settings, mail_port: int, **more: str) -> Iterator[Install]:
    """Yield an install without a process yet; whatever is started ends with it."""
    with private_directory() as home:
        install = Install(settings, mail_port, home, **more)
        try:
            yield install
        finally:
            install.end()
            if install.log.exists():  # pytest shows it when the test fails
                print(install.log.read_text(errors="replace")[-20_000:])


def states() -> Counter[MailState]:
    """Return how many mails are in each state."""
    query = select(OutboxMessage.state, func.count()).group_by(OutboxMessage.state)
    with reading():
        found = Counter(dict(db.session.execute(query).all()))
        db.session.rollback()
    return found


def open_mails() -> int:
    """Return how many mails are not decided yet."""
    return sum(states()[state] for state in OPEN_STATES)


def hint_in_batches(ids: list[int], size: int, chance: random.Random) -> None:
    """Leave the workers hints, a few mails each, in any order."""
    ids = list(ids)
    chance.shuffle(ids)
    for first in range(0, len(ids), size):
        queue.wake("service.tasks.deliver", ids[first : first + size])


def reckon(smtp: ScriptedProcess, deaths: int) -> None:
    """Hold what the SMTP server took against what the outbox says, after so many `deaths`.

    A death is whatever may keep one sender from writing down what the server said: its own end,
    or the database's. Each may leave one mail in doubt, and each doubt may double that mail.
    """
    with reading():
        rows = db.session.scalars(select(OutboxMessage)).all()
        db.session.rollback()
        found = {
            row.message_id: (row.state, row.doubts)
            for row in db.session.scalars(select(OutboxMessage))
            if row.state in {MailState.sent, MailState.uncertain}
        }
        db.session.rollback()
    taken = smtp.taken()
    assert len(rows) >= len(found)
    assert set(taken) <= set(found), "every mail that was taken is in the outbox as such"
    lost = [name for name, (state, _) in found.items() if state == "sent" and not taken[name]]
    assert lost == [], "a mail that is said to be sent was taken"
    careful = {name: doubts for name, (state, doubts) in found.items() if state == "uncertain"}
    assert all(careful.values()), "only what nobody can know is uncertain"
    doubled = {name: count for name, count in taken.items() if count > 1 + found[name][1]}
    assert doubled == {}, "a mail comes again only for a moment in which nobody could know"
    assert sum(doubts for _, doubts in found.values()) <= deaths, "one doubt a death at most"
    assert smtp.careless_copies() == [], "no sender who heard the answer forgot it"
