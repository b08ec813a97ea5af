"""Business hours in every zone, over weekends, holidays and changes of the clock; working days."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.business_hours import AT_ANY_HOUR, BusinessHours

OFFICE = BusinessHours()
MADRID = "Europe/Madrid"
IN_MADRID = BusinessHours(country="ES", region="MD")
ZONES = ["Etc/GMT+12", "America/St_Johns", "UTC", MADRID, "Asia/Kathmandu", "Pacific/Kiritimati"]
EVERY_DAY = frozenset(range(7))


def madrid(text: str, fold: int = 0) -> datetime:
    """The moment, in UTC, at which the clocks in Madrid show this."""
    shown = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(MADRID), fold=fold)
    return shown.astimezone(UTC)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(
    ("at", "then"),
    [
        ("2026-11-25T09:00", "2026-11-25T09:00"),  # a Wednesday
        ("2026-11-25T18:59", "2026-11-25T18:59"),
        ("2026-11-25T19:00", "2026-11-26T09:00"),
        ("2026-11-26T02:41", "2026-11-26T09:00"),
        ("2026-11-27T19:00", "2026-11-30T09:00"),  # Friday evening to Monday
        ("2026-11-28T12:00", "2026-11-30T09:00"),
        ("2026-11-29T02:41", "2026-11-30T09:00"),
        ("2026-11-30T08:59", "2026-11-30T09:00"),
        ("2026-12-31T23:59", "2027-01-01T09:00"),  # no country: New Year's Day is a Friday
    ],
)
def test_what_is_due_outside_the_hours_goes_when_they_begin_on_the_wall(zone, at, then):
    here = ZoneInfo(zone)
    expected = datetime.fromisoformat(then).replace(tzinfo=here)
    assert OFFICE.permitted_at(datetime.fromisoformat(at).replace(tzinfo=here), zone) == expected


@pytest.mark.parametrize("hour", range(-12, 15))
def test_the_same_moment_is_permitted_in_some_zones_and_not_in_others(hour):
    zone = f"Etc/GMT{-hour:+d}"  # the signs of these names are the other way round
    noon = datetime(2026, 11, 25, 12, tzinfo=UTC)
    there = noon.astimezone(ZoneInfo(zone))
    assert (OFFICE.permitted_at(noon, zone) == noon) is (9 <= there.hour < 19)


@pytest.mark.parametrize(
    ("at", "then"),
    [
        # Immaculate Conception is a Tuesday, Monday stands in for Constitution Day in Madrid
        ("2026-12-04T23:59", "2026-12-09T09:00"),
        ("2026-05-01T10:00", "2026-05-04T09:00"),  # a Friday; the Saturday is Madrid's own
        ("2026-12-31T20:00", "2027-01-04T09:00"),
    ],
)
def test_public_holidays_of_the_region_are_left_out(at, then):
    assert IN_MADRID.permitted_at(madrid(at), MADRID) == madrid(then)


def test_a_day_that_another_mail_takes_is_left_out():
    friday = madrid("2026-11-27T10:00")
    taken = {date(2026, 11, 27)}
    assert OFFICE.permitted_at(friday, MADRID, taken) == madrid("2026-11-30T09:00")
    taken.add(date(2026, 11, 30))
    assert OFFICE.permitted_at(friday, MADRID, taken) == madrid("2026-12-01T10:00")
    night = madrid("2026-11-27T02:41")
    assert OFFICE.permitted_at(night, MADRID, taken) == madrid("2026-12-01T09:00")


def test_a_contact_in_tokyo_gets_it_by_their_clock():
    at = madrid("2026-11-27T10:30")  # Friday, half past six in the evening in Tokyo
    assert OFFICE.permitted_at(at, "Asia/Tokyo") == at
    late = madrid("2026-11-27T11:30")
    monday = datetime(2026, 11, 30, 9, tzinfo=ZoneInfo("Asia/Tokyo"))
    assert OFFICE.permitted_at(late, "Asia/Tokyo") == monday


@pytest.mark.parametrize(
    "hours", [AT_ANY_HOUR, BusinessHours(EVERY_DAY, time(9), time(9)), BusinessHours(frozenset())]
)
def test_nothing_waits_for_ever(hours):
    at = madrid("2026-11-29T02:41")
    assert hours.permitted_at(at, MADRID) - at < timedelta(days=1)


def test_a_day_without_an_end_is_permitted_at_any_hour():
    at = madrid("2026-11-29T02:41")
    assert AT_ANY_HOUR.permitted_at(at, MADRID) is at


@pytest.mark.parametrize(
    ("at", "hours_to_wait"),
    [("2026-03-28T19:00", 13), ("2026-03-29T19:00", 14), ("2026-10-24T19:00", 15)],
)
def test_a_night_is_as_long_as_the_clocks_make_it(at, hours_to_wait):
    daily = BusinessHours(EVERY_DAY)
    permitted = daily.permitted_at(madrid(at), MADRID)
    assert permitted.astimezone(ZoneInfo(MADRID)).time() == time(9)
    assert permitted - madrid(at) == timedelta(hours=hours_to_wait)


def test_a_beginning_that_the_clocks_skip_is_an_hour_later_on_the_wall():
    early = BusinessHours(EVERY_DAY, time(2, 30), time(22))
    assert early.permitted_at(madrid("2026-03-29T01:00"), MADRID) == madrid("2026-03-29T03:30")


def test_a_beginning_that_comes_twice_is_its_first_time():
    early = BusinessHours(EVERY_DAY, time(2, 30), time(22))
    assert early.permitted_at(madrid("2026-10-25T02:15"), MADRID) == madrid("2026-10-25T02:30")
    again = madrid("2026-10-25T02:15", fold=1)
    assert early.permitted_at(again, MADRID) == again


@settings(deadline=None)
@given(
    hour=st.integers(0, 365 * 24),
    minute=st.integers(0, 59),
    hours=st.builds(
        BusinessHours,
        st.frozensets(st.integers(0, 6)),
        st.times(),
        st.times(),
        st.sampled_from(["", "ES", "JP"]),
    ),
    zone=st.sampled_from([*ZONES, "America/Santiago", "Africa/Cairo", "Australia/Lord_Howe"]),
)
def test_the_first_permitted_moment_is_permitted_and_comes_within_three_weeks(
    hour, minute, hours, zone
):
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hour, minutes=minute)
    permitted = hours.permitted_at(at, zone)
    assert hours.permitted_at(permitted, zone) == permitted
    assert timedelta(0) <= permitted - at <= timedelta(days=21)


@pytest.mark.parametrize(
    ("at", "within"), [(time(8), time(9)), (time(12), time(12)), (time(19), time(9))]
)
def test_a_time_of_day_outside_the_hours_becomes_their_beginning(at, within):
    assert OFFICE.time_within(at) == within


@pytest.mark.parametrize(
    ("day", "count", "then"),
    [
        (date(2026, 11, 24), 1, date(2026, 11, 25)),  # a Tuesday
        (date(2026, 11, 27), 1, date(2026, 11, 30)),  # a Friday
        (date(2026, 11, 27), 2, date(2026, 12, 1)),
        (date(2026, 11, 28), 1, date(2026, 11, 30)),
        (date(2026, 11, 29), 2, date(2026, 12, 1)),
        (date(2026, 11, 28), 0, date(2026, 11, 28)),
        (date(2026, 12, 4), 1, date(2026, 12, 9)),
    ],
)
def test_working_days_after_a_day_leave_weekends_and_holidays_out(day, count, then):
    assert IN_MADRID.working_days_after(day, count) == then


def test_the_working_day_before_a_free_day_is_the_last_one():
    assert IN_MADRID.last_working(date(2026, 12, 8)) == date(2026, 12, 4)
    assert IN_MADRID.last_working(date(2026, 12, 9)) == date(2026, 12, 9)


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
    assert OFFICE.late_at(since, MADRID) == late
