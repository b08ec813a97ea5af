"""One's calendar: what is in the feed, whose it is, and when its address leads nowhere."""

from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from icalendar import Calendar

from service import current
from service.clock import now
from service.extensions import db
from service.mail import links
from service.models import Channel, Recovery, Role, Stage, TalkRequestState
from service.tokens import Purpose
from tests import builders
from tests.pages import send
from tests.results.test_pages import statements

__all__ = ["statements"]  # a fixture

MONDAY = "2026-11-30T09:00:00Z"


@pytest.fixture(autouse=True)
def day():
    with time_machine.travel(MONDAY):
        yield


@pytest.fixture
def me(session):
    builders.a_company(language="en", business_days="01234")
    me = builders.a_member(name="Marta", language="en", role=Role.viewer)
    me.calendar_key = "a-key-of-marta"
    session.commit()
    return me


@pytest.fixture
def feed(client, me):
    """A function that reads the feed as a calendar program does, by its address alone."""

    def read(**headers):
        db.session.commit()
        return client.get(links.calendar(me).removeprefix("http://localhost"), **headers)

    return read


def events(answer):
    calendar = Calendar.from_ical(answer.data)
    return {str(event["UID"]).partition("-")[0]: event for event in calendar.walk("VEVENT")}


def a_departure(**more):
    contact = builders.a_contact(
        client=builders.a_client(name="Bodegas, S.L."), name="Ruy Díaz", phone="600 123 123"
    )
    values = {"end_on": date(2026, 12, 11), "notice_on": date(2026, 11, 1)}
    return builders.a_departure(contact=contact, **{**values, **more})


def test_it_tells_talks_recoveries_and_last_days(feed, me):
    departure = a_departure(responsible=me)
    builders.a_talk_request(
        departure=departure,
        state=TalkRequestState.planned,
        planned_at=datetime(2026, 12, 1, 10, tzinfo=UTC),
        channel=Channel.phone,
        phone="699 999 999",
        message="secreto",
        version=4,
    )
    builders.added(
        Recovery(departure=departure, opened_at=datetime(2026, 11, 27, 12, tzinfo=UTC))
    )  # a Friday: two working days later is Tuesday
    answer = feed()
    found = events(answer)
    assert found["talk"]["SUMMARY"] == "Talk with Ruy, Bodegas, S.L."
    assert found["talk"]["SEQUENCE"] == 4
    assert found["recovery"]["DTSTART"].dt == date(2026, 12, 1)
    assert "two working days" in found["recovery"]["DESCRIPTION"]
    assert found["end"]["DTSTART"].dt == date(2026, 12, 11)
    assert found["recovery"]["URL"] == links.recovery(departure)
    assert found["talk"]["URL"] == found["end"]["URL"] == links.departure(departure)
    for words in ("secreto", "600 123 123", "699 999 999", "Díaz", "@daz.example"):
        assert words not in answer.text.replace("\r\n ", "")


def test_it_tells_the_days_of_conversation_and_handover(feed, me):
    days = {"conversation_on": date(2026, 12, 2), "handover_on": date(2026, 12, 9)}
    a_departure(responsible=me, **days)
    found = events(feed())
    assert found["conversation"]["DTSTART"].dt == days["conversation_on"]
    assert found["handover"]["DTSTART"].dt == days["handover_on"]
    assert str(found["handover"]["SUMMARY"]) == "Handover: Bodegas, S.L."


def test_it_is_a_calendar_that_nobody_else_keeps(feed):
    answer = feed()
    assert answer.status_code == 200
    assert answer.content_type == "text/calendar; charset=utf-8"
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "Set-Cookie" not in answer.headers
    assert feed(headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304


def test_what_changed_has_another_etag_and_the_same_name(feed, me):
    talk = builders.a_talk_request(
        departure=a_departure(responsible=me),
        state=TalkRequestState.planned,
        planned_at=now() + timedelta(days=1),
    )
    before = feed()
    talk.planned_at, talk.version = now() + timedelta(days=2), 2
    after = feed(headers={"If-None-Match": before.headers["ETag"]})
    assert after.status_code == 200
    one, other = events(before)["talk"], events(after)["talk"]
    assert one["UID"] == other["UID"]
    assert one["SEQUENCE"] < other["SEQUENCE"]


@pytest.mark.parametrize("state", [TalkRequestState.open, TalkRequestState.declined])
def test_what_will_not_be_goes_from_the_calendar(feed, me, state):
    talk = builders.a_talk_request(
        departure=a_departure(responsible=me, stage=Stage.returned), state=state
    )
    talk.planned_at = None
    builders.added(Recovery(departure=talk.departure, closed_at=now()))
    assert events(feed()) == {}


@pytest.mark.parametrize("name", ["a\r\nBEGIN:VEVENT", "x;y,z\\", "‮olleh\x07", "<b>ñ😀</b>"])
def test_hostile_names_are_one_line_each(feed, me, name):
    contact = builders.a_contact(client=builders.a_client(name=name), name=name)
    builders.a_departure(contact=contact, responsible=me, end_on=date(2026, 12, 1))
    answer = feed()
    assert answer.data.split(b"\r\n").count(b"BEGIN:VEVENT") == 1
    assert str(events(answer)["end"]["SUMMARY"]).startswith("Last day: ")
    assert b"\x07" not in answer.data


def test_samples_and_history_are_nothing_to_do(feed):
    a_departure(is_history=True)
    departure = a_departure_of_a_sample()
    builders.added(Recovery(departure=departure))
    assert events(feed()) == {}


def a_departure_of_a_sample():
    contact = builders.a_contact(client=builders.a_client(is_sample=True))
    return builders.a_departure(contact=contact, end_on=date(2026, 12, 1))


def test_a_colleagues_things_are_shown_only_when_asked_for(feed, me):
    a = builders.a_member(name="Ana")
    contact = builders.a_contact()
    for responsible in (me, a, None):
        builders.a_departure(contact=contact, responsible=responsible, end_on=date(2026, 12, 9))
    count = len(Calendar.from_ical(feed().data).walk("VEVENT"))
    assert count == 2  # mine and nobody's
    me.calendar_is_teams = True
    assert len(Calendar.from_ical(feed().data).walk("VEVENT")) == 3


def test_it_speaks_the_language_of_its_owner(feed, me):
    a_departure(responsible=me)
    assert str(events(feed())["end"]["SUMMARY"]).startswith("Last day")


def test_a_closed_login_a_closed_calendar_and_an_old_address_show_nothing(feed, client, me):
    old = links.calendar(me).removeprefix("http://localhost")
    me.is_active = False
    assert feed().status_code == 404
    me.is_active, me.calendar_key = True, "another"
    assert feed().status_code == 200
    assert client.get(old).status_code == 404
    me.calendar_key = None
    db.session.commit()
    assert client.get(old).status_code == 404


@pytest.mark.parametrize("purpose", [None, Purpose.talk, Purpose.password])
def test_only_its_own_token_opens_it(client, me, purpose):
    key = me.calendar_key
    token = current.sign(purpose, key) if purpose else current.sign(Purpose.calendar, "")
    assert client.get(f"/calendar/{token}.ics").status_code == 404


def test_the_statements_do_not_grow_with_what_there_is_to_do(feed, me, statements):
    a_departure_with_all(me)
    few = statements(feed)
    for _ in range(10):
        a_departure_with_all(me)
    assert statements(feed) == few <= 10


def a_departure_with_all(me):
    departure = builders.a_departure(responsible=me, end_on=date(2026, 12, 11))
    builders.added(Recovery(departure=departure))
    builders.a_talk_request(
        departure=departure, state=TalkRequestState.planned, planned_at=now() + timedelta(days=1)
    )


@pytest.fixture
def page(client, me):
    """A browser in which Marta is logged in."""
    return builders.logged_in(client, me)


def test_a_calendar_is_made_renewed_and_closed_on_ones_own_page(page, me):
    me.calendar_key = None
    db.session.commit()
    assert ".ics" not in page.get("/profile/calendar").text
    send(page, "/profile/calendar", {"shows": "team"})
    db.session.refresh(me)
    first = me.calendar_key
    assert (first is not None, me.calendar_is_teams) == (True, True)
    shown = page.get("/profile/calendar").text
    assert links.calendar(me) in shown
    assert "webcal://localhost/calendar/" in shown
    send(page, "/profile/calendar", {"shows": "mine"})
    db.session.refresh(me)
    assert (me.calendar_key, me.calendar_is_teams) == (first, False)
    send(page, "/profile/calendar/renew", page="/profile/calendar")
    db.session.refresh(me)
    assert me.calendar_key not in (None, first)
    send(page, "/profile/calendar/close", page="/profile/calendar")
    db.session.refresh(me)
    assert me.calendar_key is None


def test_a_choice_that_is_none_is_refused(page, me):
    assert send(page, "/profile/calendar", {"shows": "x"}).status_code == 422


def test_its_address_is_in_no_log(feed, me, caplog):
    from service.logs import masked

    address = links.calendar(me)
    assert address.rpartition("/")[2] not in masked(f"GET {address} 200")
