"""Preferences and unsubscribe: one press, no cookie, and never by a scanner's GET."""

import pytest
from sqlalchemy import select

from service import current
from service.extensions import db
from service.mail import suppressions
from service.models import Consent, Event, EventKind
from service.tokens import Purpose
from tests.builders import a_company, a_contact, a_departure


@pytest.fixture
def contact(session):
    a_company()
    contact = a_departure().contact
    session.commit()
    return contact


@pytest.fixture
def link(contact):
    return "/p/" + current.sign(Purpose.preferences, contact.public_id)


def consents():
    return db.session.scalars(select(Consent).order_by(Consent.id)).all()


def test_one_click_unsubscribes_without_cookie_or_csrf_token(client, contact, link):
    answer = client.post(f"{link}/one-click", data={"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers
    assert suppressions.find(contact.email) is not None


def test_one_click_pressed_again_answers_the_same_and_notes_nothing_more(client, contact, link):
    for _ in range(3):
        answer = client.post(f"{link}/one-click", data={"List-Unsubscribe": "One-Click"})
        assert answer.status_code == 200
    assert len(consents()) == 3  # one for each purpose
    assert len(db.session.scalars(select(Event)).all()) == 1


def test_opening_the_links_changes_nothing(client, contact, link):
    for address in (link, f"{link}/one-click", f"{link}?unsubscribe_all=y"):
        for _ in range(3):
            assert client.get(address).status_code == 200
            assert client.head(address).status_code == 200
    assert suppressions.find(contact.email) is None
    assert consents() == []


def test_each_purpose_is_kept_apart_with_the_wording_that_was_shown(client, contact, link):
    client.post(link, data={"greetings": "y"})
    db.session.refresh(contact)
    assert (contact.newsletter, contact.greetings, contact.check_ins) == (False, True, False)
    assert {c.purpose: c.wording for c in consents()} == {
        "newsletter": "Novedades, unas pocas veces al año",
        "check_ins": "Un mensaje de vez en cuando para saber cómo te va",
    }
    assert not any(c.is_granted for c in consents())


def test_who_unsubscribed_by_mistake_can_come_back_by_the_same_link(client, contact, link):
    client.post(link, data={"unsubscribe_all": "y"})
    page = client.get(f"{link}?saved=yes").text
    assert "No recibirás nada más" in page
    client.post(link, data={"newsletter": "y"})
    assert suppressions.find(contact.email) is None
    kinds = [event.kind for event in db.session.scalars(select(Event).order_by(Event.id))]
    assert kinds == [EventKind.unsubscribed, EventKind.preferences_changed]


def test_the_page_speaks_the_language_of_the_contact(client, session):
    a_company(language="es")
    contact = a_contact(language="en")
    session.commit()
    token = current.sign(Purpose.preferences, contact.public_id)
    page = client.get(f"/p/{token}", headers={"Accept-Language": "es"}).text
    assert 'lang="en"' in page
    assert "What you would like to hear from us" in page


@pytest.mark.parametrize("purpose", [p for p in Purpose if p is not Purpose.preferences])
def test_a_token_of_another_purpose_cannot_unsubscribe(client, contact, purpose):
    token = current.sign(purpose, contact.public_id)
    answer = client.post(f"/p/{token}/one-click", data={"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 404
    assert contact.name not in answer.text
    assert suppressions.find(contact.email) is None
