"""On which local days and hours something comes again (RFC 5545's rules). Pure.

A rule is counted on the wall's clock and only then becomes a moment, so that nine o'clock stays
nine o'clock across a daylight-saving change.
"""

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from itertools import islice
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr

from service.clock import local_moment

MOST_MISSED = 100  # occurrences that are written down as missed, of a long time out


class Frequency(StrEnum):
    """How often; `once` has no rule."""

    once = "once"
    daily = "daily"
    weekly = "weekly"
    monthly = "monthly"
    yearly = "yearly"


def rule_of(frequency: Frequency, first: datetime) -> str | None:
    """Return the rule of what begins at `first` (local, naive).

    The 31st is the last day of a shorter month, and 29 February the 28th of most years.
    """
    days = ",".join(str(day) for day in range(28, first.day + 1))
    shortened = f";BYMONTHDAY={days};BYSETPOS=-1" if first.day > 28 else ""
    if frequency is Frequency.once:
        return None
    if frequency is Frequency.monthly:
        return "FREQ=MONTHLY" + shortened
    if frequency is Frequency.yearly and (first.month, first.day) == (2, 29):
        return "FREQ=YEARLY;BYMONTH=2" + shortened
    return f"FREQ={frequency.upper()}"


def frequency_of(rule: str | None) -> Frequency:
    """Return how often a rule says."""
    if not rule:
        return Frequency.once
    return Frequency(rule.partition(";")[0].removeprefix("FREQ=").lower())


def occurrences(first: datetime, rule: str | None, zone: str) -> Iterator[datetime]:
    """Yield the moments (UTC) of what begins at `first` (local, naive), without an end."""
    days = rrulestr(rule, dtstart=first) if rule else [first]
    for local in days:
        yield local_moment(local.date(), local.time(), zone)


def upcoming(
    first: datetime, rule: str | None, zone: str, after: datetime, count: int = 1
) -> list[datetime]:
    """Return the next moments later than `after`."""
    if not rule:
        return [moment for moment in occurrences(first, rule, zone) if moment > after]
    since = after.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0)
    # An hour back: of a time that comes twice only the first is meant.
    local = (one for one in rrulestr(rule, dtstart=first).xafter(_earlier(since)))
    moments = (local_moment(one.date(), one.time(), zone) for one in local)
    return list(islice((moment for moment in moments if moment > after), count))


def missed(
    first: datetime, rule: str | None, zone: str, due_at: datetime, at: datetime
) -> list[datetime]:
    """Return the moments after `due_at` that have come by `at`, the last of them at the end."""
    if not rule:
        return []
    found = []
    for moment in upcoming(first, rule, zone, due_at, MOST_MISSED):
        if moment > at:
            break
        found.append(moment)
    return found


def _earlier(local: datetime) -> datetime:
    return local.replace(hour=0, minute=0, second=0, microsecond=0)
