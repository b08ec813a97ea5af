"""CSV that Excel opens with its accents, and in which no cell is a formula."""

import csv
from collections.abc import Iterable
from datetime import datetime
from typing import IO

from service.exports.tables import Cell, Table

RISKY = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")  # the wide ones count too


def write(table: Table, file: IO[bytes]) -> None:
    """Write `table` as UTF-8 with a byte order mark, commas between, CRLF at the ends."""
    file.write(b"\xef\xbb\xbf")
    file.write(_line(table.head))
    for cells in table.rows:
        file.write(_line(cells))


class _Echo:
    """Hands each line that csv writes straight back."""

    def write(self, text: str) -> str:
        return text


_writer = csv.writer(_Echo())


def _line(cells: Iterable[Cell]) -> bytes:
    text: str = _writer.writerow([_plain(cell) for cell in cells])
    return text.encode("utf-8", "replace")


def _plain(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, str):
        return neutral(cell)
    if isinstance(cell, datetime):
        return cell.strftime("%Y-%m-%d %H:%M")
    return str(cell)


def neutral(text: str) -> str:
    """Return `text` so that a spreadsheet shows it and computes nothing (OWASP, CSV injection)."""
    return "'" + text if text.lstrip(" \n\x00\u200b\ufeff").startswith(RISKY) else text
