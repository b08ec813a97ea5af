"""A protocol as a picture: a lane for each day that steps are counted from. Pure.

Places are shares of a lane's width, so that the picture fits a phone and a wide screen alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import log1p

from service.models.steps import Anchor, Step, Unit
from service.protocols.rules.step_checks import chain_of

FIRST, LAST = 5.0, 95.0  # percent of the width: where day 0 is, and the last day of all lanes
APART = 11.0  # percent between two marks in a row, so that they never overlap on a phone
ROW = 40  # pixels
DAYS = {Unit.days: 1.0, Unit.weeks: 7.0, Unit.months: 30.44}


@dataclass(slots=True)
class Mark:
    """One step in the picture: its number in the table, and where it is."""

    number: int
    step: Step
    days: float
    x: float = 0.0
    y: int = 0
    from_x: float | None = None  # the mark that it is counted from, when that is a mail
    from_y: int = 0


@dataclass(slots=True)
class Lane:
    """The steps that are counted from one day in the end, the earliest first."""

    anchor: Anchor
    marks: list[Mark] = field(default_factory=list)
    height: int = ROW


def lanes(steps: Sequence[Step]) -> list[Lane]:
    """Return the lanes that `steps` need, in the order of a departure's life."""
    found: dict[Anchor, Lane] = {}
    for number, step in enumerate(steps, 1):
        chain = chain_of(step, steps) or [step]
        lane = found.setdefault(chain[-1].anchor, Lane(chain[-1].anchor))
        lane.marks.append(Mark(number, step, sum(one.count * DAYS[one.unit] for one in chain)))
    longest = max((mark.days for lane in found.values() for mark in lane.marks), default=0.0)
    for lane in found.values():
        _place(lane, longest)
    return [found[anchor] for anchor in Anchor if anchor in found]


def last_day(found: Sequence[Lane]) -> int:
    """Return the day at the right end of the lanes."""
    return round(max((mark.days for lane in found for mark in lane.marks), default=0))


def _place(lane: Lane, longest: float) -> None:
    """Place the marks: days by their logarithm, and a row further down where one is in the way."""
    lane.marks.sort(key=lambda mark: (mark.days, mark.number))
    ends: list[float] = []  # of each row
    for mark in lane.marks:
        share = log1p(mark.days) / log1p(longest) if longest else 0.0
        mark.x = round(FIRST + (LAST - FIRST) * share, 2)
        row = next((i for i, end in enumerate(ends) if end + APART <= mark.x), len(ends))
        ends[row : row + 1] = [mark.x]
        mark.y = row * ROW + ROW // 2
    lane.height = max(1, len(ends)) * ROW
    placed = {mark.step.name: mark for mark in lane.marks}
    for mark in lane.marks:
        before = placed.get(mark.step.after) if mark.step.anchor is Anchor.step else None
        if before is not None:
            mark.from_x, mark.from_y = before.x, before.y
