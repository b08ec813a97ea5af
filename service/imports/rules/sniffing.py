"""Tell by its bytes what a file is, before anything tries to read it as a table."""

import io
import re
import struct
from enum import StrEnum
from zipfile import BadZipFile, ZipFile

from flask_babel import gettext as _

from service.imports.rules.problems import Unreadable

MOST_UNPACKED = 250 * 1024 * 1024
MOST_TEXTS = 60 * 1024 * 1024  # a workbook's shared texts are held in memory while it is read
TEXTS = "xl/sharedStrings.xml"


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
    """Return the kind of the file; raises Unreadable, with the way out, when it is no table."""
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
            raise Unreadable(_no_table(name))
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
        raise Unreadable(damaged()) from error
    if "xl/workbook.bin" in sizes or "content.xml" in sizes:
        raise Unreadable(
            _(
                "This kind of workbook (.xlsb, .ods) cannot be read. Save it as an “Excel workbook "
                "(.xlsx)” or as CSV, and import that."
            )
        )
    if "xl/workbook.xml" not in sizes:
        raise Unreadable(_no_table("zip"))
    if sum(sizes.values()) > MOST_UNPACKED or sizes.get(TEXTS, 0) > MOST_TEXTS:
        raise Unreadable(
            _("Unpacked, this workbook is too large. Leave only the client list in it.")
        )
    return Kind.workbook


def damaged() -> str:
    """Say that a workbook cannot be opened."""
    return str(_("The workbook is damaged and cannot be read. Save it again in Excel and retry."))


def _no_table(what: str) -> str:
    return str(
        _(
            "This is no table but a %(what)s file. A client list is an .xlsx workbook or a CSV "
            "file.",
            what=what,
        )
    )
