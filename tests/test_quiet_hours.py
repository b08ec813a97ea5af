"""Quiet hours in every zone, over midnight and over daylight-saving changes."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.quiet_hours import QuietHours

NIGHT = QuietHours(time(21), time(8))
SIESTA = QuietHours(time(14), time(16, 30))
MADRID = "Europe/Madrid"
ZONES = ["Etc/GMT+12", "America/St_Johns", "UTC", MADRID, "Asia/Kathmandu", "Pacific/Kiritimati"]


def madrid(text: str, fold: int = 0) -> datetime:
    """The moment, in UTC, at which the clocks in Madrid show this."""
    shown = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(MADRID), fold=fold)
    return shown.astimezone(UTC)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(
    ("hours", "at", "over_at"),
    [
        (NIGHT, "2026-11-25T20:59", "2026-11-25T20:59"),
        (NIGHT, "2026-11-25T21:00", "2026-11-26T08:00"),
        (NIGHT, "2026-11-26T00:00", "2026-11-26T08:00"),
        (NIGHT, "2026-11-26T07:59", "2026-11-26T08:00"),
        (NIGHT, "2026-11-26T08:00", "2026-11-26T08:00"),
        (SIESTA, "2026-11-25T13:59", "2026-11-25T13:59"),
        (SIESTA, "2026-11-25T14:00", "2026-11-25T16:30"),
        (SIESTA, "2026-11-25T16:30", "2026-11-25T16:30"),
        (SIESTA, "2026-12-31T23:59", "2026-12-31T23:59"),
        (NIGHT, "2026-12-31T23:59", "2027-01-01T08:00"),
    ],
)
def test_quiet_hours_are_those_of_the_clock_on_the_wall(zone, hours, at, over_at):
    here = ZoneInfo(zone)
    expected = datetime.fromisoformat(over_at).replace(tzinfo=here)
    assert hours.over_at(datetime.fromisoformat(at).replace(tzinfo=here), zone) == expected


@pytest.mark.parametrize("hour", range(-12, 15))
def test_the_same_moment_is_quiet_in_some_zones_and_not_in_others(hour):
    zone = f"Etc/GMT{-hour:+d}"  # the signs of these names are the other way round
    noon = datetime(2026, 11, 25, 12, tzinfo=UTC)
    there = noon.astimezone(ZoneInfo(zone))
    assert there.utcoffset() == timedelta(hours=hour)
    assert (NIGHT.over_at(noon, zone) > noon) is (there.hour >= 21 or there.hour < 8)


@pytest.mark.parametrize("hours", [QuietHours(), QuietHours(time(8), time(8))])
def test_without_times_or_with_twice_the_same_nothing_is_quiet(hours):
    at = madrid("2026-11-25T08:00")
    assert hours.over_at(at, MADRID) is at


@pytest.mark.parametrize(
    ("at", "hours_of_quiet"),
    [("2026-03-28T21:00", 10), ("2026-03-29T21:00", 11), ("2026-10-24T21:00", 12)],
)
def test_a_night_is_as_long_as_the_clocks_make_it(at, hours_of_quiet):
    over_at = NIGHT.over_at(madrid(at), MADRID)
    assert over_at.astimezone(ZoneInfo(MADRID)).time() == time(8)
    assert over_at - madrid(at) == timedelta(hours=hours_of_quiet)


def test_an_end_that_the_clocks_skip_is_an_hour_later_on_the_wall():
    hours = QuietHours(time(22), time(2, 30))
    assert hours.over_at(madrid("2026-03-29T01:00"), MADRID) == madrid("2026-03-29T03:30")
    assert hours.over_at(madrid("2026-03-29T03:10"), MADRID) == madrid("2026-03-29T03:30")


def test_an_end_that_comes_twice_is_its_first_time():
    hours = QuietHours(time(22), time(2, 30))
    assert hours.over_at(madrid("2026-10-25T02:15"), MADRID) == madrid("2026-10-25T02:30")
    again = madrid("2026-10-25T02:15", fold=1)
    assert hours.over_at(again, MADRID) == again


@settings(deadline=None)
@given(
    hour=st.integers(0, 365 * 24),
    minute=st.integers(0, 59),
    start=st.times(),
    until=st.times(),
    zone=st.sampled_from([*ZONES, "America/Santiago", "Africa/Cairo", "Australia/Lord_Howe"]),
)
def test_where_quiet_ends_it_is_quiet_no_more_and_nobody_waits_for_more_than_two_days(
    hour, minute, start, until, zone
):
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hour, minutes=minute)
    hours = QuietHours(start, until)
    over_at = hours.over_at(at, zone)
    assert hours.over_at(over_at, zone) == over_at
    assert timedelta(0) <= over_at - at <= timedelta(hours=49)
