"""Preferences and unsubscribe: one press, no cookie, and never by a scanner's GET."""

import re

import pytest
from sqlalchemy import select

from service import current
from service.extensions import db
from service.mail.policy import suppressions
from service.models import Consent, Event, EventKind, SuppressionReason, SuppressionScope
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


def scopes_of(contact):
    return {row.scope for row in suppressions.of(contact.email)}


def ticked(page):
    """The boxes that a page shows as ticked."""
    return set(re.findall(r'<input [^>]*\bchecked[^>]*name="(\w+)"', page))


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
    assert scopes_of(contact) == {"greetings", "check_ins"}
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


@pytest.fixture
def other_link(contact):
    """The link of another client's contact with the same address."""
    other = a_contact(email=contact.email.upper())
    db.session.commit()
    return "/p/" + current.sign(Purpose.preferences, other.public_id)


def test_a_box_that_is_unticked_ends_that_purpose_for_the_address(client, contact, link):
    client.post(link, data={"greetings": "y", "check_ins": "y"})
    (row,) = suppressions.of(contact.email)
    assert (row.scope, row.reason, row.source) == ("newsletter", "unsubscribed", "preferences page")

    client.post(link, data={"greetings": "y", "check_ins": "y", "newsletter": "y"})
    assert scopes_of(contact) == set()


def test_unsubscribing_shows_on_the_page_of_every_contact_with_the_address(
    client, contact, link, other_link
):
    assert ticked(client.get(other_link).text) == {"newsletter", "greetings", "check_ins"}
    client.post(link, data={"greetings": "y"})
    assert ticked(client.get(other_link).text) == {"greetings"}
    client.post(link, data={"unsubscribe_all": "y"})
    assert ticked(client.get(other_link).text) == set()


def test_saving_an_unsubscribed_page_as_it_is_brings_nobody_back(client, contact, link, other_link):
    client.post(link, data={"unsubscribe_all": "y"})
    before = len(consents())
    client.post(other_link, data={})
    assert scopes_of(contact) == {"unasked"}
    assert len(consents()) == before


def test_coming_back_by_the_other_link_holds_for_the_address_purpose_by_purpose(
    client, contact, link, other_link
):
    client.post(link, data={"unsubscribe_all": "y"})
    client.post(other_link, data={"check_ins": "y"})
    assert scopes_of(contact) == {"newsletter", "greetings"}
    assert ticked(client.get(other_link).text) == {"check_ins"}
    assert ticked(client.get(link).text) == set()


@pytest.mark.parametrize(
    ("reason", "scope"),
    [
        (SuppressionReason.hard_bounce, SuppressionScope.everything),
        (SuppressionReason.complaint, SuppressionScope.unasked),
        (SuppressionReason.by_provider, SuppressionScope.newsletter),
    ],
)
def test_a_contact_lifts_only_what_they_asked_for_themselves(client, contact, link, reason, scope):
    suppressions.add(contact.email, reason, scope=scope)
    client.post(link, data={"unsubscribe_all": "y"})
    client.post(link, data={"newsletter": "y", "greetings": "y", "check_ins": "y"})
    assert [row.reason for row in suppressions.of(contact.email)] == [reason]
    page = client.get(f"{link}?saved=yes").text
    is_told = "frenado" in page or "stopped on our side" in page
    assert is_told == (scope in suppressions.WIDE)


def test_who_unsubscribes_from_a_dead_address_stays_unsubscribed_when_it_lives_again(
    client, contact, link
):
    dead = suppressions.add(
        contact.email, SuppressionReason.hard_bounce, scope=SuppressionScope.everything
    )
    client.post(f"{link}/one-click", data={"List-Unsubscribe": "One-Click"})
    suppressions.lift(dead, "They have a new server.", source="provider")
    assert scopes_of(contact) == {"unasked"}


def test_the_one_click_of_a_newsletter_ends_the_newsletter_alone(client, contact, link):
    address = f"{link}/one-click?purpose=newsletter"
    assert "unas pocas veces al año" in client.get(address).text
    for _ in range(2):
        assert client.post(address, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    assert scopes_of(contact) == {"newsletter"}
    assert [consent.purpose for consent in consents()] == ["newsletter"]
    assert len(db.session.scalars(select(Event)).all()) == 1


def test_a_purpose_that_is_none_ends_them_all(client, contact, link):
    client.post(f"{link}/one-click?purpose=publish_website", data={"List-Unsubscribe": "One-Click"})
    assert scopes_of(contact) == {"unasked"}
