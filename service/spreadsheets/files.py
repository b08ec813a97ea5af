"""Tell by its bytes what a file is, and read its table."""

import io
import re
import struct
from collections.abc import Collection
from enum import StrEnum
from typing import IO
from zipfile import BadZipFile

from service.spreadsheets import wire
from service.spreadsheets.archives import CappedArchive, too_much
from service.spreadsheets.tables import Table, Unreadable
from service.spreadsheets.text_files import decode, read_delimited
from service.spreadsheets.workbooks import damaged, read_workbook


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


def write_table(data: bytes, target: IO[bytes], names: Collection[str]) -> None:
    """Write the table in `data` to `target`, or why it cannot be read.

    `names` are the normalized names of columns that its header may have.
    """
    try:
        wire.write(table_of(data, names), target)
    except Unreadable as why:
        wire.write_reason(why, target)
    except MemoryError:
        wire.write_reason(too_much(), target)


def table_of(data: bytes, names: Collection[str]) -> Table:
    """Return the table in a file; raises Unreadable, as do its rows."""
    if kind_of(data) is Kind.workbook:
        return read_workbook(data, names)
    return read_delimited(decode(data), names)


def kind_of(data: bytes) -> Kind:
    """Return the kind of the file by its bytes; raises Unreadable, with advice, for no table."""
    head = data[:1024].removeprefix(b"\xef\xbb\xbf")
    if not head.strip(b" \t\r\n\0"):
        raise Unreadable("The file is empty.")
    if head.startswith(b"PK"):
        return _kind_of_zip(data)
    if head.startswith(OLE):
        raise Unreadable(
            "This is an old Excel file (.xls), or one with a password. Open it, save it as an "
            "“Excel workbook (.xlsx)” without a password, and import that."
        )
    if MARKUP.match(head):
        raise Unreadable(
            "This is a web page, even if its name says Excel. Open it in Excel, save it as an "
            "“Excel workbook (.xlsx)”, and import that."
        )
    for signature, name in SIGNATURES.items():
        if head.startswith(signature):
            raise _no_table(name)
    return Kind.delimited


def _kind_of_zip(data: bytes) -> Kind:
    try:
        with CappedArchive(io.BytesIO(data)) as archive:
            names = archive.namelist()
    except (
        BadZipFile,
        NotImplementedError,
        ValueError,
        OSError,
        IndexError,
        struct.error,
    ) as error:
        raise damaged() from error
    if "xl/workbook.bin" in names or "content.xml" in names:
        raise Unreadable(
            "This kind of workbook (.xlsb, .ods) cannot be read. Save it as an “Excel workbook "
            "(.xlsx)” or as CSV, and import that."
        )
    if "xl/workbook.xml" not in names:
        raise _no_table("zip")
    if archive.has_twins:
        raise damaged()
    return Kind.workbook


def _no_table(what: str) -> Unreadable:
    return Unreadable(
        "This is no table but a %(what)s file. A client list is an .xlsx workbook or a CSV file.",
        what=what,
    )
