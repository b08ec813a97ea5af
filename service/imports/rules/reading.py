"""Read a client list from its bytes to typed rows, with everything that is wrong in it.

Asks no database and changes nothing: what the file may refer to is passed in.
"""

import io
import re
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from flask_babel import gettext as _

from service.imports.rules.columns import CountColumns, check_header, count_columns, find_header
from service.imports.rules.rows import Comparison, References, Row, RowReader
from service.imports.rules.tables import Problem, Problems, RawRow, Table, Unreadable
from service.imports.rules.text_files import decode, read_delimited
from service.imports.rules.workbooks import damaged_message, read_workbook

MOST_BYTES = 20 * 1024 * 1024
MOST_ROWS = 100_000
MOST_UNPACKED = 250 * 1024 * 1024  # bytes
MOST_TEXTS = 60 * 1024 * 1024  # a workbook's shared texts are held in memory while it is read
TEXTS = "xl/sharedStrings.xml"

Progress = Callable[[Iterator[RawRow], int], Iterator[RawRow]]


class Kind(StrEnum):
    """The kinds of file that can be read."""

    delimited = "csv"
    workbook = "xlsx"


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # .xls, and .xlsx with a password
SIGNATURES = {
    b"%PDF-": "PDF",
    b"{\\rtf": "RTF",
    b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF8": "GIF",
    b"\x1f\x8b": "gzip",
    b"7z\xbc\xaf": "7z",
    b"Rar!": "RAR",
}
MARKUP = re.compile(rb"\s*<(!doctype|html|head|meta|table|\?xml|style|div|script)", re.IGNORECASE)


def kind_of(data: bytes) -> Kind:
    """Return the kind of the file by its bytes; raises Unreadable, with advice, for no table."""
    head = data[:1024].removeprefix(b"\xef\xbb\xbf")
    if not head.strip(b" \t\r\n\0"):
        raise Unreadable(_("The file is empty."))
    if head.startswith(b"PK"):
        return _kind_of_zip(data)
    if head.startswith(OLE):
        raise Unreadable(
            _(
                "This is an old Excel file (.xls), or one with a password. Open it, save it as an "
                "“Excel workbook (.xlsx)” without a password, and import that."
            )
        )
    if MARKUP.match(head):
        raise Unreadable(
            _(
                "This is a web page, even if its name says Excel. Open it in Excel, save it as an "
                "“Excel workbook (.xlsx)”, and import that."
            )
        )
    for signature, name in SIGNATURES.items():
        if head.startswith(signature):
            raise Unreadable(_no_table_message(name))
    return Kind.delimited


def _kind_of_zip(data: bytes) -> Kind:
    try:
        with ZipFile(io.BytesIO(data)) as archive:
            sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
    except (
        BadZipFile,
        NotImplementedError,
        ValueError,
        OSError,
        IndexError,
        struct.error,
    ) as error:
        raise Unreadable(damaged_message()) from error
    if "xl/workbook.bin" in sizes or "content.xml" in sizes:
        raise Unreadable(
            _(
                "This kind of workbook (.xlsb, .ods) cannot be read. Save it as an “Excel workbook "
                "(.xlsx)” or as CSV, and import that."
            )
        )
    if "xl/workbook.xml" not in sizes:
        raise Unreadable(_no_table_message("zip"))
    if sum(sizes.values()) > MOST_UNPACKED or sizes.get(TEXTS, 0) > MOST_TEXTS:
        raise Unreadable(
            _("Unpacked, this workbook is too large. Leave only the client list in it.")
        )
    return Kind.workbook


def _no_table_message(what: str) -> str:
    return str(
        _(
            "This is no table but a %(what)s file. A client list is an .xlsx workbook or a CSV "
            "file.",
            what=what,
        )
    )


@dataclass(frozen=True, slots=True)
class Reading:
    """The content of a file. With `problems` it must not be imported; `warnings` are only shown."""

    rows: list[Row] = field(default_factory=list)
    problems: Problems = field(default_factory=Problems)
    warnings: Problems = field(default_factory=Problems)


def without_progress(rows: Iterator[RawRow], _length: int) -> Iterator[RawRow]:
    """Return the rows as they are, without showing progress."""
    return rows


def read_file(path: Path, references: References, progress: Progress = without_progress) -> Reading:
    """Return the content of the list at `path`; `progress` wraps its rows, given their number."""
    size = path.stat().st_size
    if size > MOST_BYTES:
        reading = Reading()
        reading.problems.add(Problem(too_large(size)))
        return reading
    return read(path.read_bytes(), references, progress)


def read(data: bytes, references: References, progress: Progress = without_progress) -> Reading:
    """Return the content of the client list in `data`."""
    reading = Reading()
    try:
        _read_table(table_of(data), references, reading, progress)
    except Unreadable as error:
        reading.problems.add(error.problem)
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


def table_of(data: bytes, count: CountColumns = count_columns) -> Table:
    """Return the table in a file; `count` counts the column names in a row."""
    if kind_of(data) is Kind.workbook:
        return read_workbook(data, count)
    return read_delimited(decode(data), count)


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
            message = _("A file may have %(most)s rows. Import it in parts.", most=f"{most:,}")
            raise Unreadable(message, row.number)
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
