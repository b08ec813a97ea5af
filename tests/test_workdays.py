"""Working days: what waits over a weekend is late on Monday, not before."""

from datetime import UTC, date, datetime

import pytest

from service.workdays import after, late_at

MADRID = "Europe/Madrid"


@pytest.mark.parametrize(
    ("day", "count", "then"),
    [
        (date(2026, 11, 24), 1, date(2026, 11, 25)),  # a Tuesday
        (date(2026, 11, 27), 1, date(2026, 11, 30)),  # a Friday
        (date(2026, 11, 27), 2, date(2026, 12, 1)),
        (date(2026, 11, 28), 1, date(2026, 11, 30)),
        (date(2026, 11, 29), 2, date(2026, 12, 1)),
        (date(2026, 11, 28), 0, date(2026, 11, 28)),
    ],
)
def test_days_after_leave_weekends_out(day, count, then):
    assert after(day, count) == then


@pytest.mark.parametrize(
    ("since", "late"),
    [
        (datetime(2026, 11, 24, 14, tzinfo=UTC), datetime(2026, 11, 25, 14, tzinfo=UTC)),
        (datetime(2026, 11, 27, 14, tzinfo=UTC), datetime(2026, 11, 30, 14, tzinfo=UTC)),
        # A Saturday's waits from Monday 0:00 in Madrid, for one whole day
        (datetime(2026, 11, 28, 10, tzinfo=UTC), datetime(2026, 11, 30, 23, tzinfo=UTC)),
        # Sunday 23:30 in UTC is already Monday in Madrid
        (datetime(2026, 11, 29, 23, 30, tzinfo=UTC), datetime(2026, 11, 30, 23, 30, tzinfo=UTC)),
        # Friday to Monday over both changes of the clock: the same time on the wall
        (datetime(2026, 3, 27, 9, tzinfo=UTC), datetime(2026, 3, 30, 8, tzinfo=UTC)),
        (datetime(2026, 10, 23, 8, tzinfo=UTC), datetime(2026, 10, 26, 9, tzinfo=UTC)),
    ],
)
def test_what_waits_is_late_after_a_working_day_of_the_company(since, late):
    assert late_at(since, MADRID) == late
