"""When a greeting is due: the company's day and hour, in every zone and across clock changes."""

from datetime import UTC, date, datetime, time, timedelta

import pytest

from service.business_hours import AT_ANY_HOUR, BusinessHours
from service.models import Greeting, Occasion
from service.models.greetings import LATE

HOUR = timedelta(hours=1)


def a_greeting(key: str | None, at: time = time(10), done_on: date | None = None) -> Greeting:
    return Greeting(occasion=Occasion.season, day_key=key, at=at, done_on=done_on)


def first_due(greeting: Greeting, zone: str, start: datetime, hours: int = 24 * 5) -> datetime:
    """The first quarter of an hour from `start` on at which the day is due."""
    quarters = (start + timedelta(minutes=15 * number) for number in range(4 * hours))
    return next(moment for moment in quarters if greeting.due_days(moment, zone, AT_ANY_HOUR))


@pytest.mark.parametrize(
    ("zone", "key", "at", "moment"),
    [
        ("Etc/GMT+12", "12-18", time(10), "2026-12-18T22:00"),
        ("Pacific/Marquesas", "12-18", time(10), "2026-12-18T19:30"),
        ("UTC", "12-18", time(10), "2026-12-18T10:00"),
        ("Europe/Madrid", "12-18", time(10), "2026-12-18T09:00"),
        ("Asia/Kathmandu", "12-18", time(10), "2026-12-18T04:15"),
        ("Pacific/Kiritimati", "12-18", time(10), "2026-12-17T20:00"),
        ("Europe/Madrid", "03-28", time(2, 30), "2027-03-28T01:30"),  # an hour that is left out
        ("Europe/Madrid", "10-25", time(2, 30), "2026-10-25T00:30"),  # and one that comes twice
        ("America/New_York", "03-14", time(2, 30), "2027-03-14T07:30"),
        ("America/New_York", "11-01", time(1, 30), "2026-11-01T05:30"),
        ("Europe/Madrid", "02-29", time(10), "2027-02-28T09:00"),
        ("Europe/Madrid", "02-29", time(10), "2028-02-29T09:00"),
        ("Europe/Madrid", "12-31", time(23, 45), "2026-12-31T22:45"),
        ("Europe/Madrid", "01-01", time(0), "2026-12-31T23:00"),
    ],
)
def test_it_is_due_at_its_hour_of_its_day_where_the_company_is(zone, key, at, moment):
    due_at = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    assert first_due(a_greeting(key, at), zone, due_at - timedelta(days=2)) == due_at


def test_what_is_later_than_two_days_is_not_due_any_more():
    greeting, due_at = a_greeting("12-18"), datetime(2026, 12, 18, 9, tzinfo=UTC)
    assert greeting.due_days(due_at + LATE - timedelta(seconds=1), "Europe/Madrid", AT_ANY_HOUR)
    assert not greeting.due_days(due_at + LATE, "Europe/Madrid", AT_ANY_HOUR)


def test_one_whose_day_differs_by_reader_is_due_every_day_once():
    greeting = a_greeting(None, done_on=date(2026, 11, 24))
    at = datetime(2026, 11, 26, 9, tzinfo=UTC)
    assert [day.day for day, _moment in greeting.due_days(at, "Europe/Madrid", AT_ANY_HOUR)] == [
        25,
        26,
    ]
    greeting.done_on = date(2026, 11, 26)
    assert greeting.due_days(at + HOUR, "Europe/Madrid", AT_ANY_HOUR) == []


def test_a_day_noted_by_a_clock_that_ran_ahead_stops_nothing():
    greeting = a_greeting("12-18", done_on=date(2031, 1, 1))
    assert greeting.due_days(datetime(2026, 12, 18, 9, tzinfo=UTC), "Europe/Madrid", AT_ANY_HOUR)


def test_who_switches_it_on_after_its_hour_is_too_late_for_today():
    greeting = a_greeting("12-18")
    before, after = (datetime(2026, 12, 18, hour, tzinfo=UTC) for hour in (8, 9))
    assert greeting.last_passed(before, "Europe/Madrid", AT_ANY_HOUR) == date(2026, 12, 17)
    assert greeting.last_passed(after, "Europe/Madrid", AT_ANY_HOUR) == date(2026, 12, 18)


OFFICE = BusinessHours(country="ES", region="MD")


def at_nine(day: date) -> datetime:
    """When it is ten o'clock in Madrid on a day in winter."""
    return datetime(day.year, day.month, day.day, 9, tzinfo=UTC)


def test_those_of_a_free_day_are_due_on_the_working_day_before_it():
    greeting = a_greeting(None, done_on=date(2026, 12, 3))
    friday = at_nine(date(2026, 12, 4))  # a long weekend follows, until Tuesday
    days = [day.day for day, _moment in greeting.due_days(friday, "Europe/Madrid", OFFICE)]
    assert days == [4, 5, 6, 7, 8]
    assert greeting.due_days(friday - HOUR, "Europe/Madrid", OFFICE) == []


def test_what_went_before_a_free_day_does_not_go_on_it_again():
    greeting = a_greeting(None, done_on=date(2026, 12, 8))
    for day in range(4, 9):
        at = at_nine(date(2026, 12, day)) + HOUR
        assert greeting.due_days(at, "Europe/Madrid", OFFICE) == []
    wednesday = greeting.due_days(at_nine(date(2026, 12, 9)), "Europe/Madrid", OFFICE)
    assert [day.day for day, _moment in wednesday] == [9]


def test_who_switches_it_on_over_a_long_weekend_is_too_late_for_its_days():
    saturday = at_nine(date(2026, 12, 5))
    assert a_greeting(None).last_passed(saturday, "Europe/Madrid", OFFICE) == date(2026, 12, 8)


def test_an_hour_at_night_becomes_the_beginning_of_the_hours():
    greeting = a_greeting("12-18", time(22))
    assert greeting.due_at(date(2026, 12, 18), "Europe/Madrid", OFFICE) == datetime(
        2026, 12, 18, 8, tzinfo=UTC
    )
