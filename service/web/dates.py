"""Format moments, days and numbers for the reader's language: filters for templates."""

from datetime import date, datetime, timedelta
from decimal import Decimal

from babel.dates import format_skeleton
from flask import Flask
from flask_babel import (
    format_date,
    format_datetime,
    format_decimal,
    format_time,
    format_timedelta,
    get_locale,
    gettext,
    to_user_timezone,
)

from service.clock import now
from service.yearly import in_year

FAR = timedelta(days=45)  # past this, a date says more than "2 months ago"


def register(app: Flask) -> None:
    """Register the filters."""
    app.jinja_env.filters.update(
        relatively=relatively,
        exactly=exactly,
        shortly=shortly,
        at_length=at_length,
        clock_time=clock_time,
        number=number,
        signed=signed,
        percent=percent,
        in_month=in_month,
        month_letter=month_letter,
        in_any_year=in_any_year,
    )


def relatively(moment: datetime | date) -> str:
    """Return "in 3 days", "yesterday", "2 hours ago"; far from now the date itself."""
    if not isinstance(moment, datetime):
        return _relative_day(moment)
    distance = moment - now()
    if abs(distance) > FAR:
        return shortly(moment)
    if abs(distance) < timedelta(minutes=1):
        return str(gettext("just now")) if distance <= timedelta(0) else str(gettext("at once"))
    if abs(distance) >= timedelta(hours=20):
        return _relative_day(_local(moment).date())
    return str(format_timedelta(distance, add_direction=True, threshold=0.9))


def _relative_day(day: date) -> str:
    days = (day - _local(now()).date()).days
    if abs(days) > FAR.days:
        return shortly(day)
    if days in (-1, 0, 1):
        return str((gettext("today"), gettext("tomorrow"), gettext("yesterday"))[days])
    return str(
        format_timedelta(timedelta(days=days), granularity="day", add_direction=True, threshold=9)
    )


def exactly(moment: datetime | date) -> str:
    """Return the whole moment in words: "martes, 24 de noviembre de 2026, 9:00"."""
    if not isinstance(moment, datetime):
        return str(format_date(moment, "full"))
    local = _local(moment)
    return f"{format_date(local.date(), 'full')}, {format_datetime(moment, 'HH:mm')}"


def shortly(moment: datetime | date) -> str:
    """Return the day as a short date: "24 nov 2026"."""
    day = _local(moment).date() if isinstance(moment, datetime) else moment
    return str(format_date(day, "medium"))


def at_length(moment: datetime | date) -> str:
    """Return the day as people say it: "martes 24 de noviembre", without the year."""
    day = _local(moment).date() if isinstance(moment, datetime) else moment
    return str(format_date(day, gettext("EEEE, d MMMM")))


def clock_time(moment: datetime) -> str:
    """Return the time of day as the reader writes it: "9:00"."""
    return str(format_time(moment, "short"))


def number(value: float | Decimal, decimals: int = 0) -> str:
    """Return a number with the reader's separators."""
    shape = "#,##0" + ("." + "0" * decimals if decimals else "")
    return str(format_decimal(value, format=shape))


def signed(value: float) -> str:
    """Return a whole number with its sign in front: "+38", "−7", "0"."""
    rounded = round(value)
    sign = "+" if rounded > 0 else "−" if rounded < 0 else ""
    return sign + number(abs(rounded))


def percent(value: float, decimals: int = 0) -> str:
    """Return a percentage given as 0 to 100, as the reader writes it: "64 %" or "64%"."""
    shape = "#,##0" + ("." + "0" * decimals if decimals else "")
    return str(gettext("%(number)s%%", number=format_decimal(value, format=shape)))


def in_month(day: date, form: str = "LLLL y") -> str:
    """Return the month of `day` in words: "noviembre 2026"."""
    return str(format_date(day, form))


def month_letter(day: date) -> str:
    """Return the letter that stands for the month of `day` where there is room for no more."""
    return str(format_date(day, "LLLLL"))


def _local(moment: datetime) -> datetime:
    local: datetime = to_user_timezone(moment)
    return local


def in_any_year(key: str) -> str:
    """Return a day of the year ("12-18") as "18 de diciembre"."""
    return str(format_skeleton("MMMMd", in_year(key, 2024), locale=get_locale()))


def months() -> list[tuple[str, str]]:
    """Return the months to choose from, and none."""
    names = [(str(month), format_date(date(2024, month, 1), "LLLL")) for month in range(1, 13)]
    return [("", "–"), *names]


def days() -> list[tuple[str, str]]:
    """Return the days of a month to choose from, and none."""
    return [("", "–"), *((str(day), str(day)) for day in range(1, 32))]
