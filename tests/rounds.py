"""A round of the clock with what the workers then write: all but the sending."""

from collections.abc import Callable
from dataclasses import dataclass

from service import advancing, ticking
from service.models import MailState


@dataclass(frozen=True, slots=True)
class Round:
    """What came of it."""

    written: int
    skipped: int


def a_round(is_stopping: Callable[[], bool] = lambda: False) -> Round:
    """Tick once, and advance the departures that are due as the worker does who was woken."""
    tally = ticking.tick(is_stopping=is_stopping)
    assert tally is not None, "another clock is at it"
    states = advancing.advance_all()
    skipped = states.count(MailState.skipped)
    return Round(tally.written + len(states) - skipped, tally.skipped + skipped)
