"""Greetings: the list with who gets them, the switch, ones of one's own, their texts."""

import html
import re
from datetime import date

import pytest
import time_machine
from sqlalchemy import select

from service import scheduler
from service.extensions import db
from service.mail.rendering.messages import decoded
from service.mail.rendering.rendering import render
from service.models import Contact, Greeting, MailText, OutboxMessage, Role
from service.newsletters.actions import greetings
from tests import builders

HOSTILE = '"><script>ran()</script>{{ 7*7 }}'
OWN = {"name": "Verano", "day": "31", "month": "7", "at": "10:00", "circle": "both"}
TEXT = {"subject": "Para {{ first_name }}", "body": "Van {{ years }}.", "version": "0"}


@pytest.fixture
def page(client, session):
    """A browser in which a member of the team is logged in."""
    builders.a_company(language="en")
    return builders.logged_in(client, builders.a_member(role=Role.member, language="en"))


def send(page, address: str, data: dict[str, str] | None = None):
    return page.post(address, data=data or {})


def said(answer) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", answer.text)))


def stored() -> list[Greeting]:
    db.session.expire_all()
    return list(db.session.scalars(select(Greeting).order_by(Greeting.id)))


def test_the_list_shows_the_three_off_without_writing_a_row(page):
    shown = said(page.get("/greetings"))
    for name in ("Season’s greetings", "Anniversary of the collaboration", "Birthday"):
        assert f"{name} switched off" in shown
    assert "December 18" in shown
    assert "Switch on : Birthday" in shown
    assert stored() == []


def test_the_list_counts_who_gets_it_and_who_not_and_links_to_them(page):
    builders.a_contact(name="Ana Sí")
    builders.a_contact(name="Eva No", keep_in_touch=False)
    db.session.commit()
    answer = page.get("/greetings")
    assert "1 person would get it" in said(answer)
    assert "You chose not to keep in touch with them." in said(answer)
    link = "/greetings/season/people?which=keep_in_touch_off"
    assert link in answer.text
    listed = said(page.get(link))
    assert "Eva No" in listed
    assert "Ana Sí" not in listed
    assert "Ana Sí" in said(page.get("/greetings/season/people?which=going"))
    assert "2 people" in said(page.get("/greetings/season/people?which=nonsense&page=99"))


def test_a_switch_turns_it_on_and_off_again(page):
    assert send(page, "/greetings/birthday/switch", {"on": "yes"}).status_code == 303
    assert [(row.public_id, row.is_on) for row in stored()] == [("birthday", True)]
    assert "Birthday switched on" in said(page.get("/greetings"))
    send(page, "/greetings/birthday/switch", {"on": "no"})
    assert [row.is_on for row in stored()] == [False]


def test_one_of_ones_own_is_added_off_changed_and_deleted(page):
    answer = send(page, "/greetings/new", OWN)
    assert answer.status_code == 303
    (own,) = stored()
    assert answer.location == f"/greetings/{own.public_id}/text"
    assert (own.name, own.day_key, own.is_on) == ("Verano", "07-31", False)
    changed = {**OWN, "day": "29", "month": "2", "at": "9:30", "version": "1"}
    assert send(page, f"/greetings/{own.public_id}", changed).status_code == 303
    (own,) = stored()
    assert (own.day_key, f"{own.at:%H:%M}", own.version) == ("02-29", "09:30", 2)
    send(page, f"/greetings/{own.public_id}/text?language=es", TEXT)
    assert db.session.query(MailText).count() == 1
    assert send(page, f"/greetings/{own.public_id}/delete", {}).status_code == 303
    assert stored() == []
    assert db.session.query(MailText).count() == 0


def test_those_that_come_with_the_service_cannot_be_deleted(page):
    send(page, "/greetings/season/switch", {"on": "yes"})
    assert send(page, "/greetings/season/delete", {}).status_code == 404
    assert len(stored()) == 1


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"day": "30", "month": "2"}, "That month has no such day."),
        ({"day": "31", "month": "4"}, "That month has no such day."),
        ({"day": "", "month": "2"}, "Choose the day and the month."),
        ({"name": ""}, "Write a name"),
        ({"name": "x" * 121}, "Shorten it to 120 characters."),
        ({"at": ""}, "Write a time such as 10:00."),
        ({"at": "25:00"}, "Write a time such as"),
        ({"circle": "everybody"}, "Not a valid choice"),
        ({"day": "32"}, "Not a valid choice"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_do(page, wrong, words):
    answer = send(page, "/greetings/new", {**OWN, **wrong})
    assert answer.status_code == 422
    assert words in said(answer)
    assert stored() == []


def test_two_who_change_it_at_once_are_told(page):
    send(page, "/greetings/season", {**OWN, "version": "0"})
    answer = send(page, "/greetings/season", {**OWN, "day": "1", "version": "0"})
    assert answer.status_code == 409
    assert "Somebody of your team has changed this greeting meanwhile." in said(answer)
    assert [row.day_key for row in stored()] == ["07-31"]


def test_its_text_begins_built_in_is_edited_goes_out_and_is_restored(page):
    address = "/greetings/anniversary/text?language=es"
    first = html.unescape(page.get(address).text)
    assert "{{ years }}" in first
    assert "{{ service }}" not in first
    assert send(page, address, TEXT).status_code == 303
    with time_machine.travel("2026-12-01T10:00:00Z", tick=False):
        greetings.switch(greetings.find("anniversary"), is_on=True)
        client = builders.a_client(started_on=date(2024, 12, 18))
        builders.a_contact(name="Ana López", client=client)
        db.session.commit()
    with time_machine.travel("2026-12-18T10:00:00Z", tick=False):
        scheduler.tick()
        mail = render(db.session.query(OutboxMessage).one())
    assert mail.subject == "Para Ana"
    assert decoded(mail.text).startswith("Van 2 ")
    builders.logged_in(page, builders.a_member(role=Role.member))  # the clock ended the session
    given_up = send(page, "/greetings/anniversary/text/restore?language=es", {})
    assert "Van {{ years }}." in html.unescape(given_up.text)
    assert db.session.query(MailText).count() == 0


def test_the_text_of_one_greeting_is_not_that_of_another(page):
    send(page, "/greetings/season/text?language=en", {**TEXT, "body": "Only this one."})
    assert "Only this one." in page.get("/greetings/season/text?language=en").text
    for other in ("/greetings/birthday/text?language=en", "/greetings/season/text?language=es"):
        assert "Only this one." not in page.get(other).text


def test_what_is_wrong_with_a_text_is_said_by_line(page):
    answer = send(
        page, "/greetings/season/text?language=en", {**TEXT, "body": "a\n{{ score_scale }}"}
    )
    assert answer.status_code == 422
    assert "Line 2: This mail has no {{ score_scale }}." in said(answer)


def test_it_is_looked_at_and_tried_without_being_kept(page):
    framed = send(page, "/greetings/season/text/preview?language=en", {**TEXT, "view": "phone"})
    assert "3 years." in framed.text
    assert "Only a greeting" not in framed.text
    assert "Good wishes" in page.get("/greetings/season/text/frame?language=en").text
    assert "It is" not in page.get("/greetings/birthday/text/frame?language=en").text
    send(page, "/greetings/season/text/test?language=en", TEXT)
    row = db.session.query(OutboxMessage).one()
    assert render(row).subject == "Para Jimena"
    assert db.session.query(MailText).count() == 0


def test_unknown_greetings_and_languages_are_not_found(page):
    for address in (
        "/greetings/nope",
        "/greetings/nope/people",
        "/greetings/season/text?language=fr",
    ):
        assert page.get(address).status_code == 404


def test_hostile_names_are_only_words(page):
    send(page, "/greetings/new", {**OWN, "name": HOSTILE})
    builders.a_contact(name=HOSTILE, client=builders.a_client(name=HOSTILE))
    db.session.commit()
    (own,) = stored()
    addresses = ("", f"/{own.public_id}", f"/{own.public_id}/text", f"/{own.public_id}/people")
    for address in addresses:
        answer = page.get(f"/greetings{address}")
        assert "<script>ran" not in answer.text
        assert HOSTILE in html.unescape(answer.text)


def contact_form(**more) -> dict[str, str]:
    return {"name": "Ana", "email": "ana@b.example", "language": "es", **more}


def test_a_birthday_is_kept_without_a_year_and_can_be_taken_out(page):
    contact = builders.a_contact()
    db.session.commit()
    address = f"/clients/contacts/{contact.public_id}"
    assert "Only if they told you themselves" in said(page.get(address))
    send(page, address, contact_form(day="29", month="2"))
    assert db.session.scalar(select(Contact.birthday)) == "02-29"
    assert '<option selected value="29">' in page.get(address).text
    wrong = send(page, address, contact_form(day="30", month="2"))
    assert (wrong.status_code, "That month has no such day." in said(wrong)) == (422, True)
    half = send(page, address, contact_form(day="3", month=""))
    assert "Choose both the day and the month, or neither." in said(half)
    send(page, address, contact_form(day="", month=""))
    assert db.session.scalar(select(Contact.birthday)) is None


def test_a_viewer_reads_the_lists_but_no_birthday(client, session):
    builders.a_company(language="en")
    viewer = builders.a_member(role=Role.viewer, language="en")
    contact = builders.a_contact(name="Ana Sí", birthday="05-14")
    reader = builders.logged_in(client, viewer)
    pages = ("/greetings", "/greetings/birthday/people", f"/clients/{contact.client.public_id}")
    for address in pages:
        shown = reader.get(address)
        assert shown.status_code == 200
        assert not re.search(r"May 14|14 May|05-14|2027-05-14", shown.text)
    assert "Switch on" not in reader.get("/greetings").text
    viewer.role = Role.member
    db.session.commit()
    assert "May 14" in reader.get("/greetings/birthday/people").text
