"""Days that come each year: leap days, ends of months, and how many years have passed."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.yearly import in_year, key_of, keys_on, next_on, years_since

DAYS = st.dates(date(1990, 1, 1), date(2100, 12, 31))


@pytest.mark.parametrize(
    ("key", "year", "day"),
    [
        ("02-29", 2027, date(2027, 2, 28)),
        ("02-29", 2028, date(2028, 2, 29)),
        ("02-29", 2100, date(2100, 2, 28)),
        ("02-28", 2028, date(2028, 2, 28)),
        ("12-31", 2027, date(2027, 12, 31)),
    ],
)
def test_a_leap_day_comes_on_the_28th_in_years_without_one(key, year, day):
    assert in_year(key, year) == day


@given(st.dates(date(2024, 1, 1), date(2024, 12, 31)), st.integers(1990, 2100))
def test_every_key_has_its_turn_on_exactly_the_day_that_it_has_in_a_year(start, year):
    day = in_year(key_of(start), year)
    assert key_of(start) in keys_on(day)
    assert all(key_of(start) not in keys_on(other) for other in _beside(day))


@given(DAYS, DAYS)
def test_the_next_day_is_later_and_within_a_year(start, after):
    day = next_on(key_of(start), after)
    assert 0 < (day - after).days <= 366
    assert years_since(start, day) in {0, *range(1, 112)}


def test_years_are_full_years_and_a_leap_day_is_a_year_old_on_the_28th():
    assert years_since(date(2024, 2, 29), date(2025, 2, 27)) == 0
    assert years_since(date(2024, 2, 29), date(2025, 2, 28)) == 1
    assert years_since(date(2024, 2, 29), date(2028, 2, 28)) == 3
    assert years_since(date(2024, 2, 29), date(2028, 2, 29)) == 4
    assert years_since(date(2027, 1, 1), date(2026, 1, 1)) == 0


def _beside(day: date) -> list[date]:
    return [date.fromordinal(day.toordinal() + step) for step in (-2, -1, 1, 2)]
