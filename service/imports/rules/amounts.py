"""Read amounts of money and percentages, with the decimal sign of either language."""

import re
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from flask_babel import gettext as _

from service.imports.rules.cells import Cell, Percent
from service.imports.rules.problems import BadValue

CENT = Decimal("0.01")
MOST = Decimal("9999999999.99")  # Numeric(12, 2)
_SPACES = " \u00a0\u202f"
# An amount has at most two decimals, so three digits after a single sign are thousands.
_GROUPED_SPANISH = re.compile(rf"[1-9]\d{{0,2}}(?:[.{_SPACES}]\d{{3}})+(?:,\d{{1,2}})?", re.ASCII)
_GROUPED_ENGLISH = re.compile(rf"[1-9]\d{{0,2}}(?:[,{_SPACES}]\d{{3}})+(?:\.\d{{1,2}})?", re.ASCII)
_UNGROUPED = re.compile(r"\d{1,12}(?:[.,]\d{1,2})?", re.ASCII)
_PERCENT = re.compile(r"\d{1,3}(?:[.,]\d{1,2})?", re.ASCII)
_CURRENCY = re.compile(r"^€\s*|\s*(?:€|eur|euros?)$", re.IGNORECASE)


def read_money(cell: Cell) -> Decimal:
    """Return an amount of 0 or more, in cents; raises BadValue."""
    if isinstance(cell, str):
        return _money_in(cell.strip())
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        raise BadValue(_no_amount())
    return _in_range(_rounded(cell))


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
        raise BadValue(_no_amount())
    return _in_range(Decimal(plain).quantize(CENT))


def read_percent(cell: Cell) -> Decimal:
    """Return a percentage from 0 to 100; a cell formatted as such counts as it is shown."""
    if isinstance(cell, Percent):
        return _within_100(_rounded(cell.shown))
    if isinstance(cell, str):
        number = cell.strip().removesuffix("%").strip()
        if re.fullmatch(r"[-−–]?\d+([.,]\d{1,2})?", number) and not _PERCENT.fullmatch(number):
            raise BadValue(_out_of_100())
        if not _PERCENT.fullmatch(number):
            raise BadValue(_("This is not a percentage. Write it as 42.5 or 42,5."))
        return _within_100(Decimal(number.replace(",", ".")).quantize(CENT))
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        raise BadValue(_("This is not a percentage. Write it as 42.5 or 42,5."))
    return _within_100(_rounded(cell))


def _rounded(number: float) -> Decimal:
    amount = Decimal(str(number))
    if not amount.is_finite() or abs(amount) > MOST:
        raise BadValue(_no_amount())
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


def _in_range(amount: Decimal) -> Decimal:
    if amount < 0:
        raise BadValue(_("An amount cannot be negative."))
    if amount > MOST:
        raise BadValue(_("This amount is too large."))
    return amount


def _within_100(percent: Decimal) -> Decimal:
    if not 0 <= percent <= 100:
        raise BadValue(_out_of_100())
    return percent


def _no_amount() -> str:
    return str(_("This is not an amount. Write it in figures, as 1250.75 or 1.250,75."))


def _out_of_100() -> str:
    return str(_("A percentage goes from 0 to 100."))
