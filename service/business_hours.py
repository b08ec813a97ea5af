"""Business hours: the days and local times at which a mail may reach its reader. Pure.

The days are those of the company, its public holidays left out; the time of day is the reader's.
Also working days: when something that waits for a person is late.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from service import public_holidays
from service.clock import local_moment

A_DAY = timedelta(days=1)
LONGEST_REST = 60  # days without one on which a mail may go; then the calendar is not believed


@dataclass(frozen=True, slots=True)
class BusinessHours:
    """From `start` to `until` on each of `days` (0 is Monday) that is no public holiday.

    Without an `until` after `start` a day has no end: mails go at any hour of it. Without a day
    each is one. So nothing waits for ever.
    """

    days: frozenset[int] = frozenset(range(5))
    start: time = time(9)
    until: time = time(19)
    country: str = ""
    region: str = ""

    def is_working(self, day: date) -> bool:
        """Return whether `day` is a working day."""
        if self.days and day.weekday() not in self.days:
            return False
        return day not in public_holidays.in_year(self.country, self.region, day.year)

    def next_working(self, day: date) -> date:
        """Return `day`, or the first working day after it."""
        ahead = (day + A_DAY * more for more in range(LONGEST_REST))
        return next((each for each in ahead if self.is_working(each)), day)

    def last_working(self, day: date) -> date:
        """Return `day`, or the last working day before it."""
        back = (day - A_DAY * less for less in range(LONGEST_REST))
        return next((each for each in back if self.is_working(each)), day)

    def working_days_after(self, day: date, count: int) -> date:
        """Return the day that is `count` working days after `day`."""
        for _each in range(count):
            day = self.next_working(day + A_DAY)
        return day

    def late_at(self, since: datetime, zone: str, count: int = 1) -> datetime:
        """Return the moment (UTC) at which `count` working days have passed `since`.

        From Tuesday 15:00 that is Wednesday 15:00; what came on a Saturday waits from Monday on.
        """
        local = since.astimezone(ZoneInfo(zone))
        day, at = local.date(), local.time()
        if not self.is_working(day):
            day, at = self.next_working(day), time()
        return local_moment(self.working_days_after(day, count), at, zone)

    def permitted_at(
        self,
        at: datetime,
        zone: str,
        taken: Collection[date] = frozenset(),
        own: time | None = None,
    ) -> datetime:
        """Return the first moment from `at` on (UTC) at which a mail may arrive in `zone`.

        Mostly it is `at`. On the days `taken` (the reader's) no other mail is to come: then it is
        the mail's `own` time of day (that of `at`, without one) on the next working day that is
        free, or when its hours begin.
        """
        own = at.astimezone(ZoneInfo(zone)).time() if own is None else own
        found = self._first_from(at, zone)
        while (day := found.astimezone(ZoneInfo(zone)).date()) in taken:
            found = self._first_from(local_moment(day + A_DAY, own, zone), zone)
        return found

    def _first_from(self, at: datetime, zone: str) -> datetime:
        day = at.astimezone(ZoneInfo(zone)).date()
        if self._holds(at, day, zone):
            return at
        if at >= local_moment(day, self._begins, zone):
            day += A_DAY
        return max(at, local_moment(self.next_working(day), self._begins, zone))

    def time_within(self, at: time) -> time:
        """Return the time of day `at`, or the beginning of the hours when it is outside them."""
        return at if self._is_endless or self.start <= at < self.until else self.start

    @property
    def _is_endless(self) -> bool:
        return self.until <= self.start

    @property
    def _begins(self) -> time:
        return time() if self._is_endless else self.start

    def _holds(self, at: datetime, day: date, zone: str) -> bool:
        if not self.is_working(day) or self._is_endless:
            return self.is_working(day)
        return local_moment(day, self.start, zone) <= at < local_moment(day, self.until, zone)


AT_ANY_HOUR = BusinessHours(frozenset(range(7)), time(), time())
