"""Whose basis is about to end: the database counts the same days as the gate."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select

from service.clients import queries as clients
from service.mail.policy.legal_basis import last_day
from service.models import Contact
from tests import builders

TODAY = date(2028, 2, 29)
NOW = datetime(2028, 2, 29, 12, tzinfo=UTC)
DAYS = [TODAY + timedelta(days=days) for days in (-2, -1, 0, 1, 2, 30, 58, 59, 60, 61, 62, 90)]


@pytest.mark.parametrize("months", [1, 6, 24])
def test_those_are_listed_whose_last_day_comes_within_sixty_days(session, months):
    company = builders.a_company(basis_months=months)
    client = builders.a_client()
    for day in DAYS:
        around = day - timedelta(days=round(months * 30.44))
        for shift in range(-3, 4):
            builders.a_contact(client=client, left_on=around + timedelta(days=shift))
        heard = datetime.combine(around, datetime.min.time(), UTC)
        builders.a_contact(client=client, left_on=date(2010, 1, 1), interacted_at=heard)

    found = set(session.scalars(select(Contact).where(clients.basis_is_ending(company, NOW))))

    for contact in client.contacts:
        is_near = TODAY <= last_day(contact, company) <= TODAY + clients.SOON
        assert (contact in found) is is_near, (contact.left_on, last_day(contact, company))


@pytest.fixture
def ending(session):
    """A former client whose basis ends in a month, and the company."""
    company = builders.a_company()
    return builders.a_contact(left_on=TODAY - timedelta(days=700)), company


@pytest.mark.parametrize(
    "more",
    [
        {"left_on": None},
        {"keep_in_touch": False},
        {"newsletter": False, "greetings": False, "check_ins": False},
        {f"{name}_consent_at": NOW for name in ("newsletter", "greetings", "check_ins")},
        {"interacted_at": NOW},
    ],
    ids=["client", "unwanted", "refused", "agreed", "heard of"],
)
def test_nobody_is_listed_to_whom_the_end_makes_no_difference(ending, more):
    contact, company = ending
    assert clients.count_ending_bases(company, NOW) == 1
    for name, value in more.items():
        setattr(contact, name, value)
    assert clients.count_ending_bases(company, NOW) == 0


def test_sample_data_is_not_counted(ending):
    contact, company = ending
    contact.client.is_sample = True
    assert clients.count_ending_bases(company, NOW) == 0
