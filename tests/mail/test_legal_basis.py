"""The one answer to "may we write to this contact, and why?": arithmetic, without a database."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from service.mail.policy.legal_basis import (
    FEWEST_MONTHS,
    MOST_MONTHS,
    PURPOSES,
    last_day,
    midnight,
    oldest_day,
    permission,
    why_not,
)
from service.models import Basis, Client, Company, ConsentPurpose, Contact, SkipReason

NEWS = ConsentPurpose.newsletter
DAYS = st.dates(date(2000, 1, 1), date(2040, 12, 31))
FIRST, LAST = (datetime.combine(day, time()) for day in (date(2000, 1, 1), date(2040, 12, 31)))
MOMENTS = st.datetimes(FIRST, LAST, timezones=st.just(UTC))
MONTHS = st.integers(FEWEST_MONTHS, MOST_MONTHS)


def a_company_row(months: int = 24, zone: str = "Europe/Madrid") -> Company:
    return Company(basis_months=months, time_zone=zone)


def somebody(**more: object) -> Contact:
    """A contact whose client left on 30 June 2024."""
    values = {"keep_in_touch": True, "left_on": date(2024, 6, 30)}
    values |= {purpose.value: True for purpose in PURPOSES}
    return Contact(**{**values, "client": Client(), **more})


def noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def test_a_client_is_written_to_because_of_the_contract_and_without_an_end():
    ana = somebody(left_on=None, client=Client(started_on=date(2015, 1, 1)))
    found = permission(ana, NEWS, a_company_row(), noon(date(2040, 1, 1)))
    assert (found.basis, found.since, found.until) == (Basis.contract, date(2015, 1, 1), None)
    assert found.is_given


def test_a_former_client_is_written_to_until_the_time_is_over():
    found = permission(somebody(), NEWS, a_company_row(), noon(date(2025, 1, 1)))
    assert (found.basis, found.until) == (Basis.legitimate_interest, date(2026, 6, 30))
    assert why_not(somebody(), NEWS, a_company_row(), noon(date(2026, 6, 30))) is None
    ended = why_not(somebody(), NEWS, a_company_row(), noon(date(2026, 7, 1)))
    assert ended is SkipReason.basis_ended


@pytest.mark.parametrize(
    ("left_on", "months", "last"),
    [
        (date(2024, 2, 29), 24, date(2026, 2, 28)),
        (date(2024, 2, 29), 48, date(2028, 2, 29)),
        (date(2026, 8, 31), 6, date(2027, 2, 28)),
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2026, 2, 28), 1, date(2026, 3, 28)),
    ],
)
def test_months_end_where_the_calendar_ends(left_on, months, last):
    assert last_day(somebody(left_on=left_on), a_company_row(months)) == last


def test_the_day_is_the_one_of_the_provider():
    """At half past eleven at night in Madrid it is the day before in UTC, in summer by two."""
    ana = somebody()
    moment = datetime(2026, 6, 30, 22, 30, tzinfo=UTC)
    assert why_not(ana, NEWS, a_company_row(), moment) is SkipReason.basis_ended
    assert why_not(ana, NEWS, a_company_row(zone="America/Bogota"), moment) is None


def test_a_yes_to_one_purpose_goes_on_and_says_nothing_of_the_others():
    ana = somebody(greetings_consent_at=noon(date(2024, 7, 1)))
    later = noon(date(2039, 1, 1))
    found = permission(ana, ConsentPurpose.greetings, a_company_row(), later)
    assert (found.basis, found.until, found.is_given) == (Basis.consent, None, True)
    assert why_not(ana, NEWS, a_company_row(), later) is SkipReason.basis_ended


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_no_stands_above_every_basis(purpose):
    yes = {f"{purpose}_consent_at": noon(date(2024, 7, 1))}
    soon = noon(date(2024, 7, 2))
    refused = somebody(**{purpose.value: False}, **yes)
    assert why_not(refused, purpose, a_company_row(), soon) is SkipReason.no_consent
    unwanted = somebody(keep_in_touch=False, left_on=None, **yes)
    assert why_not(unwanted, purpose, a_company_row(), soon) is SkipReason.keep_in_touch_off


@settings(max_examples=200)
@given(DAYS, st.none() | MOMENTS, MONTHS, MOMENTS, st.lists(st.integers(0, 900), max_size=5))
def test_once_ended_it_stays_ended_until_a_sign_of_life_or_a_yes(
    left_on, interacted_at, months, moment, pauses
):
    ana, company = somebody(left_on=left_on, interacted_at=interacted_at), a_company_row(months)
    has_ended = False
    for days in pauses:
        moment += timedelta(days=days)
        ended = why_not(ana, NEWS, company, moment) is SkipReason.basis_ended
        assert ended or not has_ended, "it came back by itself"
        has_ended = ended
    ana.interacted_at = moment
    assert why_not(ana, NEWS, company, moment) is None
    ana.interacted_at, ana.newsletter_consent_at = interacted_at, moment
    assert why_not(ana, NEWS, company, moment + timedelta(days=10_000)) is None


@settings(max_examples=300)
@given(DAYS, DAYS, MONTHS)
@example(date(2026, 2, 28), date(2026, 3, 31), 1)
@example(date(2024, 2, 29), date(2026, 2, 28), 24)
def test_the_oldest_day_read_backwards_says_the_same_as_the_last_day(left_on, today, months):
    """The database compares with the one, the gate with the other."""
    holds = why_not(somebody(left_on=left_on), NEWS, a_company_row(months), noon(today)) is None
    assert holds == (left_on >= oldest_day(today, months))


@given(MOMENTS, DAYS, MONTHS, st.sampled_from(["Europe/Madrid", "Pacific/Auckland"]))
def test_moments_are_compared_by_the_providers_midnight(moment, today, months, zone):
    company = a_company_row(months, zone)
    ana = somebody(left_on=date(1990, 1, 1), interacted_at=moment)
    end = last_day(ana, company)
    oldest = midnight(oldest_day(today, months), company.zone)
    assert (end is not None and end >= today) == (moment >= oldest)
