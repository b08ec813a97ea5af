"""Read such a list from its bytes to entries, with everything that is wrong in it."""

from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from pathlib import Path

from flask_babel import gettext as _

from service.imports.rules.cells import Table
from service.imports.rules.problems import Problem, Problems, Unreadable
from service.imports.rules.reading import Watch, filled, table_of, unwatched, warn_of_sheets
from service.imports.rules.suppressions.columns import count_known, find_header
from service.imports.rules.suppressions.rows import Entry, RowReader

MOST_BYTES = 50 * 1024 * 1024  # Mailchimp writes some 300 bytes for each address
MOST_ROWS = 250_000


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file says. With `problems` it is not to be imported; `warnings` are only told."""

    entries: list[Entry] = field(default_factory=list)
    problems: Problems = field(default_factory=Problems)
    warnings: Problems = field(default_factory=Problems)


def read_file(path: Path, zone: tzinfo, at: datetime, watch: Watch = unwatched) -> Reading:
    """Read the list at `path`; see read."""
    size = path.stat().st_size
    if size > MOST_BYTES:
        reading = Reading()
        reading.problems.add(Problem(too_large(size)))
        return reading
    return read(path.read_bytes(), zone, at, watch)


def read(data: bytes, zone: tzinfo, at: datetime, watch: Watch = unwatched) -> Reading:
    """Read the list in `data`. A day is one in `zone`; none lies after `at`, which is now."""
    reading = Reading()
    try:
        _read_table(table_of(data, count_known), reading, zone, at, watch)
    except Unreadable as error:
        reading.problems.add(error.problem)
    if not reading.entries and not reading.problems:
        reading.problems.add(Problem(_("There is no address below the header.")))
    return reading


def too_large(_size: int) -> str:
    """Say kindly that a file is too much."""
    most = MOST_BYTES // 1024**2
    return str(_("A list may have %(most)s MB. Import it in parts.", most=most))


def _read_table(table: Table, reading: Reading, zone: tzinfo, at: datetime, watch: Watch) -> None:
    lines = watch(table.lines, table.length)
    header, below = find_header(lines, reading.problems, reading.warnings)
    warn_of_sheets(table, reading.warnings)
    if reading.problems:
        return
    reader = RowReader(header, reading.problems, zone, at, table.epoch)
    for line in filled(below, MOST_ROWS):
        entry = reader.read(line)
        if entry is not None:
            reading.entries.append(entry)
