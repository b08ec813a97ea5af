"""Read the client list out of an .xlsx workbook, row by row, holding no sheet in memory.

openpyxl does the reading; whatever it makes of a damaged file becomes one sentence.
"""

import io
import logging
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice, zip_longest
from typing import Any

import openpyxl
from flask_babel import gettext as _
from openpyxl.workbook import Workbook

from service.imports.rules.cells import Broken, Cell, Line, Percent, Table
from service.imports.rules.columns import HEADER_WITHIN, CountKnown, count_known
from service.imports.rules.problems import Unreadable
from service.imports.rules.sniffing import damaged

log = logging.getLogger(__name__)
warnings.filterwarnings("ignore", category=UserWarning, module="openpyxl")

WIDEST = 64  # columns; what stands further to the right is no client list
LONGEST = 1_048_576  # rows, Excel's own limit
_FORMULA = re.compile(rb"<(?:\w+:)?f[\s>]")


def read_workbook(data: bytes, count: CountKnown = count_known) -> Table:
    """Return the table on the sheet that has one; raises Unreadable when none or several have."""
    values = _opened(data, data_only=True)
    sheets = [sheet for sheet in values.worksheets if sheet.sheet_state == "visible"]
    filled = [sheet for sheet in sheets if _looks_like_a_list(sheet, count) is not None]
    if not filled:
        raise Unreadable(_("The file is empty."))
    lists = [sheet for sheet in filled if _looks_like_a_list(sheet, count)] or filled[:1]
    if len(lists) > 1:
        raise Unreadable(
            _(
                "The sheets %(sheets)s each hold a list. Leave one of them in the workbook, or "
                "save each as a workbook of its own.",
                sheets=", ".join(f"“{sheet.title}”" for sheet in lists),
            )
        )
    sheet = lists[0]
    length = sheet.max_row or 0
    left_out = tuple(str(other.title) for other in filled if other is not sheet)
    return Table(_lines(data, sheet), length, left_out, values.epoch)


@contextmanager
def _damage_told(line: int | None = None) -> Iterator[None]:
    """Turn whatever openpyxl, zipfile or expat stumble on into the one sentence that helps."""
    try:
        yield
    except Exception as error:  # any: each of them has its own, and none documents them all
        log.warning("workbook_damaged error=%r", error)
        raise Unreadable(damaged(), line) from error


def _opened(data: bytes, *, data_only: bool) -> Workbook:
    with _damage_told():
        return openpyxl.load_workbook(
            io.BytesIO(data), read_only=True, data_only=data_only, keep_links=False
        )


def _rows(sheet: Any) -> Iterator[Sequence[Any]]:
    """Give every row of `sheet`, believing none of the dimensions that it claims to have."""
    sheet.reset_dimensions()
    rows = sheet.iter_rows(max_col=WIDEST)
    for number in range(1, LONGEST + 1):
        with _damage_told(number):
            row = next(rows, None)
        if row is None:
            return
        yield row


def _looks_like_a_list(sheet: Any, count: CountKnown) -> bool | None:
    """Say whether a sheet's first rows hold a header; None when the sheet is empty."""
    is_filled = False
    for row in islice(_rows(sheet), HEADER_WITHIN):
        values = [cell.value for cell in row]
        is_filled = is_filled or any(value is not None for value in values)
        if count(values) > 1:
            return True
    return False if is_filled else None


def _lines(data: bytes, sheet: Any) -> Iterator[Line]:
    formulas = _formulas(data, sheet)
    for number, (row, typed) in enumerate(zip_longest(_rows(sheet), formulas, fillvalue=()), 1):
        if typed:
            cells = [_computed(cell, formula) for cell, formula in zip(row, typed, strict=False)]
        else:
            cells = [None if cell.value is None else _cell(cell) for cell in row]
        while cells and cells[-1] is None:
            cells.pop()
        if cells:
            yield Line(number, cells)


def _formulas(data: bytes, sheet: Any) -> Iterator[Sequence[Any]]:
    """Give the rows of `sheet` as typed, formulas included; nothing when it has no formula."""
    with _damage_told(), sheet._get_source() as source:
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
    """Return the value that Excel computed; a formula never computed has none, and says so."""
    if formula.data_type != "f" or cell.value is not None or cell.data_type != "n":
        return _cell(cell)
    typed = str(getattr(formula.value, "text", formula.value))
    return Broken(
        typed,
        _(
            "This formula has no computed value. Open the workbook in Excel and save it, or paste "
            "the values over the formulas."
        ),
    )


def _cell(cell: Any) -> Cell:
    value: Cell = cell.value
    if cell.data_type == "e" and isinstance(value, str):
        return Broken(value, _("The cell shows an error of Excel. Put it right there first."))
    if isinstance(value, str) and "_x000D_" in value:
        return value.replace("_x000D_\n", "\n").replace("_x000D_", "\n")
    if isinstance(value, int | float) and value and "%" in (cell.number_format or ""):
        return Percent(round(float(value) * 100, 6))
    return value
