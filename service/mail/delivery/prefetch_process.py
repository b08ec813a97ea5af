"""A stock in a process of its own, beside the lines of a job: it claims, drafts and packs for them.

The lines and the packing then share no interpreter, so that both cores of a small machine work.
It is worth its fork for many mails only. Nothing is sent here, and no mark of a mail is made.
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
from service.mail.delivery import leases as claims
from service.mail.delivery.leases import Claims
from service.mail.delivery.prefetch import FIRST, Stock, may_claim
from service.mail.delivery.prepared import Draft, PreparedMessage
from service.mail.delivery.shutdown import Time

log = logging.getLogger(__name__)

AHEAD = 0.25  # seconds of work at hand for the lines: the packer's next claim takes a part of it
MOST = 48  # prepared messages at hand, which are in memory
BUNDLE = 8  # messages passed on in one go
ROOM = 1024 * 1024  # octets on the way; what anybody may have
GLANCE = 0.2  # seconds that a wait for a message lasts until it is asked whether it is time to end
RARELY = 50_000  # new objects until garbage is looked for; a claim makes more than the default
PATIENCE = 5.0  # seconds that a packer has for its end, which it needs when it is just claiming


class PackerBroke(Exception):
    """The packer had trouble, which is in the log, or died."""


@contextmanager
def packer(ids: Sequence[int]) -> Iterator["Packer"]:
    """Yield the packer of a job whose lines have no thread, connection or socket open yet.

    At its end, however it ended, all is given back that was claimed for the job and did not leave.
    """
    db.engine.dispose()  # a connection must not be shared with a fork
    owner = claims.new_owner()
    wishes, wishes_end = os.pipe()
    pipe, pipe_end = Pipe(duplex=False)
    if sys.platform == "linux":  # 64 KB hold three mails: both sides would wait for each other
        with suppress(OSError):
            fcntl.fcntl(pipe_end.fileno(), fcntl.F_SETPIPE_SZ, ROOM)
    pid = os.fork()
    if pid == 0:
        os.close(wishes_end)
        pipe.close()
        _pack_and_exit(ids, owner, _Lines(wishes, pipe_end))
    os.close(wishes)
    pipe_end.close()
    found = Packer(owner, pid, wishes_end, pipe)
    try:
        yield found
    finally:
        found.end()
        with database.statement_by_statement(db.engine) as connection:
            claims.Claims(connection, owner).release_rest()


class Packer:
    """The lines' side: a stock that all of them take from."""

    def __init__(self, owner: str, pid: int, wishes: int, pipe: Connection) -> None:
        self.owner = owner
        self.pid = pid
        self.wishes = wishes
        self.pipe = pipe
        self.lines = settings().mail_connections
        self.time = Time()
        self.at_hand: deque[PreparedMessage] = deque()
        self.on_the_way = 0  # messages that were asked for and have not come
        self.taken = 0
        self.is_all = False
        self.trouble = ""
        self.lock = threading.Lock()  # of the pipes

    def take(self) -> PreparedMessage | None:
        """Return what goes next; None when nothing is left. Raises PackerBroke or OutOfTime."""
        while True:
            with suppress(IndexError):
                return self._counted(self.at_hand.popleft())
            with self.lock:
                if self.is_all:
                    return None
                self._wish()
                if not self.at_hand and not self._fetch(GLANCE):
                    self.time.check()

    def take_at_hand(self) -> PreparedMessage | None:
        """Return what goes next when nobody has to be waited for."""
        with suppress(IndexError):
            return self._counted(self.at_hand.popleft())
        return None

    def work(self) -> bool:
        """Take in what has come meanwhile; False when there was nothing."""
        if not self.lock.acquire(blocking=False):
            return False
        try:
            if self.is_all:
                return False
            self._wish()
            return self._fetch(0)
        except PackerBroke:  # a mail is on the way: the next take() says it again
            return False
        finally:
            self.lock.release()

    def _counted(self, message: PreparedMessage) -> PreparedMessage:
        self.taken += 1
        return message

    def _wish(self) -> None:
        """Say how many more messages may be sent over."""
        seen = int(AHEAD * self.taken / (time.monotonic() - self.time.began)) if self.taken else 0
        missing = max(self.lines, min(MOST, seen)) - len(self.at_hand) - self.on_the_way
        if missing >= BUNDLE or (missing > 0 and not self.on_the_way):
            with suppress(BrokenPipeError):  # what it said last is still to be read
                os.write(self.wishes, b"+" * missing)
            self.on_the_way += missing

    def _fetch(self, seconds: float) -> bool:
        """Take in a bundle; False when none came in time."""
        if not self.trouble and not select.select([self.pipe], (), (), seconds)[0]:
            return False
        try:
            said: list[PreparedMessage] | str = self.trouble or self.pipe.recv()
        except (EOFError, OSError):
            said = "it died"
        if isinstance(said, str):
            self.trouble = said
            raise PackerBroke(said)
        self.at_hand += said
        self.on_the_way -= len(said)
        self.is_all = not said
        return True

    def end(self) -> None:
        """End it softly, and hard when it takes too long."""
        os.close(self.wishes)
        until = time.monotonic() + PATIENCE
        with suppress(EOFError, OSError):
            while self.pipe.poll(max(0.0, until - time.monotonic())):
                self.pipe.recv()
            log.warning("packer_killed")
            os.kill(self.pid, signal.SIGKILL)
        self.pipe.close()
        os.waitpid(self.pid, 0)


class _Ahead(Stock):
    """A stock whose next claim is made in a thread: packing goes on while the database is asked."""

    early, least = 0.5, FIRST

    def __init__(self, claims: Claims, ids: Sequence[int], lines: "_Lines", app: Flask) -> None:
        super().__init__(claims, ids, goes_on=True, may_claim=lines.may_claim)
        self.app = app
        self.thread = ThreadPoolExecutor(1)
        self.coming: Future[list[Draft] | None] | None = None

    def take(self) -> PreparedMessage | None:
        """Return what goes next, as any stock does; begins the next claim in time."""
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
            return self._drawn()


class _Lines:
    """The packer's side: what the lines wish for, and the way to them."""

    def __init__(self, wishes: int, pipe: Connection) -> None:
        self.wishes = wishes
        self.pipe = pipe
        self.wanted = 0
        self.are_gone = False

    def listen(self, seconds: float | None) -> None:
        """Hear what they wish for; None waits for it."""
        if select.select([self.wishes], (), (), seconds)[0]:
            said = os.read(self.wishes, 1024)
            self.wanted += len(said)
            self.are_gone = not said

    def may_claim(self) -> bool:
        """Say whether more is to be claimed for them."""
        return not self.are_gone and may_claim()


def _pack_and_exit(ids: Sequence[int], owner: str, lines: _Lines) -> None:
    """Be the packer. Whatever of the parent is in this process is neither used nor ended here."""
    code = 1
    try:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the lines decide when it is enough
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
        inherited = db.engine.pool  # kept: to forget its connections would end the parent's
        db.engine.dispose(close=False)
        gc.set_threshold(RARELY)
        with app.app_context(), claims.claiming(owner) as ours:
            stock = _Ahead(ours, ids, lines, app)
            with stock.thread:
                _pack(stock, lines)
        del inherited
        code = 0
    except BrokenPipeError:
        pass  # the lines are gone
    except Exception as error:  # the lines hear of it, and end the job
        log.exception("packer_broke")
        with suppress(OSError):
            lines.pipe.send(f"{type(error).__name__}: {error}")
    finally:
        os._exit(code)


def _pack(stock: Stock, lines: _Lines) -> None:
    """Pack ahead, and pass on what is wished for, until nothing is left or the lines are gone."""
    while True:
        lines.listen(0)
        while not lines.wanted and not lines.are_gone:
            lines.listen(0 if stock.work() else None)
        if lines.are_gone:
            return
        bundle: list[PreparedMessage] = []
        while len(bundle) < min(BUNDLE, lines.wanted):
            message = stock.take_at_hand() if bundle else stock.take()
            if message is None:
                break
            bundle.append(message)
            stock.claims.pass_on(message.row_id)
        lines.pipe.send(bundle)
        lines.wanted -= len(bundle)
        if not bundle:
            return
