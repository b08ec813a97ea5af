"""What the cells of a table may hold, whichever kind of file it came from."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta


@dataclass(frozen=True, slots=True)
class Percent:
    """A number that its cell shows as a percentage: 0.425 shown as 42.5 %."""

    shown: float

    def __str__(self) -> str:
        return f"{self.shown:g} %"


@dataclass(frozen=True, slots=True)
class Broken:
    """A cell whose value cannot be known: a formula's error, or one that was never computed."""

    typed: str
    reason: str

    def __str__(self) -> str:
        return self.typed


Cell = str | int | float | bool | date | datetime | time | timedelta | Percent | Broken | None


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the table and the line of the file where it begins."""

    number: int
    cells: list[Cell]

    @property
    def is_empty(self) -> bool:
        """Whether nothing is written in it."""
        return all(is_blank(cell) for cell in self.cells)


@dataclass(frozen=True, slots=True)
class Table:
    """The lines of a file, read as they are asked for, and about how many there are."""

    lines: Iterator[Line]
    length: int
    left_out: tuple[str, ...] = ()  # sheets that hold something else
    epoch: datetime | None = None  # a workbook's day 0 (1899-12-30, or 1904-01-01 from a Mac)


def is_blank(cell: Cell) -> bool:
    """Say whether a cell is empty, or holds only space."""
    return cell is None or (isinstance(cell, str) and not cell.strip())
