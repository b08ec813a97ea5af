"""Read the table in an .xlsx workbook row by row, without a whole sheet in memory.

openpyxl reads it; whichever error it raises on a damaged file becomes one message.
"""

import io
import re
import warnings
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice, zip_longest
from typing import Any

from openpyxl.reader.excel import ExcelReader
from openpyxl.workbook import Workbook

from service.spreadsheets.archives import CappedArchive, too_much
from service.spreadsheets.tables import (
    HEADER_WITHIN,
    BrokenCell,
    Cell,
    Percent,
    RawRow,
    Table,
    Unreadable,
    count_names,
    row_of,
)

warnings.filterwarnings("ignore", category=UserWarning, module="openpyxl")

MOST_SHEETS = 100
LONGEST = 1_048_576  # rows, Excel's own limit
_FORMULA = re.compile(rb"<(?:\w+:)?f[\s>]")
_OUT_OF_MEMORY = 1  # expat's code


def read_workbook(data: bytes, names: Collection[str]) -> Table:
    """Return the table on the one sheet that has a list; raises Unreadable for none or several."""
    values = _opened(data, data_only=True)
    sheets = [sheet for sheet in values.worksheets if sheet.sheet_state == "visible"]
    if len(sheets) > MOST_SHEETS:
        raise Unreadable(
            "This workbook has %(count)s sheets. Leave only the one with the list in it.",
            count=f"{len(sheets):,}",
        )
    looks = [(sheet, _looks_like_a_list(sheet, names)) for sheet in sheets]
    filled = [sheet for sheet, look in looks if look is not None]
    if not filled:
        raise Unreadable("The file is empty.")
    lists = [sheet for sheet, look in looks if look] or filled[:1]
    if len(lists) > 1:
        raise Unreadable(
            "The sheets %(sheets)s each hold a list. Leave one of them in the workbook, or "
            "save each as a workbook of its own.",
            sheets=", ".join(f"“{sheet.title}”" for sheet in lists),
        )
    sheet = lists[0]
    length = min(sheet.max_row or 0, LONGEST)
    left_out = tuple(str(other.title) for other in filled if other is not sheet)
    return Table(_raw_rows(data, sheet), length, left_out, values.epoch)


def damaged(line: int | None = None) -> Unreadable:
    """Return the error that a workbook cannot be opened."""
    return Unreadable(
        "The workbook is damaged and cannot be read. Save it again in Excel and retry.", line
    )


@contextmanager
def _damage_as_unreadable(line: int | None = None) -> Iterator[None]:
    """Turn any error of openpyxl, zipfile or expat into Unreadable."""
    try:
        yield
    except (Unreadable, MemoryError):
        raise
    except Exception as error:  # each of them has its own errors, and documents few
        if getattr(error, "code", None) == _OUT_OF_MEMORY:
            raise too_much() from error
        raise damaged(line) from error


def _opened(data: bytes, *, data_only: bool) -> Workbook:
    with _damage_as_unreadable():
        file = io.BytesIO(data)
        reader = ExcelReader(file, read_only=True, data_only=data_only, keep_links=False)
        reader.archive = CappedArchive(file)
        reader.read()
        return reader.wb


def _rows(sheet: Any) -> Iterator[Sequence[Any]]:
    """Yield every row of `sheet`, ignoring the dimensions that the file declares."""
    sheet.reset_dimensions()
    rows = sheet.iter_rows()
    for number in range(1, LONGEST + 1):
        with _damage_as_unreadable(number):
            row = next(rows, None)
        if row is None:
            return
        yield row


def _looks_like_a_list(sheet: Any, names: Collection[str]) -> bool | None:
    """Return whether the first rows hold a header; None when they are empty."""
    is_filled = False
    for row in islice(_rows(sheet), HEADER_WITHIN):
        values = [cell.value for cell in row]
        is_filled = is_filled or any(value is not None for value in values)
        if count_names(values, names) > 1:
            return True
    return False if is_filled else None


def _raw_rows(data: bytes, sheet: Any) -> Iterator[RawRow]:
    formulas = _formulas(data, sheet)
    for number, (row, typed) in enumerate(zip_longest(_rows(sheet), formulas, fillvalue=()), 1):
        if typed:
            cells = [_computed(cell, formula) for cell, formula in zip(row, typed, strict=False)]
        else:
            cells = [None if cell.value is None else _cell(cell) for cell in row]
        raw = row_of(number, cells)
        if raw is not None:
            yield raw


def _formulas(data: bytes, sheet: Any) -> Iterator[Sequence[Any]]:
    """Yield the rows of `sheet` with their formulas; nothing when it has no formula."""
    with _damage_as_unreadable(), sheet._get_source() as source:
        has_formula = _holds_formula(source)
    if not has_formula:
        return
    typed = _opened(data, data_only=False)
    yield from _rows(typed[sheet.title])


def _holds_formula(source: Any) -> bool:
    tail = b""
    while chunk := source.read(1 << 20):
        if _FORMULA.search(tail + chunk):
            return True
        tail = chunk[-64:]
    return False


def _computed(cell: Any, formula: Any) -> Cell:
    """Return the value that Excel computed; a BrokenCell for a formula never computed."""
    if formula.data_type != "f" or cell.value is not None or cell.data_type != "n":
        return _cell(cell)
    typed = str(getattr(formula.value, "text", formula.value))
    return BrokenCell(
        typed,
        "This formula has no computed value. Open the workbook in Excel and save it, or paste "
        "the values over the formulas.",
    )


def _cell(cell: Any) -> Cell:
    value: Cell = cell.value
    if cell.data_type == "e" and isinstance(value, str):
        return BrokenCell(value, "The cell shows an error of Excel. Put it right there first.")
    if isinstance(value, str) and "_x000D_" in value:
        return value.replace("_x000D_\n", "\n").replace("_x000D_", "\n")
    if isinstance(value, int | float) and value and "%" in (cell.number_format or ""):
        return Percent(round(float(value) * 100, 6))
    return value
