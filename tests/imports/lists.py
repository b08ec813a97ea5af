"""Lists for the tests of importing: real files, and small ones written on the spot."""

import io
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import openpyxl

from service.imports.rules import Problem, Reading, References, Row, read
from service.imports.rules.columns import NAMES
from service.models import Reason
from service.spreadsheets import wire
from service.spreadsheets.files import write_table
from service.spreadsheets.tables import Table, normalized

DATA = Path(__file__).parent / "data"
HEADER = "client;contact;email"
WHO = "Café Río;Noa Ríos;noa@rios.example"
KNOWN = References(
    {normalized(reason): reason for reason in Reason}
    | {normalized("Atención al cliente"): Reason.price},
    frozenset({"marta@norte.example"}),
)


def table_of(data: bytes | str, names: Collection[str] = NAMES) -> Table:
    """Return the table in bytes, or in a text as UTF-8, as it comes from the confined process."""
    written = io.BytesIO()
    write_table(data.encode() if isinstance(data, str) else data, written, names)
    written.seek(0)
    return wire.read(written)


def reading_of(data: bytes | str) -> Reading:
    """Read bytes, or a text as UTF-8."""
    return read(table_of(data), KNOWN)


def with_column(name: str, value: str) -> Reading:
    """Read a list of one client with one more column."""
    return reading_of(f"{HEADER};{name}\n{WHO};{value}\n")


def the_row(reading: Reading) -> Row:
    """Return the only row of a reading without problems."""
    assert [problem.reason for problem in reading.problems] == []
    (row,) = reading.rows
    return row


def the_problem(reading: Reading) -> Problem:
    """Return the only problem of a reading."""
    (problem,) = reading.problems
    return problem


def workbook(*sheets: Sequence[Sequence[Any]]) -> bytes:
    """Return an .xlsx with these sheets, each a list of rows."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for number, rows in enumerate(sheets, 1):
        sheet = book.create_sheet(f"Sheet {number}")
        for row in rows:
            sheet.append(list(row))
    return saved(book)


def saved(book: openpyxl.Workbook) -> bytes:
    """Return a workbook's bytes."""
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()
