"""A real .xlsx, streamed: dates are dates, numbers are numbers, and text stays text."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import IO, Any

from flask_babel import gettext as _
from xlsxwriter import Workbook

from service.exports.tables import Cell, Table

LONGEST = 32_767  # characters; Excel takes no more, and XlsxWriter would drop the cell
FIRST_DAY = date(1900, 1, 1)  # Excel knows no day before it
WIDEST = 60


def write(table: Table, file: IO[bytes]) -> None:
    """Write `table` as the one sheet of a workbook; memory does not grow with the rows."""
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "remove_timezone": True,
    }
    with Workbook(file, options) as book:
        sheet = book.add_worksheet(str(_("Departures")))
        formats = {
            "head": book.add_format({"bold": True, "bottom": 1, "text_wrap": True}),
            "day": book.add_format({"num_format": "yyyy-mm-dd"}),
            "moment": book.add_format({"num_format": "yyyy-mm-dd hh:mm"}),
            "money": book.add_format({"num_format": "#,##0.00"}),
        }
        sheet.freeze_panes(1, 1)
        _set_widths(sheet, table.head)
        for place, name in enumerate(table.head):
            sheet.write_string(0, place, cut(name), formats["head"])
        last = 0
        for last, cells in enumerate(table.rows, start=1):
            _write_row(sheet, last, cells, formats)
        sheet.autofilter(0, 0, last, len(table.head) - 1)


def cut(text: str) -> str:
    """Return `text` short enough for a cell; what is cut off is marked."""
    if _units(text) <= LONGEST:
        return text
    mark = f" … [{_('cut: too long for a spreadsheet')}]"
    room = (LONGEST - len(mark)) * 2
    return text.encode("utf-16-le")[:room].decode("utf-16-le", "ignore") + mark


def _units(text: str) -> int:
    """Return the length as Excel counts it, in UTF-16 units (an emoji is two)."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2


def _write_row(sheet: Any, row: int, cells: Sequence[Cell], formats: dict[str, Any]) -> None:
    for place, cell in enumerate(cells):
        if cell is None or cell == "":
            continue
        if isinstance(cell, str):
            sheet.write_string(row, place, cut(cell))
        elif isinstance(cell, date):
            _write_date(sheet, row, place, cell, formats)
        elif isinstance(cell, Decimal):
            sheet.write_number(row, place, float(cell), formats["money"])
        else:
            sheet.write_number(row, place, cell)


def _write_date(sheet: Any, row: int, place: int, day: date, formats: dict[str, Any]) -> None:
    kind = "moment" if isinstance(day, datetime) else "day"
    if day.year < FIRST_DAY.year:
        sheet.write_string(row, place, day.isoformat())
    else:
        sheet.write_datetime(row, place, day, formats[kind])


def _set_widths(sheet: Any, head: Sequence[str]) -> None:
    for place, name in enumerate(head):
        sheet.set_column(place, place, min(WIDEST, max(12, len(name) + 4)))
