"""Quiet hours: the local times of day at which no mail that can wait should reach anybody.

Pure: a moment comes in, the moment from which it is no longer quiet goes out.
"""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from service.clock import local_moment


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From one local time to another, over midnight when the second is the earlier one.

    Without times, or with twice the same, no hour is quiet.
    """

    start: time | None = None
    until: time | None = None

    def over_at(self, at: datetime, zone: str) -> datetime:
        """Return the first moment from `at` on (UTC) that is not quiet in `zone`; mostly `at`."""
        if self.start is None or self.until is None or self.start == self.until:
            return at
        nights = timedelta(days=1 if self.until < self.start else 0)
        today = at.astimezone(ZoneInfo(zone)).date()
        for days in (-1, 0, 1):  # the one that began yesterday, and one that follows without a gap
            day = today + timedelta(days=days)
            begins = local_moment(day, self.start, zone)
            ends = local_moment(day + nights, self.until, zone)
            if begins <= at < ends:
                at = ends
        return at
