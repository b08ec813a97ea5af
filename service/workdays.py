"""Working days, Monday to Friday: when something that waits for a person is late. Pure.

Holidays differ from town to town and are not known here, so they count as working days.
"""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from service.clock import local_moment

SATURDAY = 5


def is_working(day: date) -> bool:
    """Return whether `day` is a working day."""
    return day.weekday() < SATURDAY


def after(day: date, count: int) -> date:
    """Return the day that is `count` working days after `day`."""
    while count:
        day += timedelta(days=1)
        count -= is_working(day)
    return day


def late_at(since: datetime, zone: str, count: int = 1) -> datetime:
    """Return the moment (UTC) at which `count` working days have passed `since`.

    From Tuesday 15:00 that is Wednesday 15:00; what came on a Saturday waits from Monday on.
    """
    local = since.astimezone(ZoneInfo(zone))
    day, at = local.date(), local.time()
    if not is_working(day):
        day, at = after(day, 1), time()
    return local_moment(after(day, count), at, zone)
