"""Turn the bytes of a text file into text: UTF-8, UTF-16 or Windows-1252. Knows no columns."""

import codecs
import re

from flask_babel import gettext as _

from service.imports.rules.problems import Unreadable

UTF_16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# How UTF-8 writes the letters and quotes of western Europe. Read as Windows-1252 these would be
# “Ã±”, “Â¿” or “â€œ”, which nobody writes, so where they stand the text is UTF-8.
WESTERN_UTF_8 = re.compile(rb"[\xc2\xc3][\x80-\xbf]|\xe2[\x80-\x84][\x80-\xbf]")


def decode(data: bytes) -> str:
    """Return the text of `data`; raises Unreadable, naming the line, when it is no clean text."""
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
            _("The file is damaged or is no text: there is a NUL character in it."),
            text.count("\n", 0, nul) + 1,
        )
    return text


def _decode_utf_8(data: bytes, *, has_mark: bool) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        if has_mark or WESTERN_UTF_8.search(data):
            raise Unreadable(*_mixed(data, error.start)) from None
        return _decode_windows(data)


def _decode_windows(data: bytes) -> str:
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError as error:
        raise Unreadable(
            _(
                "This is no readable text from here on. Save the list as “CSV UTF-8” or as an "
                "“Excel workbook (.xlsx)”, and import that."
            ),
            _line_at(data, error.start),
        ) from None


def _decode_utf_16(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        raise Unreadable(
            _("The file is damaged: it begins as UTF-16 text and does not end as such.")
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


def _mixed(data: bytes, bad: int) -> tuple[str, int]:
    """Say which lines are written in which of two encodings."""
    line = _line_at(data, bad)
    utf_8 = WESTERN_UTF_8.search(data)
    if utf_8 is None:
        sentence = _(
            "The file says that it is UTF-8, but this line is not. Save the list as “CSV UTF-8” "
            "or as an “Excel workbook (.xlsx)”, and import that."
        )
        return sentence, line
    sentence = _(
        "Two encodings are mixed: line %(utf8)s is UTF-8 and this one is Windows-1252, so its "
        "accents would be lost. Save the list as “CSV UTF-8” or as an “Excel workbook (.xlsx)”, "
        "check this line, and import that.",
        utf8=_line_at(data, utf_8.start()),
    )
    return sentence, line


def _line_at(data: bytes, position: int) -> int:
    return data.count(b"\n", 0, position) + 1
