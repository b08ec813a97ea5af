"""Read a client list from its raw rows to typed ones, with everything that is wrong in it.

Asks no database and changes nothing: what the file may refer to is passed in.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from flask_babel import gettext as _

from service.imports.rules.columns import check_header, find_header
from service.imports.rules.problems import Problem, Problems, problem_of
from service.imports.rules.rows import Comparison, References, Row, RowReader
from service.spreadsheets.tables import RawRow, Table, Unreadable

MOST_BYTES = 20 * 1024 * 1024
MOST_ROWS = 100_000

Progress = Callable[[Iterator[RawRow], int], Iterator[RawRow]]


@dataclass(frozen=True, slots=True)
class Reading:
    """The content of a file. With `problems` it must not be imported; `warnings` are only shown."""

    rows: list[Row] = field(default_factory=list)
    problems: Problems = field(default_factory=Problems)
    warnings: Problems = field(default_factory=Problems)


def without_progress(rows: Iterator[RawRow], _length: int) -> Iterator[RawRow]:
    """Return the rows as they are, without showing progress."""
    return rows


def read(table: Table, references: References, progress: Progress = without_progress) -> Reading:
    """Return the content of the list in `table`; `progress` wraps its rows, given their number."""
    reading = Reading()
    try:
        _read_table(table, references, reading, progress)
    except Unreadable as why:
        reading.problems.add(problem_of(why))
    if not reading.rows and not reading.problems:
        reading.problems.add(Problem(_("There is no client below the header.")))
    return reading


def too_large(size: int) -> str:
    """Return the message that a file of `size` bytes is too large."""
    return str(
        _(
            "This file has %(size)s MB, and a client list may have %(most)s: that is some 100,000 "
            "rows. Leave only the list in it, without pictures, or import it in parts.",
            size=-(-size // 1024**2),
            most=MOST_BYTES // 1024**2,
        )
    )


def warn_of_sheets(table: Table, warnings: Problems) -> None:
    """Add a warning for each sheet of a workbook that is not read."""
    for sheet in table.left_out:
        warnings.add(Problem(_("The sheet “%(sheet)s” is left out.", sheet=sheet)))


def nonempty_rows(rows: Iterable[RawRow], most: int) -> Iterator[RawRow]:
    """Yield the rows that are not empty; raises Unreadable when there are more than `most`."""
    seen = 0
    for row in rows:
        if row.is_empty:
            continue
        seen += 1
        if seen > most:
            raise Unreadable(
                "A file may have %(most)s rows. Import it in parts.", row.number, most=f"{most:,}"
            )
        yield row


def _read_table(table: Table, references: References, reading: Reading, progress: Progress) -> None:
    header, rows = find_header(progress(table.rows, table.length))
    check_header(header, reading.problems)
    warn_of_sheets(table, reading.warnings)
    if not header.is_complete:
        return
    reader = RowReader(header, references, reading.problems, table.epoch)
    comparison = Comparison(reading.problems, reading.warnings)
    for raw in nonempty_rows(rows, MOST_ROWS):
        row = reader.read(raw)
        if row is not None and comparison.add(row):
            reading.rows.append(row)
