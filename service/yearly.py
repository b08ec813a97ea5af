"""Days that come each year, kept as "MM-DD" so that the database can look them up. Pure.

29 February comes on the 28th in years that have none.
"""

from calendar import isleap
from datetime import date, timedelta

LEAP_DAY = "02-29"


def key_of(day: date) -> str:
    """Return the day of the year that `day` is."""
    return f"{day:%m-%d}"


def parts_of(key: str) -> tuple[int, int]:
    """Return the month and the day of `key`."""
    month, day = key.split("-")
    return int(month), int(day)


def keys_on(day: date) -> tuple[str, ...]:
    """Return the keys whose turn it is on `day`."""
    is_stand_in = (day.month, day.day) == (2, 28) and not isleap(day.year)
    return (key_of(day), LEAP_DAY) if is_stand_in else (key_of(day),)


def in_year(key: str, year: int) -> date:
    """Return the day on which `key` comes in `year`."""
    month, day = parts_of(key)
    return date(year, month, 28 if key == LEAP_DAY and not isleap(year) else day)


def next_on(key: str, after: date) -> date:
    """Return the first day after `after` on which `key` comes."""
    day = in_year(key, after.year)
    return day if day > after else in_year(key, after.year + 1)


def years_since(start: date, day: date) -> int:
    """Return how many times the day of `start` has come again by `day`."""
    years = day.year - start.year
    return max(0, years if in_year(key_of(start), day.year) <= day else years - 1)


def days_until(last: date, count: int) -> list[date]:
    """Return the `count` days that end with `last`, in order."""
    return [last - timedelta(days=count - 1 - number) for number in range(count)]
