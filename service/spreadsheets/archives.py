"""The parts of an .xlsx, each held against what it really unpacks to before it is parsed.

What the archive says of its parts is not believed: each is unpacked once, in pieces, and counted.
"""

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from service.spreadsheets.tables import Unreadable

PIECE = 1 << 18  # bytes
MOST_PARTS = 2_000
MOST_UNPACKED = 250 * 1024 * 1024  # bytes, of all parts that are read
MOST_CELLS = 16_384  # in a row, as in Excel
_ROW = re.compile(rb"<(?:\w+:)?row[\s/>]")


@dataclass(frozen=True, slots=True)
class Cap:
    """The most that one part may hold."""

    octets: int
    tags: int  # a parser's time and memory go by them


SHEET = Cap(MOST_UNPACKED, 12_000_000)  # 100,000 rows of 17 cells have at most 10,200,000
TEXTS = Cap(60 * 1024 * 1024, 2_500_000)  # all held in memory
OTHER = Cap(8 * 1024 * 1024, 200_000)  # Excel stops at 64,000 formats


class CappedArchive(ZipFile):
    """A ZipFile that refuses, with Unreadable, a part that unpacks to more than it may."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file)
        names = self.namelist()
        if len(names) > MOST_PARTS:
            raise Unreadable(
                "This workbook has %(count)s parts. Copy the list into a new workbook, or save it "
                "as CSV, and import that.",
                count=f"{len(names):,}",
            )
        self.has_twins = len(set(names)) < len(names)
        self._unpacked = 0
        self._counted: set[str] = set()

    def open(self, name: Any, *args: Any, **more: Any) -> Any:
        """Open a part, which is counted the first time."""
        info = name if isinstance(name, ZipInfo) else self.getinfo(name)
        if info.filename not in self._counted:
            self._counted.add(info.filename)
            self._count(info)
        return super().open(info, *args, **more)

    def _count(self, info: ZipInfo) -> None:
        if info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
            raise ValueError("a method that no workbook has, and that unpacks without measure")
        is_sheet = info.filename.startswith("xl/worksheets/")
        cap = SHEET if is_sheet else TEXTS if info.filename.endswith("sharedStrings.xml") else OTHER
        octets = tags = cells = 0
        with super().open(info) as part:
            while piece := part.read(PIECE):
                octets += len(piece)
                self._unpacked += len(piece)
                tags += piece.count(b"<")
                if octets > cap.octets or tags > cap.tags or self._unpacked > MOST_UNPACKED:
                    raise too_much()
                if b"<!DOCTYPE" in piece or b"\0" in piece:  # no workbook's; they hide from counts
                    raise ValueError("a document type, or UTF-16")
                if is_sheet:
                    cells = _longest_row(piece, cells)


def _longest_row(piece: bytes, cells: int) -> int:
    """Return how many tags its last row has so far; `cells` had the row that it begins with.

    Raises Unreadable when a row has more than any sheet: the parser would hold all of it.
    """
    rows = list(_ROW.finditer(piece))
    starts = [0, *(row.start() for row in rows), len(piece)]
    for number, (start, end) in enumerate(pairwise(starts)):
        cells = piece.count(b"<", start, end) + (0 if number else cells)
        if cells > MOST_CELLS * 6:  # tags of a cell, at most
            raise Unreadable(
                "A row of this workbook has more cells than Excel allows. Copy the list into a new "
                "workbook, or save it as CSV, and import that."
            )
    return cells


def too_much() -> Unreadable:
    """Return the error that a file takes more memory or time than a list needs."""
    return Unreadable(
        "To read this file would take more memory or time than a list needs. Copy only the list "
        "into a new workbook, or save it as CSV, and import that."
    )
