"""What is wrong with a file, in words for the person who can put it right."""

from collections.abc import Iterator
from dataclasses import dataclass

KEPT = 200
LONGEST_QUOTE = 80


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is not right: where it stands, what was typed there, and what to do.

    `line` is the file's line (or the sheet's row) where the row begins, counted from 1. Both the
    reason and what was typed are plain text, to be escaped by whoever shows them.
    """

    reason: str
    line: int | None = None
    column: str = ""  # the header as the file spells it
    typed: str = ""


class Unreadable(Exception):
    """The file cannot be read from here on; carries the problem that says why."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason)
        self.problem = Problem(reason, line)


class BadValue(ValueError):
    """A cell that cannot be taken; carries the sentence that says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Problems:
    """Counts every problem and keeps the first 200, so that a bad file cannot fill the memory."""

    def __init__(self) -> None:
        self._kept: list[Problem] = []
        self.count = 0

    def add(self, problem: Problem) -> None:
        """Take note of one more."""
        self.count += 1
        if len(self._kept) < KEPT:
            self._kept.append(problem)

    def __iter__(self) -> Iterator[Problem]:
        """Give the ones kept, those about the whole file first, then in the order of lines."""
        return iter(sorted(self._kept, key=lambda problem: problem.line or 0))

    def __len__(self) -> int:
        return self.count

    @property
    def more(self) -> int:
        """How many there are beyond the ones kept."""
        return self.count - len(self._kept)


def shortened(value: object) -> str:
    """Return what was typed, on one line and short enough for a list."""
    text = " ".join(str(value).split())
    return text if len(text) <= LONGEST_QUOTE else text[: LONGEST_QUOTE - 1] + "…"
