"""Texts of mails: written, refused with a reason, looked at, tried, and given up."""

import html as entities
import re

import pytest

from service.extensions import db
from service.mail.rendering.built_in_texts import default
from service.mail.rendering.messages import decoded
from service.mail.rendering.rendering import render
from service.models import Enrolment, MailKind, MailText, OutboxMessage, Role
from tests.builders import (
    a_client,
    a_company,
    a_contact,
    a_departure,
    a_member,
    a_protocol,
    added,
    logged_in,
)
from tests.mail.mails import a_mail

PAGE = "/texts/thank_you?language=en"
TYPED = {"subject": "Bye, {{ first_name }}", "body": "Dear {{ first_name }}.", "version": "0"}


@pytest.fixture
def owner(client):
    """A browser of somebody who may change texts."""
    a_company()
    return logged_in(client, a_member(language="en"))


def kept() -> list[tuple[str, str]]:
    db.session.expire_all()
    return [(row.subject, row.body) for row in db.session.query(MailText)]


def said_on(answer) -> str:
    return entities.unescape(answer.get_data(as_text=True))


def test_the_list_says_which_mails_are_in_ones_own_words(owner):
    added(MailText(place="thank_you", language="en", subject="Bye", body="Bye."))
    said = said_on(owner.get("/texts"))
    assert said.count(">In your words<") == 1
    assert 'aria-label="Thank-you, English: In your words"' in said
    assert 'aria-label="Thank-you, Español: Built-in"' in said


def test_the_page_begins_with_the_built_in_text_and_its_placeholders(owner):
    said = said_on(owner.get("/texts/survey_invitation?language=es"))
    assert "Hola, {{ first_name }}:" in said
    assert "{{ score_scale }}" in said
    assert "{{ testimonial_link }}" not in said


def test_what_is_saved_goes_out_in_that_language_alone(owner):
    assert owner.post(PAGE, data=TYPED).status_code == 303
    assert kept() == [("Bye, {{ first_name }}", "Dear {{ first_name }}.")]
    english = render(a_mail(MailKind.thank_you, "en", contact=a_contact(name="Ana López")))
    assert english.subject == "Bye, Ana"
    assert "Dear Ana." in decoded(english.text)
    assert render(a_mail(MailKind.thank_you, "es")).subject == "Gracias por todo"


def test_a_batch_costs_one_query_more_however_many_mails_it_has(owner):
    owner.post(PAGE, data=TYPED)
    rows = [a_mail(kind, "en") for kind in (MailKind.thank_you, MailKind.door_open)]
    assert [render(row).subject for row in rows] == ["Bye, Ruy", "How are you doing?"]


def test_what_is_wrong_is_said_by_line_and_what_was_typed_stays(owner):
    body = "Hi\n{{ frist_name }}\n[x](javascript:alert(1))"
    answer = owner.post(PAGE, data={**TYPED, "body": body})
    assert answer.status_code == 422
    said = said_on(answer)
    assert "Line 2: There is no placeholder {{ frist_name }}" in said
    assert "Line 3: A link leads to an address" in said
    assert body in said.replace("\r\n", "\n")
    assert kept() == []


def test_a_megabyte_is_refused_and_kept_in_the_form(owner):
    answer = owner.post(PAGE, data={**TYPED, "body": "word " * 200_000})
    assert answer.status_code == 422
    assert "Shorten it to 20000 characters" in said_on(answer)
    assert owner.post("/texts/thank_you/preview", data={"body": "a " * 500_000}).status_code == 200


def test_a_mail_that_would_be_cut_is_refused(owner):
    answer = owner.post(PAGE, data={**TYPED, "body": "**ñ**\n\n" * 2_500})
    assert answer.status_code == 422
    assert "larger than 60 kB" in said_on(answer)


def test_a_letter_of_many_pages_has_its_place(owner):
    paragraph = "Gracias por estos años de trabajo en común, y por la confianza. " * 6
    letter = "\n\n".join([paragraph] * 40)
    assert 15_000 < len(letter) < 20_000
    assert owner.post(PAGE, data={**TYPED, "body": letter}).status_code == 303


def test_two_who_edit_the_same_lose_nothing(owner):
    owner.post(PAGE, data={**TYPED, "body": "The first."})
    answer = owner.post(PAGE, data={**TYPED, "body": "The second."})
    assert answer.status_code == 409
    said = said_on(answer)
    assert "has changed this text while you were writing" in said
    assert "The first." in said
    assert "The second." in said
    assert kept()[0][1] == "The first."
    version = re.search(r'name="version"[^>]*value="(\d+)"', said)[1]
    owner.post(PAGE, data={**TYPED, "body": "Both.", "version": version})
    assert kept()[0][1] == "Both."


def test_the_built_in_text_comes_back_and_that_can_be_undone(owner):
    owner.post(PAGE, data=TYPED)
    answer = owner.post("/texts/thank_you/restore?language=en")
    assert kept() == []
    assert "Dear {{ first_name }}." in said_on(answer)
    assert "save it to put it back" in said_on(answer)
    assert render(a_mail(MailKind.thank_you, "en")).subject == "Thank you for everything"
    assert owner.post("/texts/thank_you/restore?language=en").status_code == 303  # twice is once


def test_a_preview_shows_what_was_typed_and_keeps_nothing(owner):
    answer = owner.post("/texts/thank_you/preview?language=en", data=TYPED)
    said = answer.get_data(as_text=True)
    assert "Dear Jimena." in said
    assert "Bye, Jimena" in said
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert kept() == []


def test_a_preview_is_for_the_contact_who_was_chosen_without_their_links(owner):
    contact = a_contact(name="Íñigo Ñ. <b>")
    a_departure(contact=contact)
    body = "Dear {{ first_name }} of {{ company }}: {{ door_link }}"
    data = {**TYPED, "body": body, "like": f"{contact.name} · {contact.client.name}"}
    said = owner.post("/texts/thank_you/preview?language=en", data=data).get_data(as_text=True)
    assert f"Dear Íñigo of {contact.client.name}:" in said
    other = {**data, "like": "nobody of that name"}
    assert "Dear Jimena of" in said_on(
        owner.post("/texts/thank_you/preview?language=en", data=other)
    )


@pytest.mark.parametrize("name", ["{{ door_link }}", "**x** <b>", "\ue000door_url\ue001", "[a](b)"])
def test_an_odd_name_is_a_name_and_nothing_more(owner, name):
    owner.post(PAGE, data=TYPED | {"body": "Dear {{ full_name }}. {{ company }}!"})
    contact = a_contact(name=name, language="en", client=a_client(name=name))
    mail = render(a_mail(MailKind.thank_you, "en", contact=contact))
    plain = name.replace("\ue000", "").replace("\ue001", "")
    assert f"Dear {plain}. {plain}!" in decoded(mail.text)
    assert f"Dear {entities.escape(plain)}. " in decoded(mail.html)


def test_a_preview_can_be_dark_or_text(owner):
    dark = owner.post("/texts/thank_you/preview?language=en", data={**TYPED, "dark": "y"})
    assert "@media all" in dark.get_data(as_text=True)
    text = owner.post("/texts/thank_you/preview?language=en", data={**TYPED, "view": "text"})
    assert "<pre>Dear Jimena.\n" in text.get_data(as_text=True)


def test_a_test_mail_has_what_was_typed_and_goes_to_who_presses(owner):
    answer = owner.post("/texts/thank_you/test?language=en", data=TYPED)
    assert answer.status_code == 200
    row = db.session.query(OutboxMessage).one()
    assert row.contact is None
    mail = render(row)
    assert mail.subject == "Bye, Jimena"
    assert "Dear Jimena." in decoded(mail.text)
    assert mail.to[1].endswith("@norte.example")
    assert kept() == []


def test_a_test_mail_can_be_as_for_a_client(owner):
    departure = a_departure(contact=a_contact(name="Íñigo Ñandú"))
    owner.post("/texts/thank_you/test?language=en", data=TYPED | {"like": "Íñigo"})
    mail = render(db.session.query(OutboxMessage).one())
    assert mail.subject == "Bye, Íñigo"
    assert mail.to[1] != departure.contact.email


def test_a_viewer_reads_and_cannot_save(app, client):
    a_company()
    viewer = logged_in(client, a_member(role=Role.viewer, language="en"))
    said = said_on(viewer.get(PAGE))
    assert "readonly" in said
    assert "Save" not in said
    assert viewer.post(PAGE, data=TYPED).status_code == 403


@pytest.mark.parametrize(
    "path", ["/texts/alert_low_score", "/texts/x", "/texts/thank_you?language=fr"]
)
def test_there_is_no_text_of_what_has_none(owner, path):
    assert owner.get(path).status_code == 404


def test_every_page_shows_its_mail(owner):
    for kind in ("door_open", "testimonial_edit", "survey_reminder_2", "own_text"):
        for language in ("es", "en"):
            assert owner.get(f"/texts/{kind}?language={language}").status_code == 200
            frame = owner.get(f"/texts/{kind}/frame?language={language}").get_data(as_text=True)
            assert default(MailKind(kind), language).subject in frame


def test_a_protocols_own_text_goes_before_that_of_all(owner):
    protocol = a_protocol(is_default=True)
    departure = a_mail(MailKind.thank_you, "en").departure
    added(Enrolment(departure=departure, protocol_id=protocol.id))
    db.session.commit()
    owner.post(PAGE, data=TYPED | {"subject": "Of all"})
    ours = f"/protocols/{protocol.public_id}/texts/thank_you?language=en"
    said = said_on(owner.get(ours))
    assert "Of all" in said  # what goes out now
    owner.post(ours, data=TYPED | {"subject": "Of ours"})
    row = db.session.query(OutboxMessage).one()
    row.step = "thank_you"
    assert render(row).subject == "Of ours"
    assert "In your words" in said_on(owner.get(f"/protocols/{protocol.public_id}/texts"))
    owner.post(ours.replace("?", "/restore?"))
    assert render(row).subject == "Of all"
    assert owner.get("/protocols/nothing-here/texts").status_code == 404
