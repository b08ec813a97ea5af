"""A table on its way into a file: a head, and rows of plain cells that are read once."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

Cell = str | int | Decimal | date | datetime | None


@dataclass(frozen=True, slots=True)
class Table:
    """What a writer writes: names, how many rows there will be, and the rows, to be read once."""

    head: list[str]
    count: int
    rows: Iterator[list[Cell]]
