"""The panel before an act: which mails go, when, and what may be done about each, seen first."""

import re
from datetime import date, timedelta

import pytest
import time_machine
from flask.testing import FlaskClient
from sqlalchemy import func, select

from service.departures.actions import departures
from service.departures.actions.departures import Facts
from service.extensions import db
from service.models import (
    Client,
    Contact,
    Departure,
    Enrolment,
    MailState,
    OutboxMessage,
    Stage,
)
from service.protocols.actions import enrolments
from tests import builders
from tests.pages import NOW, SEEN, send
from tests.rounds import a_round

pytestmark = pytest.mark.parametrize(
    "database", ["sqlite"], indirect=True
)  # its SQL is elsewhere's

TYPED = {
    "client": "Bodegas Ruy Díaz",
    "contact_name": "Ana Ruy",
    "email": "ana@ruy.example",
    "language": "es",
    "service": "SEO",
    "notice_on": "2026-10-20",
    "end_on": "2026-11-10",
    "reasons": ["price", "in_house"],
    "responsible": "",
    "sends_mails": "y",
}
NEW = "/departures/new"


@pytest.fixture
def clock(session):
    """The night from Saturday to Sunday, 2:41 in the company's zone."""
    builders.a_company(language="en")
    with time_machine.travel("2026-11-01T01:41:00Z", tick=False) as clock:
        yield clock


@pytest.fixture
def page(client, clock) -> FlaskClient:
    """A browser in which Marta is logged in."""
    return builders.logged_in(client, builders.a_member(name="Marta Ruiz", language="en"))


@pytest.fixture
def departure(page) -> Departure:
    """A departure of long ago, so that nothing of its recording can be undone any more."""
    facts = Facts(service="SEO", notice_on=date(2026, 10, 1), end_on=date(2026, 12, 1))
    with time_machine.travel("2026-10-30T11:00:00Z", tick=False):
        departure = departures.record(builders.a_contact(name="Ana Ruy"), facts)
        db.session.commit()
    return departure


def words(html: str) -> str:
    """Return the text of a page's main part in one line."""
    main = html.partition("<main")[2].partition("</main>")[0]
    return " ".join(re.sub(r"<[^>]+>", " ", main).split())


def count(model) -> int:
    return db.session.scalar(select(func.count()).select_from(model))


def states() -> dict[str, MailState]:
    query = select(OutboxMessage).execution_options(populate_existing=True)
    return {mail.step: mail.state for mail in db.session.scalars(query)}


def test_recording_shows_the_mails_first_and_writes_nothing(page):
    shown = send(page, NEW, TYPED)

    assert shown.status_code == 200
    text = words(shown.text)
    assert "Nothing has been done yet. These are the mails to Ana Ruy ana@ruy.example" in text
    assert re.search(r"Thank-you (Sunday, 1 November, 3:41|Monday, 2 November, 9:00)", text)
    assert "Survey Wednesday, 11 November, 10:00" in text
    assert "First survey reminder" in text
    for model in (Client, Contact, Departure, Enrolment, OutboxMessage):
        assert count(model) == 0, model


def test_what_was_typed_travels_through_the_panel_and_back_to_the_form(page):
    shown = send(page, NEW, TYPED).text
    for name, value in TYPED.items():
        for one in value if isinstance(value, list) else [value]:
            assert f'name="{name}" value="{one}"' in shown
    again = page.post(NEW, data={**TYPED, "panel": "again"})
    assert 'value="Bodegas Ruy Díaz"' in again.text
    assert count(Departure) == 0


def test_pressed_without_more_nothing_leaves_for_an_hour_and_the_page_says_until_when(page, clock):
    answer = page.post(NEW, data={**TYPED, **SEEN})
    assert answer.status_code == 303
    shown = words(page.get(answer.location).text)
    assert "Nothing leaves before 3:41" in shown
    assert "Recorded: you can undo it until 3:41" in shown

    clock.shift(timedelta(minutes=59))
    a_round()
    assert states() == {}
    clock.shift(timedelta(minutes=2))
    assert "Undo" not in words(page.get(answer.location).text)


def test_a_newcomer_at_night_presses_now_and_has_the_first_mail_at_once(page):
    answer = page.post(NEW, data={**TYPED, **NOW})
    assert states() == {"thank_you": MailState.queued}
    mail = db.session.scalars(select(OutboxMessage)).one()
    assert mail.context["by_hand"] is True, "so that no hours hold it"
    assert mail.due_at == mail.created_at
    assert "Nothing leaves before" not in page.get(answer.location).text


def test_a_mail_is_held_on_the_panel_and_stands_on_the_page_and_in_the_list(page):
    data = {**TYPED, **SEEN, "hold": ["thank_you"]}
    answer = page.post(NEW, data=data)
    assert states() == {"thank_you": MailState.held}
    assert "Let it go" in page.get(answer.location).text
    assert "Bodegas Ruy Díaz" in page.get("/deliveries?state=held").text


def test_the_undo_button_undoes_all_of_it_and_pressed_again_says_who_did(page):
    there = page.post(NEW, data={**TYPED, **SEEN}).location
    address = re.search(r"/acts/[^/]+/undo", page.get(there).text)[0]
    assert send(page, address, page=there).location == "/departures"
    assert count(Departure) == count(Client) == count(Contact) == 0
    page.post(address)
    assert "Marta Ruiz undid it already" in page.get("/departures").text


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"sends_mails": ""}, "The farewell mails of this departure were stopped."),
        ({"notice_on": "2025-01-01", "end_on": "2025-02-01"}, "recorded as history"),
    ],
)
def test_when_no_mail_goes_the_panel_says_why_and_offers_nothing_to_hold(page, more, why):
    values = {name: value for name, value in {**TYPED, **more}.items() if value != ""}
    shown = send(page, NEW, values).text
    assert "No mail goes out." in shown
    assert why in shown
    assert 'name="hold"' not in shown
    assert 'value="now"' not in shown


def test_closing_shows_the_letter_first_and_can_be_undone(page, departure, clock):
    there = f"/departures/{departure.public_id}"
    typed = {"stage": "closed", "was": "notice"}
    shown = send(page, f"{there}/stage", typed, page=there)
    assert "Move to: Closed" in words(shown.text)
    assert "Closing letter" in words(shown.text)
    db.session.refresh(departure)
    assert departure.stage is Stage.notice

    page.post(f"{there}/stage", data={**typed, **SEEN, "hold": "closing_letter"})
    db.session.refresh(departure)
    assert departure.stage is Stage.closed
    assert states()["closing_letter"] is MailState.held
    address = re.search(r"/acts/[^/]+/undo", page.get(there).text)[0]
    page.post(address)
    db.session.refresh(departure)
    assert departure.stage is Stage.notice
    assert "closing_letter" not in states()
    assert "Taken back: the change of stage" in page.get(there).text


def test_a_stage_that_sends_nothing_is_one_press(page, departure):
    there = f"/departures/{departure.public_id}"
    page.post(f"{there}/stage", data={"stage": "retained", "was": "notice"})
    db.session.refresh(departure)
    assert departure.stage is Stage.retained


def test_undoing_a_stage_shows_the_panel_too(page, departure):
    departures.move(departure, Stage.retained, was=Stage.notice, by=builders.a_member())
    db.session.commit()
    there = f"/departures/{departure.public_id}"
    shown = send(page, f"{there}/stage", {"stage": "notice", "was": "retained"}, page=there)
    assert "Thank-you" in words(shown.text)
    db.session.refresh(departure)
    assert departure.stage is Stage.retained


def test_another_protocol_shows_what_goes_by_it_first(page, departure):
    other = builders.a_protocol(name="Proyecto")
    db.session.commit()
    there, data = f"/departures/{departure.public_id}", {"protocol": other.public_id}
    assert "Another protocol: “Proyecto”" in page.post(f"{there}/protocol", data=data).text
    assert db.session.scalars(select(Enrolment)).one().protocol_id is None
    page.post(f"{there}/protocol", data={**data, **SEEN})
    assert "Put on another protocol: you can undo it" in words(page.get(there).text)


def test_letting_the_mails_go_on_shows_them_first(page, departure):
    enrolments.pause(departure, builders.a_member())
    db.session.commit()
    there = f"/departures/{departure.public_id}"
    shown = send(page, f"{there}/protocol/resume", page=there)
    assert "Thank-you" in words(shown.text)
    assert "Let the mails go on" in words(shown.text)
    page.post(f"{there}/protocol/resume", data=NOW)
    assert states() == {"thank_you": MailState.queued}


def test_what_is_refused_is_said_before_any_panel(page, departure):
    there = f"/departures/{departure.public_id}"
    typed = {"stage": "closed", "was": "handover"}
    answer = page.post(f"{there}/stage", data=typed)
    assert answer.status_code == 409
    assert "Somebody of your team was faster" in answer.text
    assert 'name="panel"' not in answer.text
