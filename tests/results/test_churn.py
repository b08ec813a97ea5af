"""Churn counts each client once, and is unknown where there were none."""

from datetime import date

import pytest

from service.models import Stage
from service.results.queries.churn import churn
from tests.builders import a_client, a_contact, a_departure

JAN, FEB, MAR = date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1)


def clients(count, started_on=date(2025, 6, 1)):
    return [a_client(started_on=started_on) for _ in range(count)]


def leave(client, end_on, **more):
    return a_departure(contact=a_contact(client=client), end_on=end_on, **more)


def test_two_of_twelve_is_16_67_percent(session):
    some = clients(12)
    leave(some[0], date(2026, 1, 1))
    leave(some[1], date(2026, 1, 31), is_history=True)
    january, february = churn(JAN, FEB)
    assert (january.at_start, january.left) == (12, 2)
    assert january.rate == pytest.approx(16.67, abs=0.005)
    assert (february.at_start, february.left, february.rate) == (10, 0, 0)


def test_it_is_unknown_without_clients_at_the_start(session):
    clients(3, started_on=date(2026, 1, 5))
    january, february = churn(JAN, FEB)
    assert january.rate is None
    assert february.at_start == 3


def test_a_client_that_ends_two_services_leaves_once(session):
    client = clients(2)[0]
    leave(client, date(2026, 1, 10), service="SEO")
    leave(client, date(2026, 2, 10), service="Diseño web")
    january, february = churn(JAN, FEB)
    assert (january.left, february.left, february.at_start) == (1, 0, 1)


def test_who_stayed_after_all_did_not_leave(session):
    leave(clients(2)[0], date(2026, 1, 10), stage=Stage.retained)
    january, february = churn(JAN, FEB)
    assert (january.left, february.at_start) == (0, 2)


def test_who_came_back_left_and_is_a_client_again(session):
    leave(clients(2)[0], date(2026, 1, 10), stage=Stage.returned)
    january, february = churn(JAN, FEB)
    assert (january.left, february.at_start) == (1, 2)


def test_who_left_before_the_months_shown_is_no_client_in_them(session):
    leave(clients(3)[0], date(2025, 8, 10))
    assert churn(JAN, JAN)[0].at_start == 2


def test_a_client_without_a_start_date_was_there_before(session):
    a_client(started_on=None)
    assert churn(JAN, JAN)[0].at_start == 1


def test_one_service_can_be_looked_at_alone(session):
    leave(a_client(service="SEO"), date(2026, 1, 10))
    leave(a_client(service="Diseño web"), date(2026, 1, 10), service="Diseño web")
    assert churn(JAN, JAN, "SEO")[0].left == 1
