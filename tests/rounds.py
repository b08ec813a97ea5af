"""A round of the clock with what the workers then write: all but the sending."""

from service import scheduler
from service.protocols import jobs as advancing


def a_round() -> None:
    """Tick once, and advance the departures that are due as the worker does who was woken."""
    assert scheduler.tick() is not None, "another clock is at it"
    advancing.advance_all()
