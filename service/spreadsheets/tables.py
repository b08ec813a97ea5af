"""The table in a file of any kind, as raw rows, and why there is none."""

import unicodedata
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache

WIDEST = 64  # columns; a list has fewer
HEADER_WITHIN = 20  # rows; a title may be above the header


@dataclass(frozen=True, slots=True)
class Percent:
    """A number that its cell shows as a percentage: 0.425 shown as 42.5 %."""

    shown: float

    def __str__(self) -> str:
        return f"{self.shown:g} %"


@dataclass(frozen=True, slots=True)
class BrokenCell:
    """A cell without a usable value, and why, in English: an error, a formula never computed."""

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


class Unreadable(Exception):
    """The file cannot be read any further: why, in English, with the values to fill in."""

    def __init__(self, message: str, line: int | None = None, **values: str | int) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.values = values


def is_blank(cell: Cell) -> bool:
    """Return whether a cell is empty or only white space."""
    return cell is None or (isinstance(cell, str) and not cell.strip())


@lru_cache(maxsize=4096)
def normalized(text: str) -> str:
    """Return `text` without case, accents, spaces and signs, so that names can be compared."""
    split = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in split if letter.isalnum())


def count_names(cells: Iterable[object], names: Collection[str]) -> int:
    """Return how many of `cells` are one of the normalized `names`."""
    return sum(isinstance(cell, str) and normalized(cell) in names for cell in cells)


def row_of(number: int, cells: list[Cell]) -> RawRow | None:
    """Return the row without the blank cells at its end, None when all are blank.

    Raises Unreadable when it is wider than any list.
    """
    while cells and is_blank(cells[-1]):
        cells.pop()
    if len(cells) > WIDEST:
        raise Unreadable(
            "There are %(count)s columns here, and a list may have %(most)s. Leave only the "
            "columns of the list, and import it again.",
            number,
            count=f"{len(cells):,}",
            most=WIDEST,
        )
    return RawRow(number, cells) if cells else None
