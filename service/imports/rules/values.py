"""Read one cell as text, date, yes or no, language or reasons. Never guesses."""

import re
import unicodedata
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache

from flask_babel import gettext as _

from service.imports.rules.cells import Cell
from service.imports.rules.columns import plain
from service.imports.rules.problems import BadValue
from service.labels import label
from service.models import Reason

EARLIEST, LATEST = date(1900, 1, 1), date(2100, 12, 31)
FIRST_SERIAL, LAST_SERIAL = 10_000, 73_050  # Excel's numbers of days in 1927 and 2099
YES = frozenset({"si", "s", "yes", "y", "true", "verdadero", "1", "x"})
NO = frozenset({"no", "n", "false", "falso", "0"})
LANGUAGES = {
    **dict.fromkeys(("es", "espanol", "castellano", "spanish", "eses"), "es"),
    **dict.fromkeys(("en", "ingles", "english", "engb", "enus"), "en"),
}
_DAY_FIRST = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d+)", re.ASCII)
_YEAR_FIRST = re.compile(r"(\d{4})[/.-](\d{1,2})[/.-](\d{1,2})", re.ASCII)
_MIDNIGHT = re.compile(r"[ T]0?0:00(:00(\.0+)?)?(Z|\+00:?00)?$")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f]")


def read_text(cell: Cell) -> str:
    """Return what is written, on one line, without space around it."""
    return " ".join(_written(cell).split())


def read_lines(cell: Cell) -> str:
    """Return what is written, with its line breaks as \\n."""
    text = _written(cell).replace("\r\n", "\n").replace("\r", "\n")
    return "\n".join(line.rstrip() for line in _UNPRINTABLE.sub("", text).strip().split("\n"))


def _written(cell: Cell) -> str:
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))  # Excel keeps a phone number as 624256684.0
    if isinstance(cell, datetime):
        return cell.date().isoformat()
    return "" if cell is None else unicodedata.normalize("NFC", str(cell))


def read_name(cell: Cell) -> str:
    """Return a text of one line without control signs, which would end up in a mail's headers."""
    return _UNPRINTABLE.sub("", read_text(cell))


def read_date(cell: Cell, epoch: datetime | None = None) -> date:
    """Return the day in a cell; raises BadValue for what could be two days, or none.

    `epoch` is a workbook's day 0, for dates that lost their format and show as a number.
    """
    if isinstance(cell, datetime):
        return _in_range(cell.date())
    if isinstance(cell, date):
        return _in_range(cell)
    if isinstance(cell, str):
        return _date_in(cell.strip())
    if epoch and isinstance(cell, int | float) and FIRST_SERIAL <= cell <= LAST_SERIAL:
        return (epoch + timedelta(days=int(cell))).date()
    raise BadValue(_no_date())


@lru_cache(maxsize=4096)
def _date_in(text: str) -> date:
    written = _MIDNIGHT.sub("", text)
    if match := _YEAR_FIRST.fullmatch(written):
        year, month, day = match.groups()
    elif match := _DAY_FIRST.fullmatch(written):
        day, month, year = match.groups()
    else:
        raise BadValue(_no_date())
    if len(year) != 4:
        raise BadValue(_("Write the year with four figures, as in 22/11/2026."))
    if int(month) > 12 and 1 <= int(day) <= 12:
        raise BadValue(_("There is no month %(month)s. Write the day first.", month=month))
    try:
        return _in_range(date(int(year), int(month), int(day)))
    except ValueError as error:
        if isinstance(error, BadValue):
            raise
        raise BadValue(_("The calendar has no such day.")) from None


def _in_range(day: date) -> date:
    if not EARLIEST <= day <= LATEST:
        raise BadValue(_("Check the year: it has to be between 1900 and 2100."))
    return day


def _no_date() -> str:
    return str(_("This is not a date. Write it as 22/11/2026 or 2026-11-22."))


def read_flag(cell: Cell) -> bool:
    """Return a yes or a no."""
    word = plain(read_text(cell))
    if word in YES or word in NO:
        return word in YES
    raise BadValue(_("Write yes or no."))


def read_language(cell: Cell) -> str:
    """Return the code of a language that mails are written in."""
    language = LANGUAGES.get(plain(read_text(cell)))
    if language is None:
        raise BadValue(_("Mails are written in es (Spanish) or en (English)."))
    return language


def read_reasons(cell: Cell, known: Mapping[str, Reason]) -> frozenset[Reason]:
    """Return the reasons in a cell, by code or label, with | between them."""
    words = [word.strip() for word in read_text(cell).split("|") if word.strip()]
    unknown = [word for word in words if plain(word) not in known]
    if unknown:
        raise BadValue(
            _(
                "There is no reason “%(reason)s”. Write one or more of these, with | between them: "
                "%(reasons)s.",
                reason=", ".join(unknown),
                reasons=", ".join(f"{label(reason)} ({reason})" for reason in Reason),
            )
        )
    return frozenset(known[plain(word)] for word in words)
