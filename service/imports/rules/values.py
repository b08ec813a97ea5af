"""Read one cell as a text, date, moment, amount, address, language or reasons. Never guesses."""

import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from email_validator import EmailNotValidError, validate_email
from flask_babel import gettext as _

from service.imports.rules.problems import BadValue
from service.labels import label
from service.models import Reason
from service.spreadsheets.tables import Cell, Percent, normalized

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
_SECONDS = re.compile(r"\d{9,10}(\.0+)?")  # since 1970, UTC: from 1973 to 2286
_WITH_TIME = re.compile(
    r"(?P<day>\S+?)[ T](?P<time>\d{1,2}:\d{2}(?::\d{2})?)(?:[.,]\d+)?"
    r" ?(?P<zone>Z|UTC|GMT|[+-]\d{2}:?\d{2}(?: UTC)?)?"
)
DAY_AHEAD = timedelta(days=1)  # clocks and zones differ; beyond this it is a mistake
CENT = Decimal("0.01")
MOST = Decimal("9999999999.99")  # Numeric(12, 2)
_SPACES = " \u00a0\u202f"
# An amount has at most two decimals, so three digits after a single sign are thousands.
_GROUPED_SPANISH = re.compile(rf"[1-9]\d{{0,2}}(?:[.{_SPACES}]\d{{3}})+(?:,\d{{1,2}})?", re.ASCII)
_GROUPED_ENGLISH = re.compile(rf"[1-9]\d{{0,2}}(?:[,{_SPACES}]\d{{3}})+(?:\.\d{{1,2}})?", re.ASCII)
_UNGROUPED = re.compile(r"\d{1,12}(?:[.,]\d{1,2})?", re.ASCII)
_PERCENT = re.compile(r"\d{1,3}(?:[.,]\d{1,2})?", re.ASCII)
_CURRENCY = re.compile(r"^€\s*|\s*(?:€|eur|euros?)$", re.IGNORECASE)
INVISIBLE = dict.fromkeys([0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0xAD])
_ADDRESS = re.compile(r"[^\s,;<>|/]+@[^\s,;<>|/]+")


def read_text(cell: Cell) -> str:
    """Return the text of a cell on one line, with single spaces."""
    return " ".join(_text_of(cell).split())


def read_lines(cell: Cell) -> str:
    """Return the text of a cell with its line breaks as \\n."""
    text = _text_of(cell).replace("\r\n", "\n").replace("\r", "\n")
    return "\n".join(line.rstrip() for line in _UNPRINTABLE.sub("", text).strip().split("\n"))


def _text_of(cell: Cell) -> str:
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))  # Excel keeps a phone number as 624256684.0
    if isinstance(cell, datetime):
        return cell.date().isoformat()
    return "" if cell is None else unicodedata.normalize("NFC", str(cell))


def read_name(cell: Cell) -> str:
    """Return the text of a cell on one line without control characters, fit for a mail header."""
    return _UNPRINTABLE.sub("", read_text(cell))


def read_date(cell: Cell, epoch: datetime | None = None) -> date:
    """Return the day in a cell; raises BadValue for what could be two days, or none.

    `epoch` is a workbook's day 0, for dates that lost their format and show as a number.
    """
    if isinstance(cell, datetime):
        return _day_in_range(cell.date())
    if isinstance(cell, date):
        return _day_in_range(cell)
    if isinstance(cell, str):
        return _date_in(cell.strip())
    if epoch and isinstance(cell, int | float) and FIRST_SERIAL <= cell <= LAST_SERIAL:
        return (epoch + timedelta(days=int(cell))).date()
    raise BadValue(_no_date_message())


@lru_cache(maxsize=4096)
def _date_in(text: str) -> date:
    written = _MIDNIGHT.sub("", text)
    if match := _YEAR_FIRST.fullmatch(written):
        year, month, day = match.groups()
    elif match := _DAY_FIRST.fullmatch(written):
        day, month, year = match.groups()
    else:
        raise BadValue(_no_date_message())
    if len(year) != 4:
        raise BadValue(_("Write the year with four figures, as in 22/11/2026."))
    if int(month) > 12 and 1 <= int(day) <= 12:
        raise BadValue(_("There is no month %(month)s. Write the day first.", month=month))
    try:
        return _day_in_range(date(int(year), int(month), int(day)))
    except ValueError as error:
        if isinstance(error, BadValue):
            raise
        raise BadValue(_("The calendar has no such day.")) from None


def _day_in_range(day: date) -> date:
    if not EARLIEST <= day <= LATEST:
        raise BadValue(_("Check the year: it has to be between 1900 and 2100."))
    return day


def _no_date_message() -> str:
    return str(_("This is not a date. Write it as 22/11/2026 or 2026-11-22."))


def read_flag(cell: Cell) -> bool:
    """Return a yes or a no; raises BadValue."""
    word = normalized(read_text(cell))
    if word in YES or word in NO:
        return word in YES
    raise BadValue(_("Write yes or no."))


def read_language(cell: Cell) -> str:
    """Return the code of a language that mails are written in; raises BadValue."""
    language = LANGUAGES.get(normalized(read_text(cell)))
    if language is None:
        raise BadValue(_("Mails are written in es (Spanish) or en (English)."))
    return language


def read_reasons(cell: Cell, known: Mapping[str, Reason]) -> frozenset[Reason]:
    """Return the reasons in a cell, codes or labels with | between them; raises BadValue."""
    words = [word.strip() for word in read_text(cell).split("|") if word.strip()]
    unknown = [word for word in words if normalized(word) not in known]
    if unknown:
        raise BadValue(
            _(
                "There is no reason “%(reason)s”. Write one or more of these, with | between them: "
                "%(reasons)s.",
                reason=", ".join(unknown),
                reasons=", ".join(f"{label(reason)} ({reason})" for reason in Reason),
            )
        )
    return frozenset(known[normalized(word)] for word in words)


def read_moment(cell: Cell, zone: tzinfo, at: datetime, epoch: datetime | None = None) -> datetime:
    """Return the UTC moment in a cell: without a zone it is in `zone`, a day is its beginning.

    Raises BadValue for what is no moment, or is more than a day after `at`.
    """
    moment = _moment(cell, zone, epoch)
    if moment > at + DAY_AHEAD:
        raise BadValue(_("This day is yet to come."))
    return moment


def _moment(cell: Cell, zone: tzinfo, epoch: datetime | None) -> datetime:
    if isinstance(cell, datetime):
        return cell.replace(tzinfo=cell.tzinfo or zone).astimezone(UTC)
    text = str(cell).strip()
    if not isinstance(cell, date) and _SECONDS.fullmatch(text):
        return datetime.fromtimestamp(int(float(text)), UTC)
    match = _WITH_TIME.fullmatch(text) if isinstance(cell, str) else None
    if match is None:
        return datetime.combine(read_date(cell, epoch), time(), zone).astimezone(UTC)
    day = read_date(match["day"])
    try:
        hour = time.fromisoformat(match["time"].zfill(5))
    except ValueError:
        raise BadValue(_("The clock has no such time.")) from None
    return datetime.combine(day, hour, _zone(match["zone"]) or zone).astimezone(UTC)


def _zone(text: str | None) -> tzinfo | None:
    if not text:
        return None
    if text[0] not in "+-":
        return UTC
    return datetime.strptime(text.removesuffix(" UTC"), "%z").tzinfo


def read_money(cell: Cell) -> Decimal:
    """Return an amount of 0 or more, rounded to cents; raises BadValue."""
    if isinstance(cell, str):
        return _money_in(cell.strip())
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        raise BadValue(_no_amount_message())
    return _amount_in_range(_rounded(cell))


@lru_cache(maxsize=4096)
def _money_in(text: str) -> Decimal:
    number = _CURRENCY.sub("", text)
    if re.match(r"[-−–]\s*\d", number):
        raise BadValue(_("An amount cannot be negative."))
    if _GROUPED_SPANISH.fullmatch(number):
        plain = re.sub(rf"[.{_SPACES}]", "", number).replace(",", ".")
    elif _GROUPED_ENGLISH.fullmatch(number):
        plain = re.sub(rf"[,{_SPACES}]", "", number)
    elif _UNGROUPED.fullmatch(number):
        plain = number.replace(",", ".")
    else:
        raise BadValue(_no_amount_message())
    return _amount_in_range(Decimal(plain).quantize(CENT))


def read_percent(cell: Cell) -> Decimal:
    """Return a percentage from 0 to 100; a cell formatted as one counts as Excel shows it."""
    if isinstance(cell, Percent):
        return _within_100(_rounded(cell.shown))
    if isinstance(cell, str):
        number = cell.strip().removesuffix("%").strip()
        if re.fullmatch(r"[-−–]?\d+([.,]\d{1,2})?", number) and not _PERCENT.fullmatch(number):
            raise BadValue(_out_of_100_message())
        if not _PERCENT.fullmatch(number):
            raise BadValue(_("This is not a percentage. Write it as 42.5 or 42,5."))
        return _within_100(Decimal(number.replace(",", ".")).quantize(CENT))
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        raise BadValue(_("This is not a percentage. Write it as 42.5 or 42,5."))
    return _within_100(_rounded(cell))


def _rounded(number: float) -> Decimal:
    amount = Decimal(str(number))
    if not amount.is_finite() or abs(amount) > MOST:
        raise BadValue(_no_amount_message())
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


def _amount_in_range(amount: Decimal) -> Decimal:
    if amount < 0:
        raise BadValue(_("An amount cannot be negative."))
    if amount > MOST:
        raise BadValue(_("This amount is too large."))
    return amount


def _within_100(percent: Decimal) -> Decimal:
    if not 0 <= percent <= 100:
        raise BadValue(_out_of_100_message())
    return percent


def _no_amount_message() -> str:
    return str(_("This is not an amount. Write it in figures, as 1250.75 or 1.250,75."))


def _out_of_100_message() -> str:
    return str(_("A percentage goes from 0 to 100."))


@lru_cache(maxsize=4096)
def read_email(text: str) -> str:
    """Return the one address in `text`; raises BadValue with what is wrong with it."""
    address = text.translate(INVISIBLE).strip()
    if "@" not in address:
        raise BadValue(_("An address needs an @, as in ana@empresa.es."))
    if len(_ADDRESS.findall(address)) > 1:
        raise BadValue(_("There is more than one address here. Give each contact its own row."))
    if re.search(r"[\s<>]", address):
        raise BadValue(_("Write only the address, without a name or spaces."))
    before, _at, after = address.rpartition("@")
    if not before or not after:
        raise BadValue(_("A part of the address is missing: it is written name@company.es."))
    if not before.isascii():
        raise BadValue(_("Letters with an accent or ñ cannot stand before the @."))
    try:
        found = validate_email(
            address,
            allow_smtputf8=False,
            check_deliverability=False,
            globally_deliverable=False,
            test_environment=True,
        )
    except EmailNotValidError:
        raise BadValue(_("Mail cannot be sent to this address. Check how it is written.")) from None
    if "." not in found.domain:
        raise BadValue(_("After the @ a whole domain is needed, as in ana@empresa.es."))
    return found.normalized
