"""End the sending early: the mail in hand is finished, no other is begun.

A job ends early when SIGTERM came, or when its time is over.
"""

import signal
import threading
import time
from types import FrameType

BUDGET = 20.0  # seconds per job, so that a long mailing does not hold up other jobs

_wanted = threading.Event()


class Enough(Exception):
    """Sending ends early, without an error."""


class OutOfTime(Enough):
    """The time of the job is over, or SIGTERM came; another job goes on."""


class Time:
    """The time of one job, from now on."""

    def __init__(self) -> None:
        self.began = time.monotonic()

    def check(self) -> None:
        """Raise OutOfTime when it is over."""
        if is_wanted() or time.monotonic() - self.began > BUDGET:
            raise OutOfTime


def listen() -> None:
    """From now on remember SIGTERM instead of dying of it; for the main thread of a process."""
    signal.signal(signal.SIGTERM, _note)


def is_wanted() -> bool:
    """Return whether SIGTERM came since listen()."""
    return _wanted.is_set()


def wait(seconds: float) -> bool:
    """Wait for so many seconds or until SIGTERM; return whether SIGTERM came."""
    return _wanted.wait(seconds)


def _note(_number: int, _frame: FrameType | None) -> None:
    _wanted.set()
