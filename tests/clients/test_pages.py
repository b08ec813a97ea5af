"""Clients in the browser: list, read, change; their contacts."""

import pytest
from sqlalchemy import select

from service.extensions import db
from service.models import Client, Contact, Role
from tests import builders
from tests.pages import send


@pytest.fixture
def page(client, session):
    """A browser in which a member of the team is logged in."""
    builders.a_company(language="en")
    return builders.logged_in(client, builders.a_member(role=Role.member, language="en"))


@pytest.fixture
def ruy(session):
    """A client of a group, with one contact."""
    ruy = builders.a_client(name="Bodegas Ruy", group="Grupo Díaz")
    builders.a_contact(client=ruy, name="Ana", email="ana@ruy.example")
    db.session.commit()
    return ruy


def test_a_new_house_is_told_what_will_be_here(page):
    assert "No clients yet" in page.get("/clients").text


@pytest.mark.parametrize("q", ["bodegas", "ANA", "ana@ruy", "grupo"])
def test_a_client_is_found_by_what_one_remembers(page, ruy, q):
    builders.a_client(name="Somebody else")
    db.session.commit()
    shown = page.get("/clients", query_string={"q": q}).text

    assert "Bodegas Ruy" in shown
    assert "Somebody else" not in shown


def test_those_who_leave_can_be_told_from_those_who_stay(page, ruy):
    builders.a_departure(contact=builders.a_contact(client=builders.a_client(name="Leaver")))
    db.session.commit()

    assert "Leaver" in page.get("/clients?state=leaving").text
    assert "Bodegas Ruy" not in page.get("/clients?state=leaving").text
    assert "Leaver" not in page.get("/clients?state=staying").text


def test_when_one_leaves_the_others_of_the_group_are_named(page, ruy):
    other = builders.a_client(name="Hotel Díaz", group="Grupo Díaz")
    builders.a_departure(contact=ruy.contacts[0])
    db.session.commit()

    assert "Hotel Díaz" in page.get(f"/clients/{ruy.public_id}").text
    assert "at risk" not in page.get(f"/clients/{other.public_id}").text


def test_a_client_is_changed(page, ruy):
    values = {"name": "Bodegas Ruy, S.L.", "monthly_value": "1.200", "started_on": "01/02/2020"}
    answer = send(page, f"/clients/{ruy.public_id}/edit", values)

    changed = db.session.scalars(select(Client)).one()
    assert answer.status_code == 303
    assert (changed.name, int(changed.monthly_value)) == ("Bodegas Ruy, S.L.", 1200)
    assert changed.started_on.isoformat() == "2020-02-01"


def test_two_clients_cannot_have_one_name(page, ruy):
    builders.a_client(name="Hotel Díaz")
    db.session.commit()
    answer = send(page, f"/clients/{ruy.public_id}/edit", {"name": "HOTEL  díaz"})

    assert answer.status_code == 409
    assert "There is already a client with this name." in answer.text
    assert "HOTEL  díaz" in answer.text


def test_a_contact_changes_language_address_and_wishes(page, ruy):
    contact = ruy.contacts[0]
    values = {"name": "Ana", "email": "Ana.P@ruy.example", "language": "en"}
    send(page, f"/clients/contacts/{contact.public_id}", values)

    changed = db.session.scalars(select(Contact)).one()
    assert (changed.email, changed.email_key) == ("Ana.P@ruy.example", "ana.p@ruy.example")
    assert (changed.language, changed.keep_in_touch) == ("en", False)


def test_a_contact_has_the_zone_of_the_company_until_one_is_chosen(page, ruy):
    contact = ruy.contacts[0]
    path = f"/clients/contacts/{contact.public_id}"
    values = {"name": "Ana", "email": "ana@ruy.example", "language": "es"}
    assert "As your company (Europe/Madrid)" in page.get(path).text
    for zone, kept in (("America/Bogota", "America/Bogota"), ("", None)):
        assert send(page, path, {**values, "time_zone": zone}).status_code == 303
        assert db.session.scalars(select(Contact)).one().time_zone == kept


@pytest.mark.parametrize("zone", ["Bogotá", "Europe/Nowhere", "../etc/passwd"])
def test_a_zone_that_is_none_is_said_and_stays_typed(page, ruy, zone):
    values = {"name": "Luis", "email": "l@ruy.example", "language": "es", "time_zone": zone}
    answer = send(page, f"/clients/{ruy.public_id}/contacts/new", values)

    assert answer.status_code == 422
    assert "Choose one of the list" in answer.text
    assert f'value="{zone}"' in answer.text


def test_a_zone_that_is_in_no_list_any_more_may_stay(page, ruy):
    contact = ruy.contacts[0]
    contact.time_zone = "Etc/GMT+12"
    db.session.commit()
    values = {"name": "Ana", "email": "ana@ruy.example", "time_zone": "Etc/GMT+12"}
    answer = send(page, f"/clients/contacts/{contact.public_id}", {**values, "language": "es"})

    assert answer.status_code == 303


def test_the_same_person_may_be_at_two_clients_but_not_twice_at_one(page, ruy):
    hotel = builders.a_client(name="Hotel Díaz")
    db.session.commit()
    values = {"name": "Ana", "email": "ANA@ruy.example", "language": "es"}

    assert send(page, f"/clients/{hotel.public_id}/contacts/new", values).status_code == 303
    again = send(page, f"/clients/{ruy.public_id}/contacts/new", values)
    assert again.status_code == 409
    assert "already has a contact with this address" in again.text


@pytest.mark.parametrize(
    "email", ["ñ@", "ana", "ana@", "a b@ruy.example", "ana@ruy.example\r\nBcc: x"]
)
def test_what_is_no_address_is_said_and_stays_typed(page, ruy, email):
    values = {"name": "Luis", "email": email, "language": "es"}
    answer = send(page, f"/clients/{ruy.public_id}/contacts/new", values)

    assert answer.status_code == 422
    assert "That is no email address." in answer.text
    assert "Luis" in answer.text


def test_pages_of_nobody_are_a_kind_404(page):
    for path in ("/clients/x", "/clients/x/edit", "/clients/contacts/x", "/clients/x/contacts/new"):
        assert page.get(path).status_code == 404


def test_a_contact_leads_to_the_mails_that_went_to_them(page, ruy):
    shown = page.get(f"/clients/{ruy.public_id}").text
    assert "/deliveries?state=sent&amp;q=ana@ruy.example" in shown.replace("%40", "@")
