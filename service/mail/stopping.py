"""Whether this process was asked to end: whoever sends finishes the mail in hand, and no more."""

import signal
import threading
from types import FrameType

_wanted = threading.Event()


def listen() -> None:
    """From now on note SIGTERM instead of dying of it; for the main thread of a process."""
    signal.signal(signal.SIGTERM, _note)


def is_wanted() -> bool:
    """Say whether SIGTERM came since listen()."""
    return _wanted.is_set()


def wait(seconds: float) -> bool:
    """Wait for so long, or until SIGTERM; say whether that came."""
    return _wanted.wait(seconds)


def _note(_number: int, _frame: FrameType | None) -> None:
    _wanted.set()
