"""The one source of time. Everything else asks here, so that a moved clock moves all of it."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo


def now() -> datetime:
    """Return the present moment, aware, in UTC."""
    return datetime.now(UTC)


def today(zone: str) -> date:
    """Return the date that a calendar on a wall in `zone` shows now."""
    return now().astimezone(ZoneInfo(zone)).date()


def local_moment(day: date, at: time, zone: str) -> datetime:
    """Return the UTC moment of `at` o'clock on `day` in `zone`.

    A time that a daylight-saving change skips moves forward by the length of the gap; one that
    comes twice is its first occurrence (PEP 495, fold=0).
    """
    return datetime.combine(day, at, ZoneInfo(zone)).astimezone(UTC)
