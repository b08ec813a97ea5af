"""End the sending early: the mail in hand is finished, no other is begun.

That is when the process was asked to end, or when the time of its job is over.
"""

import signal
import threading
import time
from types import FrameType

BUDGET = 20.0  # seconds per job: what else waits in the queue is not held up by a long mailing

_wanted = threading.Event()


class Enough(Exception):
    """Sending ends early; nothing is wrong."""


class OutOfTime(Enough):
    """The job's time is over, or the process is to end; another job goes on."""


class Time:
    """The time of one job, from now on."""

    def __init__(self) -> None:
        self.began = time.monotonic()

    def check(self) -> None:
        """Raise OutOfTime when it is over."""
        if is_wanted() or time.monotonic() - self.began > BUDGET:
            raise OutOfTime


def listen() -> None:
    """Note SIGTERM from now on instead of dying of it; for the main thread of a process."""
    signal.signal(signal.SIGTERM, _note)


def is_wanted() -> bool:
    """Say whether SIGTERM came since listen()."""
    return _wanted.is_set()


def wait(seconds: float) -> bool:
    """Wait for so many seconds or until SIGTERM; return whether that came."""
    return _wanted.wait(seconds)


def _note(_number: int, _frame: FrameType | None) -> None:
    _wanted.set()
