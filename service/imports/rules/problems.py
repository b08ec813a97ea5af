"""What is wrong in a list: where it is, what was typed there, and what to do."""

from collections.abc import Iterator
from dataclasses import dataclass

from flask_babel import gettext as _

from service.spreadsheets.tables import Unreadable

KEPT = 200  # problems; a bad file must not fill the memory
LONGEST_QUOTE = 80  # characters of what was typed


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where it is, what was typed there, and what to do.

    `line` is the line of the file (or the row of the sheet) where the row begins, from 1. The
    reason and what was typed are plain text, to be escaped where they are shown.
    """

    reason: str
    line: int | None = None
    column: str = ""  # the header as the file spells it
    typed: str = ""


def problem_of(why: Unreadable) -> Problem:
    """Return the problem of a file that cannot be read any further, in the reader's language."""
    return Problem(str(_(why.message, **why.values)), why.line)


class BadValue(ValueError):
    """A cell whose value is not valid; `reason` is a sentence for the person who imports."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Problems:
    """Counts all problems and keeps the first ones."""

    def __init__(self) -> None:
        self._kept: list[Problem] = []
        self.count = 0

    def add(self, problem: Problem) -> None:
        """Count a problem, and keep it if it is among the first."""
        self.count += 1
        if len(self._kept) < KEPT:
            self._kept.append(problem)

    def __iter__(self) -> Iterator[Problem]:
        """Iterate over the kept problems: those of the whole file first, then by line."""
        return iter(sorted(self._kept, key=lambda problem: problem.line or 0))

    def __len__(self) -> int:
        return self.count

    @property
    def more(self) -> int:
        """How many were counted and not kept."""
        return self.count - len(self._kept)


def shortened(value: object) -> str:
    """Return `value` as text on one line, at most LONGEST_QUOTE characters."""
    text = " ".join(str(value).split())
    return text if len(text) <= LONGEST_QUOTE else text[: LONGEST_QUOTE - 1] + "…"
