"""Who would like to talk: planned, held, declined, and taken back; late after a working day."""

from datetime import UTC, datetime

import pytest
import time_machine
from sqlalchemy import select

from service.extensions import db
from service.models import Channel, Event, EventKind, Role, TalkRequest, TalkRequestState
from tests import builders
from tests.pages import send

WEDNESDAY = "2026-11-25T10:00:00Z"


@pytest.fixture(autouse=True)
def day():
    with time_machine.travel(WEDNESDAY):
        yield


@pytest.fixture
def page(client, session):
    """A browser in which a member of the team is logged in."""
    builders.a_company(language="en")
    return builders.logged_in(client, builders.a_member(role=Role.member, language="en"))


@pytest.fixture
def row(page) -> TalkRequest:
    """Somebody who asked to talk."""
    made = builders.a_talk_request(
        departure=builders.a_departure(), channel=Channel.video, message="<b>Hola</b>"
    )
    db.session.commit()
    return made


def path(row: TalkRequest, verb: str = "") -> str:
    return f"/conversations/{row.public_id}{verb}"


def press(page, row, verb, **data):
    answer = send(page, path(row, verb), {"version": row.version, **data}, page=path(row))
    db.session.refresh(row)
    return answer


def events():
    return [event.kind for event in db.session.scalars(select(Event).order_by(Event.id))]


def test_the_departure_shows_what_they_say_and_what_can_be_done(page, row):
    shown = page.get(f"/departures/{row.departure.public_id}").text
    assert "&lt;b&gt;Hola&lt;/b&gt;" in shown
    assert "By video call" in shown
    assert path(row, "/plan") in shown
    assert path(row, "/held") in shown


def test_a_plan_is_a_time_of_the_companys_zone(page, row):
    press(page, row, "/plan", day="2026-11-26", hour="17:30")
    assert row.planned_at == datetime(2026, 11, 26, 16, 30, tzinfo=UTC)
    assert row.state is TalkRequestState.planned
    assert events() == [EventKind.talk_planned]
    assert "Thursday, November 26, 2026, 17:30" in page.get(path(row)).text


@pytest.mark.parametrize(
    ("day", "hour", "at"),
    [
        ("2027-03-28", "02:30", datetime(2027, 3, 28, 1, 30, tzinfo=UTC)),  # is skipped
        ("2027-10-31", "02:30", datetime(2027, 10, 31, 0, 30, tzinfo=UTC)),  # comes twice
    ],
)
def test_a_plan_in_the_hour_of_a_clock_change_is_a_moment(page, row, day, hour, at):
    press(page, row, "/plan", day=day, hour=hour)
    assert row.planned_at == at


@pytest.mark.parametrize(
    "wrong",
    [
        {"day": "2026-11-26"},
        {"hour": "10:00"},
        {"day": "31/02/2027", "hour": "10:00"},
        {"day": "2026-11-26", "hour": "25:00"},
        {"day": "2026-11-24", "hour": "10:00"},  # it has passed
    ],
)
def test_a_plan_needs_a_moment_to_come(page, row, wrong):
    answer = press(page, row, "/plan", **wrong)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert row.state is TalkRequestState.open


def test_a_talk_is_held_with_a_note_and_can_be_opened_again(page, row):
    press(page, row, "/held", note="They miss us.")
    assert (row.state, row.note) == (TalkRequestState.held, "They miss us.")
    assert "They miss us." in page.get("/conversations?state=over").text
    press(page, row, "/reopen")
    assert (row.state, row.note) == (TalkRequestState.open, "They miss us.")
    assert events() == [EventKind.talk_held, EventKind.talk_reopened]


def test_declining_drops_the_plan(page, row):
    press(page, row, "/plan", day="2026-11-26", hour="10:00")
    press(page, row, "/decline", note="They found somebody.")
    assert (row.state, row.planned_at) == (TalkRequestState.declined, None)


def test_a_plan_can_be_taken_back(page, row):
    press(page, row, "/plan", day="2026-11-26", hour="10:00")
    press(page, row, "/reopen")
    assert (row.state, row.planned_at) == (TalkRequestState.open, None)


def test_of_two_who_decide_the_second_is_told_and_keeps_the_words(page, row):
    seen = row.version
    press(page, row, "/held", note="I called.")
    row_page = path(row)
    answer = send(page, path(row, "/decline"), {"version": seen, "note": "Too late"}, page=row_page)
    assert answer.status_code == 409
    assert "Too late" in answer.text
    db.session.refresh(row)
    assert (row.state, row.note) == (TalkRequestState.held, "I called.")


@pytest.mark.parametrize("version", ["", "x", "-1", "9" * 30, "²"])
def test_a_version_that_is_none_changes_nothing(page, row, version):
    answer = press(page, row, "/held", version=version)
    assert answer.status_code == 409
    assert row.state is TalkRequestState.open


def test_it_stands_on_the_first_page_and_is_late_after_a_working_day(page, row):
    row.asked_at = datetime(2026, 11, 24, 11, tzinfo=UTC)
    db.session.commit()
    assert "1 late" not in page.get("/").text
    row.asked_at = datetime(2026, 11, 24, 9, tzinfo=UTC)
    db.session.commit()
    shown = page.get("/").text
    assert "1 late" in shown
    assert path(row) in shown


def test_a_planned_talk_stands_on_the_first_page_on_its_day(page, row):
    row.state, row.planned_at = TalkRequestState.planned, datetime(2026, 11, 26, 9, tzinfo=UTC)
    db.session.commit()
    assert path(row) not in page.get("/").text
    with time_machine.travel("2026-11-26T06:00:00Z"):
        shown = page.get("/").text
        assert path(row) in shown
        assert "1 late" not in shown
    with time_machine.travel("2026-11-26T10:30:00Z"):
        assert "1 late" in page.get("/").text


def test_the_list_shows_the_longest_waiting_first_and_says_when_it_is_empty(page):
    assert "Nobody waits for a talk" in page.get("/conversations").text
    for name, hours in (("Nueva", 9), ("Vieja", 8)):
        builders.a_talk_request(
            contact=builders.a_contact(client=builders.a_client(name=name)),
            asked_at=datetime(2026, 11, 25, hours, tzinfo=UTC),
        )
    shown = page.get("/conversations").text
    assert shown.index("Vieja") < shown.index("Nueva")


def test_of_a_client_without_a_departure_it_leads_to_the_client(page):
    row = builders.a_talk_request()
    db.session.commit()
    press(page, row, "/held", note="x")
    assert f"/clients/{row.contact.client.public_id}" in page.get(path(row)).text


def test_a_departure_of_which_somebody_asked_to_talk_stays(page, row):
    there = f"/departures/{row.departure.public_id}"
    assert f"{there}/delete" not in page.get(there).text


def test_what_nobody_asked_for_is_a_404(page):
    assert page.get("/conversations/nothing").status_code == 404
