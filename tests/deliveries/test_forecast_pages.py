"""The page of what goes out: a month, a list, filters in the address, and why on each line."""

from datetime import date

import pytest
import time_machine

from service.departures.actions import departures
from service.departures.actions.departures import Facts
from service.extensions import db
from service.models import Role
from tests import builders

NOW = "2026-11-02T12:00:00Z"


@pytest.fixture
def page(client, session):
    """A browser in which somebody who only looks is logged in."""
    builders.a_company(language="en")
    with time_machine.travel(NOW, tick=False):
        yield builders.logged_in(client, builders.a_member(role=Role.viewer, language="en"))


@pytest.fixture
def departure(page):
    """A departure that ends on 20 November."""
    contact = builders.a_contact(name="Ana", client=builders.a_client(name="Bodegas <b>Ruy</b>"))
    found = departures.record(contact, Facts(service="SEO", end_on=date(2026, 11, 20)))
    db.session.commit()
    return found


def test_an_empty_page_says_what_will_be_here(page):
    assert "Nothing is to go yet" in page.get("/future").text


def test_the_list_says_to_whom_what_when_and_why(page, departure):
    shown = page.get("/future").text

    assert "Bodegas &lt;b&gt;Ruy&lt;/b&gt;" in shown
    assert f"/departures/{departure.public_id}#timeline" in shown
    assert "6 mails" in shown
    assert "if nobody answers before" in shown
    assert "Counts from the end date, Nov 20, 2026." in shown


def test_a_day_of_the_month_leads_to_its_mails(page, departure):
    shown = page.get("/future").text
    assert "/future?day=2026-11-21" in shown

    of_the_day = page.get("/future?day=2026-11-21").text
    assert "1 mail ·" in of_the_day.replace("\n", "")
    assert "Door-open contact</strong>" not in of_the_day


def test_another_month_can_be_shown(page, departure):
    shown = page.get("/future?month=2027-05").text
    assert "/future?month=2027-05&amp;day=2027-05-20" in shown


def test_filters_narrow_the_list(page, departure):
    assert "2 mails" in page.get("/future?kind=door_open").text
    assert "Nothing fits" in page.get("/future?going=no").text
    assert "Nothing fits" in page.get("/future?q=Otra").text
    assert "6 mails" in page.get("/future?q=bodegas").text
    assert "Nothing fits" in page.get("/future?responsible=nobody").text


@pytest.mark.parametrize("odd", ["day=mañana", "month=2031-99", "page=-3", "kind=x", "going=x"])
def test_an_address_that_makes_no_sense_is_as_if_it_said_nothing(page, departure, odd):
    assert "6 mails" in page.get(f"/future?{odd}").text
