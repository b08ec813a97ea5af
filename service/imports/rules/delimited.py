"""Read CSV text in the dialect that its header shows, line by line. Knows columns only by name."""

import csv
import io
import re
from collections.abc import Iterator

from flask_babel import gettext as _

from service.imports.rules.cells import Line, Table
from service.imports.rules.columns import HEADER_WITHIN, CountKnown, count_known
from service.imports.rules.problems import Unreadable

DELIMITERS = (";", ",", "\t")
_SEPARATOR_LINE = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)  # Excel's own hint


def read_delimited(text: str, count: CountKnown = count_known) -> Table:
    """Return the table in `text`; its lines raise Unreadable where a quote has no end."""
    skipped = 0
    hint = _SEPARATOR_LINE.match(text)
    if hint and hint[1] in DELIMITERS:
        delimiter, skipped = hint[1], 1
        text = text[hint.end() :]
    else:
        delimiter = find_delimiter(text, count)
    return Table(_lines(text, delimiter, skipped), length=text.count("\n") + text.count("\r") + 1)


def find_delimiter(text: str, count: CountKnown = count_known) -> str:
    """Return the delimiter under which the header names most columns.

    Counting signs would fail: a Spanish list has more decimal commas than semicolons.
    """
    return max(DELIMITERS, key=lambda delimiter: _known_columns(text, delimiter, count))


def _known_columns(text: str, delimiter: str, count: CountKnown) -> int:
    best = 0
    reader = csv.reader(io.StringIO(text[:65_536], newline=""), delimiter=delimiter)
    try:
        for _number, cells in zip(range(HEADER_WITHIN), reader, strict=False):
            best = max(best, count(cells))
    except csv.Error:
        return best
    return best


def _lines(text: str, delimiter: str, skipped: int) -> Iterator[Line]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        number = reader.line_num + skipped + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise Unreadable(_say(error), number) from None
        if cells:
            yield Line(number, list(cells))


def _say(error: csv.Error) -> str:
    if "unexpected end" in str(error):
        return str(_("A quotation mark opens here and has no end, so the rest cannot be read."))
    if "field limit" in str(error):
        return str(_("A cell is too long; perhaps a quotation mark that opens here has no end."))
    return str(
        _(
            "A text in quotation marks goes on after the closing one. Write quotation marks inside "
            "a text twice, as Excel does."
        )
    )
