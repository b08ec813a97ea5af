"""Read a client list from its bytes to typed rows, with everything that is wrong in it.

Asks no database and changes nothing: what the file may refer to is passed in.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from flask_babel import gettext as _

from service.imports.rules.cells import Line, Table
from service.imports.rules.checks import Comparison
from service.imports.rules.columns import CountKnown, count_known
from service.imports.rules.delimited import read_delimited
from service.imports.rules.encodings import decode
from service.imports.rules.headers import check_header, find_header
from service.imports.rules.problems import Problem, Problems, Unreadable
from service.imports.rules.rows import Known, Row, RowReader
from service.imports.rules.sniffing import Kind, kind_of
from service.imports.rules.workbooks import read_workbook

MOST_BYTES = 20 * 1024 * 1024
MOST_ROWS = 100_000

Watch = Callable[[Iterator[Line], int], Iterator[Line]]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file says. With `problems` it is not to be imported; `warnings` are only told."""

    rows: list[Row] = field(default_factory=list)
    problems: Problems = field(default_factory=Problems)
    warnings: Problems = field(default_factory=Problems)


def unwatched(lines: Iterator[Line], _length: int) -> Iterator[Line]:
    """Give the lines as they are, telling nobody how far the reading is."""
    return lines


def read_file(path: Path, known: Known, watch: Watch = unwatched) -> Reading:
    """Read the client list at `path`. `watch` is given the lines and about how many there are."""
    size = path.stat().st_size
    if size > MOST_BYTES:
        reading = Reading()
        reading.problems.add(Problem(too_large(size)))
        return reading
    return read(path.read_bytes(), known, watch)


def read(data: bytes, known: Known, watch: Watch = unwatched) -> Reading:
    """Read the client list in `data`."""
    reading = Reading()
    try:
        _read_table(table_of(data), known, reading, watch)
    except Unreadable as error:
        reading.problems.add(error.problem)
    if not reading.rows and not reading.problems:
        reading.problems.add(Problem(_("There is no client below the header.")))
    return reading


def too_large(size: int) -> str:
    """Say kindly that a file of `size` bytes is too much."""
    return str(
        _(
            "This file has %(size)s MB, and a client list may have %(most)s: that is some 100,000 "
            "rows. Leave only the list in it, without pictures, or import it in parts.",
            size=-(-size // 1024**2),
            most=MOST_BYTES // 1024**2,
        )
    )


def table_of(data: bytes, count: CountKnown = count_known) -> Table:
    """Return the table in a file; `count` says how much a line looks like its header."""
    if kind_of(data) is Kind.workbook:
        return read_workbook(data, count)
    return read_delimited(decode(data), count)


def warn_of_sheets(table: Table, warnings: Problems) -> None:
    """Tell which sheets of a workbook are not read."""
    for sheet in table.left_out:
        warnings.add(Problem(_("The sheet “%(sheet)s” is left out.", sheet=sheet)))


def filled(lines: Iterable[Line], most: int) -> Iterator[Line]:
    """Give the lines that say something; raises Unreadable where there are more than `most`."""
    seen = 0
    for line in lines:
        if line.is_empty:
            continue
        seen += 1
        if seen > most:
            words = _("A file may have %(most)s rows. Import it in parts.", most=f"{most:,}")
            raise Unreadable(words, line.number)
        yield line


def _read_table(table: Table, known: Known, reading: Reading, watch: Watch) -> None:
    header, lines = find_header(watch(table.lines, table.length))
    check_header(header, reading.problems)
    warn_of_sheets(table, reading.warnings)
    if not header.is_complete:
        return
    reader = RowReader(header, known, reading.problems, table.epoch)
    comparison = Comparison(reading.problems, reading.warnings)
    for line in filled(lines, MOST_ROWS):
        row = reader.read(line)
        if row is not None and comparison.see(row):
            reading.rows.append(row)
