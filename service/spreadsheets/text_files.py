"""Read a CSV file as a table, in the encodings and dialects that spreadsheets write."""

import codecs
import csv
import io
import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from itertools import islice

from service.spreadsheets.tables import (
    HEADER_WITHIN,
    RawRow,
    Table,
    Unreadable,
    count_names,
    row_of,
)

DELIMITERS = (";", ",", "\t")
_SEPARATOR_LINE = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)  # a hint that Excel writes
UTF_16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# How UTF-8 writes the letters and quotes of western Europe. Read as Windows-1252 these would be
# “Ã±”, “Â¿” or “â€œ”, which nobody writes, so a text with them is UTF-8.
WESTERN_UTF_8 = re.compile(rb"[\xc2\xc3][\x80-\xbf]|\xe2[\x80-\x84][\x80-\xbf]")


def decode(data: bytes) -> str:
    """Return `data` as text; raises Unreadable, with the line, for what is not text."""
    if data.startswith(codecs.BOM_UTF8):
        text = _decode_utf_8(data.removeprefix(codecs.BOM_UTF8), has_mark=True)
    elif data.startswith(UTF_16_MARKS):
        text = _decode_utf_16(data, "utf-16")
    elif guess := _unmarked_utf_16(data[:4096]):
        text = _decode_utf_16(data, guess)
    else:
        text = _decode_utf_8(data, has_mark=False)
    nul = text.find("\0")
    if nul >= 0:
        raise Unreadable(
            "The file is damaged or is no text: there is a NUL character in it.",
            text.count("\n", 0, nul) + 1,
        )
    return text


def _decode_utf_8(data: bytes, *, has_mark: bool) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        if has_mark or WESTERN_UTF_8.search(data):
            raise _mixed_encodings(data, error.start) from None
        return _decode_windows(data)


def _decode_windows(data: bytes) -> str:
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError as error:
        raise Unreadable(
            "This is no readable text from here on. Save the list as “CSV UTF-8” or as an "
            "“Excel workbook (.xlsx)”, and import that.",
            _line_at(data, error.start),
        ) from None


def _decode_utf_16(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        raise Unreadable(
            "The file is damaged: it begins as UTF-16 text and does not end as such."
        ) from None


def _unmarked_utf_16(head: bytes) -> str | None:
    """Return the byte order of UTF-16 without a mark: every other byte of western text is NUL."""
    pairs = len(head) // 2
    if pairs < 8:
        return None
    high, low = head[1::2].count(0), head[0::2].count(0)
    if high > pairs * 0.6 and low < pairs * 0.1:
        return "utf-16-le"
    if low > pairs * 0.6 and high < pairs * 0.1:
        return "utf-16-be"
    return None


def _mixed_encodings(data: bytes, bad: int) -> Unreadable:
    """Return the error that says which lines are written in which of two encodings."""
    line = _line_at(data, bad)
    utf_8 = WESTERN_UTF_8.search(data)
    if utf_8 is None:
        return Unreadable(
            "The file says that it is UTF-8, but this line is not. Save the list as “CSV UTF-8” "
            "or as an “Excel workbook (.xlsx)”, and import that.",
            line,
        )
    return Unreadable(
        "Two encodings are mixed: line %(utf8)s is UTF-8 and this one is Windows-1252, so its "
        "accents would be lost. Save the list as “CSV UTF-8” or as an “Excel workbook (.xlsx)”, "
        "check this line, and import that.",
        line,
        utf8=_line_at(data, utf_8.start()),
    )


def _line_at(data: bytes, position: int) -> int:
    return data.count(b"\n", 0, position) + 1


def read_delimited(text: str, names: Collection[str]) -> Table:
    """Return the table in `text`; its rows raise Unreadable where a quotation is broken."""
    skipped = 0
    hint = _SEPARATOR_LINE.match(text)
    if hint and hint[1] in DELIMITERS:
        delimiter, skipped = hint[1], 1
        text = text[hint.end() :]
    else:
        delimiter = find_delimiter(text, names)
    return Table(_rows(text, delimiter, skipped), length=text.count("\n") + text.count("\r") + 1)


def find_delimiter(text: str, names: Collection[str]) -> str:
    """Return the delimiter with which the header names the most columns.

    Counting the characters would fail: a Spanish list has more decimal commas than semicolons.
    """
    return max(DELIMITERS, key=lambda delimiter: _column_count(text, delimiter, names))


def _column_count(text: str, delimiter: str, names: Collection[str]) -> int:
    best = 0
    reader = csv.reader(io.StringIO(text[:65_536], newline=""), delimiter=delimiter)
    with suppress(csv.Error):
        for cells in islice(reader, HEADER_WITHIN):
            best = max(best, count_names(cells, names))
    return best


def _rows(text: str, delimiter: str, skipped: int) -> Iterator[RawRow]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        number = reader.line_num + skipped + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise _broken_quotation(error, number) from None
        row = row_of(number, list(cells))
        if row is not None:
            yield row


def _broken_quotation(error: csv.Error, line: int) -> Unreadable:
    if "unexpected end" in str(error):
        return Unreadable(
            "A quotation mark opens here and has no end, so the rest cannot be read.", line
        )
    if "field limit" in str(error):
        return Unreadable(
            "A cell is too long; perhaps a quotation mark that opens here has no end.", line
        )
    return Unreadable(
        "A text in quotation marks goes on after the closing one. Write quotation marks inside "
        "a text twice, as Excel does.",
        line,
    )
