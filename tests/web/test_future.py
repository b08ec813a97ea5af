"""The page of what will go out: a month at a time, with why, and equal to what the clock says."""

from datetime import date, datetime

import pytest
import time_machine

from service import ticking
from service.actions import departures, protocols
from service.actions.departures import Facts
from service.extensions import db
from service.mail import suppressions
from service.models import Departure, MailState, OutboxMessage, SuppressionReason
from service.reports import future
from tests.builders import a_client, a_company, a_contact, a_provider, logged_in

NOW = "2026-11-02T12:00:00Z"


@pytest.fixture
def marta(client):
    """Marta, logged in; one client's departure is recorded on 2 November."""
    a_company(language="en")
    marta = a_provider()
    with time_machine.travel(NOW, tick=False):
        ruy = a_client(name="Bodegas Ruy")
        contact = a_contact(client=ruy, name="Ana", email="ana@ruy.example")
        facts = Facts(service="SEO", end_on=date(2026, 11, 20), responsible=marta)
        departures.record(contact, facts)
        logged_in(client, marta)
    return marta


def page(client, **query: str) -> str:
    with time_machine.travel(NOW, tick=False):
        return client.get("/future", query_string=query).text


def test_each_month_shows_its_mails_with_their_day_and_why(client, marta):
    november = page(client)

    for words in ("Thank-you", "Survey", "Second survey reminder", "1 day after the end date"):
        assert words in november
    assert 'id="day-2026-11-21"' in november
    assert 'id="day-2026-12-20"' not in november
    assert 'id="day-2027-05-20"' in page(client, month="2027-05")


def test_a_mail_that_will_not_go_says_why_and_can_be_left_out(client, marta):
    suppressions.add("ana@ruy.example", SuppressionReason.unsubscribed)
    db.session.commit()

    assert "will not go" in page(client)
    assert 'id="day-2026-11-21"' not in page(client, show="going")


@pytest.mark.parametrize(
    ("query", "is_there"),
    [
        ({"q": "ruy"}, True),
        ({"q": "ana"}, True),
        ({"q": "nobody"}, False),
        ({"kind": "survey_invitation"}, True),
        ({"kind": "testimonial_request"}, False),
        ({"whose": "mine"}, True),
        ({"month": "nonsense", "kind": "nonsense", "page": "-1"}, True),
    ],
)
def test_it_can_be_narrowed(client, marta, query, is_there):
    assert ('id="day-2026-11-21"' in page(client, **query)) is is_there


def test_an_empty_month_says_what_will_be_here(client, marta):
    assert "Nothing goes out in this month" in page(client, month="2027-02")


def test_a_stopped_farewell_is_not_foretold(client, marta):
    departure = db.session.query(Departure).one()
    protocols.stop(departure, marta)
    db.session.commit()
    assert "Nothing goes out in this month" in page(client)


def test_the_page_and_the_clock_say_the_same(client, marta):
    """Whatever the page foretells, a clock that ticks at each of those moments then writes."""
    with time_machine.travel(NOW, tick=False):
        foretold = [(it.at, it.step.name, it.reason) for it in future.look(future.Query()).mails]
    happened = []
    for at, _name, _reason in foretold:
        with time_machine.travel(at, tick=False):
            ticking.tick()
            for mail in db.session.query(OutboxMessage).filter_by(state=MailState.queued):
                mail.state, mail.ended_at = MailState.sent, at
            db.session.commit()
    for mail in db.session.query(OutboxMessage).order_by(OutboxMessage.due_at):
        happened.append((mail.due_at, mail.step, mail.skip_reason))

    assert happened == foretold
    assert [name for _at, name, _reason in foretold][-1] == "door_open-6m"
    assert datetime.fromisoformat(NOW) < foretold[0][0]
    assert {reason for *_, reason in foretold} == {None}
