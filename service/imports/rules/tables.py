"""The table in a file of any kind, as raw rows, and the problems found in it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

KEPT = 200  # problems; a bad file must not fill the memory
LONGEST_QUOTE = 80  # characters of what was typed


@dataclass(frozen=True, slots=True)
class Percent:
    """A number that its cell shows as a percentage: 0.425 shown as 42.5 %."""

    shown: float

    def __str__(self) -> str:
        return f"{self.shown:g} %"


@dataclass(frozen=True, slots=True)
class BrokenCell:
    """A cell without a usable value: an error of Excel, or a formula never computed."""

    typed: str
    reason: str

    def __str__(self) -> str:
        return self.typed


Cell = str | int | float | bool | date | datetime | time | timedelta | Percent | BrokenCell | None


@dataclass(frozen=True, slots=True)
class RawRow:
    """A row of the table as it is in the file; `number` is the line where it begins."""

    number: int
    cells: list[Cell]

    @property
    def is_empty(self) -> bool:
        """Whether all its cells are blank."""
        return all(is_blank(cell) for cell in self.cells)


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a file, read while they are iterated; `length` is about how many there are."""

    rows: Iterator[RawRow]
    length: int
    left_out: tuple[str, ...] = ()  # names of other sheets that are not empty
    epoch: datetime | None = None  # a workbook's day 0 (1899-12-30, or 1904-01-01 from a Mac)


def is_blank(cell: Cell) -> bool:
    """Return whether a cell is empty or only white space."""
    return cell is None or (isinstance(cell, str) and not cell.strip())


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


class Unreadable(Exception):
    """The file cannot be read any further; `problem` says why."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason)
        self.problem = Problem(reason, line)


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
