"""The list of departures in the browser: what it shows stands in the address."""

import pytest

from service.extensions import db
from service.models import Role
from service.paging import PER_PAGE
from tests import builders


@pytest.fixture
def page(client, session):
    """A browser in which a viewer is logged in."""
    builders.a_company(language="en")
    return builders.logged_in(client, builders.a_member(role=Role.viewer, language="en"))


def test_a_new_house_is_told_what_will_be_here(page):
    assert "No departures yet" in page.get("/departures").text


def test_a_search_that_finds_nothing_says_so_and_keeps_what_was_typed(page):
    builders.a_departure()
    db.session.commit()
    shown = page.get("/departures", query_string={"q": '"><script>nobody'}).text

    assert "Nothing fits" in shown
    assert "&gt;&lt;script&gt;nobody" in shown


def test_turning_pages_and_sorting_keep_the_filters(page):
    contact = builders.a_contact()
    for _number in range(PER_PAGE + 1):
        builders.a_departure(contact=contact, service="SEO")
    db.session.commit()
    shown = page.get("/departures?service=SEO&state=open&page=2").text

    assert "/departures?service=SEO&amp;state=open" in shown
    assert "Page 2 of 2" in shown
    assert "sort=client" in shown


@pytest.mark.parametrize(
    "query",
    [
        {"page": "x"},
        {"page": "-1"},
        {"page": "9" * 30},
        {"since": "31/02/2026", "until": "yesterday"},
        {"score": "NaN", "reason": "x", "state": "x", "answered": "x", "sort": "x"},
        {"score": "²"},
        {"q": "\x00%_" + "😀" * 5000, "service": "\x00"},
    ],
)
def test_nonsense_in_the_address_is_as_if_it_were_not_there(page, query):
    builders.a_departure()
    db.session.commit()
    assert page.get("/departures", query_string=query).status_code == 200
    assert page.get("/clients", query_string=query).status_code == 200
    assert page.get("/deliveries", query_string=query).status_code == 200
    assert page.get("/recoveries", query_string=query).status_code == 200


def test_sample_data_is_marked(page):
    builders.a_departure(contact=builders.a_contact(client=builders.a_client(is_sample=True)))
    db.session.commit()
    assert "sample" in page.get("/departures").text
