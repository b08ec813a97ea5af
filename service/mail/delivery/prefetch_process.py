"""Prefetch in a process beside the job: claim, draft and prepare mails for all of its senders.

The senders then share no interpreter with the preparation, so that two processors work. The fork
is worth it for many mails only. The process sends nothing and marks no mail as leaving.

The figure: a mail takes a third of the processor time in the process that sends (0.8 ms of 2.4 ms).
"""

import fcntl
import gc
import logging
import os
import select
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection

from flask import Flask, current_app

from service import database
from service.current import settings
from service.extensions import db
from service.mail.delivery import breaker
from service.mail.delivery.leases import Leases, leasing, new_owner
from service.mail.delivery.prefetch import FIRST, PrefetchQueue
from service.mail.delivery.prepared import Draft, PreparedMessage
from service.mail.delivery.shutdown import Time

log = logging.getLogger(__name__)

AHEAD = 0.25  # seconds of work that the senders keep at hand, longer than most claims take
MOST = 48  # prepared messages that the senders keep at hand, all in memory
BUNDLE = 8  # messages in one write to the pipe
PIPE_SIZE = 1024 * 1024  # octets; the most that Linux allows without privileges
POLL = 0.2  # seconds that a sender waits for a message before it checks whether it is to end
GC_THRESHOLD = 50_000  # new objects between two collections; one claim makes more than the default
PATIENCE = 5.0  # seconds that the process has to end; it may be in the middle of a claim


class PrefetchBroke(Exception):
    """The prefetch process died, or failed with an error that is in the log."""


@contextmanager
def prefetch_process(ids: Sequence[int]) -> Iterator["PrefetchProcess"]:
    """Fork the prefetch process of a job and yield it; call before any thread or socket is opened.

    At the end, however it comes, what was claimed for the job and did not leave is given back.
    """
    db.engine.dispose()  # a connection must not be shared with a fork
    owner = new_owner()
    requests, requests_end = os.pipe()
    pipe, pipe_end = Pipe(duplex=False)
    if sys.platform == "linux":  # 64 KB hold three mails: both sides would wait for each other
        with suppress(OSError):
            fcntl.fcntl(pipe_end.fileno(), fcntl.F_SETPIPE_SZ, PIPE_SIZE)
    pid = os.fork()
    if pid == 0:
        os.close(requests_end)
        pipe.close()
        _prefetch_and_exit(ids, owner, _Senders(requests, pipe_end))
    os.close(requests)
    pipe_end.close()
    process = PrefetchProcess(owner, pid, requests_end, pipe)
    try:
        yield process
    finally:
        process.end()
        with database.statement_by_statement(db.engine) as connection:
            Leases(connection, owner).release_rest()


class PrefetchProcess:
    """The Source of all senders of a job: their end of the pipes to the prefetch process."""

    def __init__(self, owner: str, pid: int, requests: int, pipe: Connection) -> None:
        self.owner = owner
        self.pid = pid
        self.requests = requests
        self.pipe = pipe
        self.senders = settings().mail_connections
        self.time = Time()
        self.at_hand: deque[PreparedMessage] = deque()
        self.on_the_way = 0  # messages that were asked for and have not come
        self.taken = 0
        self.is_all = False
        self.trouble = ""
        self.lock = threading.Lock()  # of the pipes

    def take(self) -> PreparedMessage | None:
        """Return the next mail, None when none is left. Raises PrefetchBroke or OutOfTime."""
        while True:
            with suppress(IndexError):
                return self._counted(self.at_hand.popleft())
            with self.lock:
                if self.is_all:
                    return None
                self._ask()
                if not self.at_hand and not self._fetch(POLL):
                    self.time.check()

    def take_at_hand(self) -> PreparedMessage | None:
        """Return the next mail if it has come already, else None."""
        with suppress(IndexError):
            return self._counted(self.at_hand.popleft())
        return None

    def work(self) -> bool:
        """Read what has come through the pipe; return False when nothing has."""
        if not self.lock.acquire(blocking=False):
            return False
        try:
            if self.is_all:
                return False
            self._ask()
            return self._fetch(0)
        except PrefetchBroke:  # the next take() raises it again, between two mails
            return False
        finally:
            self.lock.release()

    def _counted(self, message: PreparedMessage) -> PreparedMessage:
        self.taken += 1
        return message

    def _ask(self) -> None:
        """Ask the process for as many more messages as are to be at hand."""
        seen = int(AHEAD * self.taken / (time.monotonic() - self.time.began)) if self.taken else 0
        missing = max(self.senders, min(MOST, seen)) - len(self.at_hand) - self.on_the_way
        if missing >= BUNDLE or (missing > 0 and not self.on_the_way):
            with suppress(BrokenPipeError):  # what it sent last is still to be read
                os.write(self.requests, b"+" * missing)
            self.on_the_way += missing

    def _fetch(self, seconds: float) -> bool:
        """Read a bundle of messages; return False when none came in time."""
        if not self.trouble and not select.select([self.pipe], (), (), seconds)[0]:
            return False
        try:
            found: list[PreparedMessage] | str = self.trouble or self.pipe.recv()
        except (EOFError, OSError):
            found = "it died"
        if isinstance(found, str):
            self.trouble = found
            raise PrefetchBroke(found)
        self.at_hand += found
        self.on_the_way -= len(found)
        self.is_all = not found
        return True

    def end(self) -> None:
        """Ask the process to end; kill it when that takes longer than PATIENCE."""
        os.close(self.requests)
        until = time.monotonic() + PATIENCE
        with suppress(EOFError, OSError):
            while self.pipe.poll(max(0.0, until - time.monotonic())):
                self.pipe.recv()
            log.warning("prefetch_killed")
            os.kill(self.pid, signal.SIGKILL)
        self.pipe.close()
        os.waitpid(self.pid, 0)


class _ThreadedPrefetch(PrefetchQueue):
    """A queue that claims in a thread, so that mails are prepared while the database works."""

    early, least = 0.5, FIRST

    def __init__(self, leases: Leases, ids: Sequence[int], senders: "_Senders", app: Flask) -> None:
        super().__init__(ids, True, leases, senders.may_claim)
        self.app = app
        self.thread = ThreadPoolExecutor(1)
        self.coming: Future[list[Draft] | None] | None = None

    def take(self) -> PreparedMessage | None:
        """Return the next mail, and begin the next claim early enough."""
        if self.trouble is None:
            self._claim_early()
        return super().take()

    def _claim_early(self) -> bool:
        if self.is_all or self.coming or len(self.prepared) + len(self.drafts) > self.low:
            return False
        self.coming = self.thread.submit(self._in_a_context)
        return False

    def _claim(self) -> bool:
        coming = self.coming or self.thread.submit(self._in_a_context)
        self.coming = None
        return self._add(coming.result())

    def _in_a_context(self) -> list[Draft] | None:
        with self.app.app_context():
            return self._drafted()


class _Senders:
    """The process's end of the pipes: what the senders ask for, and what is sent to them."""

    def __init__(self, requests: int, pipe: Connection) -> None:
        self.requests = requests
        self.pipe = pipe
        self.wanted = 0
        self.are_gone = False

    def listen(self, seconds: float | None) -> None:
        """Wait for a request, for at most so many seconds (None: without end), and read it."""
        if select.select([self.requests], (), (), seconds)[0]:
            octets = os.read(self.requests, 1024)
            self.wanted += len(octets)
            self.are_gone = not octets

    def may_claim(self) -> bool:
        """Return whether more mails are to be claimed for the senders."""
        return not self.are_gone and breaker.may_claim()


def _prefetch_and_exit(ids: Sequence[int], owner: str, senders: _Senders) -> None:
    """Prefetch, then exit. What was inherited from the parent is neither used nor closed here."""
    code = 1
    try:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the senders decide when to end
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
        inherited = db.engine.pool  # kept: to forget its connections would end the parent's
        db.engine.dispose(close=False)
        gc.set_threshold(GC_THRESHOLD)
        with app.app_context(), leasing(owner) as ours:
            prefetch = _ThreadedPrefetch(ours, ids, senders, app)
            with prefetch.thread:
                _prefetch(prefetch, senders)
        del inherited
        code = 0
    except BrokenPipeError:
        pass  # the senders are gone
    except Exception as error:  # passed on to the senders, who end the job
        log.exception("prefetch_broke")
        with suppress(OSError):
            senders.pipe.send(f"{type(error).__name__}: {error}")
    finally:
        os._exit(code)


def _prefetch(prefetch: PrefetchQueue, senders: _Senders) -> None:
    """Prepare mails and pass on what is asked for, until none is left or the senders are gone."""
    while True:
        senders.listen(0)
        while not senders.wanted and not senders.are_gone:
            senders.listen(0 if prefetch.work() else None)
        if senders.are_gone:
            return
        bundle: list[PreparedMessage] = []
        while len(bundle) < min(BUNDLE, senders.wanted):
            message = prefetch.take_at_hand() if bundle else prefetch.take()
            if message is None:
                break
            bundle.append(message)
            prefetch.leases.pass_on(message.row_id)
        senders.pipe.send(bundle)
        senders.wanted -= len(bundle)
        if not bundle:
            return
