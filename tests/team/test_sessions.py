"""Logging in and out, and choosing a password by a one-time link."""

import re
from datetime import timedelta

import pytest
import time_machine
from argon2 import PasswordHasher, Type
from sqlalchemy import select

from service.clock import now
from service.extensions import db
from service.mail import links
from service.models import Role, TeamMember
from service.team.actions import members, passwords
from service.web.access import way_back
from tests.builders import a_company, a_member, logged_in
from tests.pages import proof_in, send
from tests.team.logins import PASSWORD, WRONG, a_login, log_in

HOME = "/"


def without_proof(html: str) -> str:
    """Return a page without what differs each time it is shown."""
    return re.sub(r'(value|nonce)="[\w.-]{20,}"', "", html)


def path_of(link) -> str:
    return links.password(link).removeprefix("http://localhost")


def test_the_right_password_leads_in(app, client):
    a_company()
    member = a_login()
    answer = log_in(client)
    assert (answer.status_code, answer.location) == (303, HOME)
    assert member.last_login_at is not None
    assert client.get("/profile").status_code == 200


def test_an_address_may_be_typed_in_capitals_and_with_spaces(app, client):
    a_login()
    assert log_in(client, email=" Marta@Norte.example ").status_code == 303


def test_a_wrong_password_and_an_unknown_address_get_the_same_words(app, client):
    a_login()
    wrong = log_in(client, password=WRONG)
    unknown = log_in(client, email="martb@norte.example", password=WRONG)
    assert wrong.status_code == unknown.status_code == 422

    assert without_proof(wrong.text) == without_proof(unknown.text).replace("martb@", "marta@")
    assert "marta@norte.example" in wrong.text  # what was typed is kept …
    assert WRONG not in wrong.text  # … but never a password


def test_an_unknown_address_costs_a_comparison_too(app, client, monkeypatch):
    compared = []
    real = passwords.matches
    monkeypatch.setattr(passwords, "matches", lambda *pair: compared.append(pair) or real(*pair))
    log_in(client, email="nadie@norte.example")
    assert compared == [(None, PASSWORD)]


def test_a_login_without_a_password_yet_cannot_be_entered(app, client):
    a_member(email="marta@norte.example", password_hash=None)
    assert log_in(client, password="nobody has this password").status_code == 422


def test_a_deactivated_login_cannot_be_entered(app, client):
    a_login(is_active=False)
    assert log_in(client).status_code == 422


def test_a_service_without_an_owner_says_how_to_get_one(app, client):
    assert "provider owner-link" in client.get("/login").text
    a_login()
    assert "provider owner-link" not in client.get("/login").text


def test_a_session_begins_anew_at_the_login(app, client):
    a_login()
    with client.session_transaction() as cookies:
        cookies["planted"] = "before the login"
    log_in(client)
    with client.session_transaction() as cookies:
        assert "planted" not in cookies


def test_logging_out_takes_a_press(app, client):
    logged_in(client, a_login())
    assert client.get("/logout").status_code == 405
    answer = send(client, "/logout", page="/profile")
    assert (answer.status_code, answer.location) == (303, "/login")
    assert client.get("/profile").status_code == 302


def test_a_page_behind_the_login_is_what_one_comes_back_to(app, client):
    a_login()
    away = client.get("/settings?x=1")
    assert away.location == "/login?next=/settings?x%3D1"
    assert 'value="/settings?x=1"' in client.get(away.location).text
    assert log_in(client, next="/settings?x=1").location == "/settings?x=1"


@pytest.mark.parametrize(
    "elsewhere",
    [
        "//evil.example",
        "///evil.example",
        "\\\\evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "https://evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        "evil.example",
        " //evil.example",
        "/\r\nSet-Cookie: a=b",
        "//[",
        "",
        None,
    ],
)
def test_next_never_leads_to_another_host(app, elsewhere):
    with app.test_request_context():
        assert way_back(elsewhere) == HOME


def test_a_changed_password_ends_every_other_session(app, client):
    member = a_login()
    phone, laptop = app.test_client(), logged_in(client, member)
    logged_in(phone, member)
    new = "otras cuatro palabras sueltas"
    answer = send(
        laptop,
        "/profile/password",
        {"old_password": PASSWORD, "new_password": new, "new_password_again": new},
        page="/profile",
    )
    assert answer.status_code == 303
    assert laptop.get("/profile").status_code == 200
    assert phone.get("/profile").status_code == 302


def test_the_first_owner_comes_by_a_link_that_works_once(app, client):
    link = members.first_owner_link()
    db.session.commit()
    who = {"name": "Marta Ruiz", "email": "Marta@Norte.example", "language": "en"}
    answer = send(client, path_of(link), {**who, "password": PASSWORD, "password_again": PASSWORD})
    assert (answer.status_code, answer.location) == (303, "/settings")
    owner = db.session.scalars(select(TeamMember)).one()
    assert (owner.role, owner.email, owner.language) == (Role.owner, "marta@norte.example", "en")
    assert client.get("/settings").status_code == 200
    assert app.test_client().get(path_of(link)).status_code == 410


def test_the_first_owners_link_stays_the_same_until_it_is_used(app):
    first = members.first_owner_link()
    assert members.first_owner_link().id == first.id
    a_member()
    assert members.first_owner_link() is None


def test_the_first_owners_link_is_worth_nothing_once_there_is_an_owner(app, client):
    link = members.first_owner_link()
    a_member()
    db.session.commit()
    assert client.get(path_of(link)).status_code == 410


def test_opening_a_link_uses_nothing_up(app, client):
    link = members.first_owner_link()
    db.session.commit()
    for _round in range(10):
        client.head(path_of(link))
        assert client.get(path_of(link)).status_code == 200


def test_a_password_link_works_once_and_ends_old_sessions(app, client):
    member = a_login()
    logged_in(phone := app.test_client(), member)
    link = members.new_link(member, members.FORGOTTEN)
    db.session.commit()
    new = "otras cuatro palabras sueltas"
    answer = send(client, path_of(link), {"password": new, "password_again": new})
    assert (answer.status_code, answer.location) == (303, HOME)
    assert phone.get("/profile").status_code == 302
    assert app.test_client().get(path_of(link)).status_code == 410
    assert log_in(app.test_client(), password=new).status_code == 303


def test_a_password_link_grows_old(app, client):
    link = members.new_link(a_login(), members.FORGOTTEN)
    db.session.commit()
    with time_machine.travel(now() + timedelta(days=1, seconds=1)):
        assert client.get(path_of(link)).status_code == 410


def test_a_forged_link_is_told_from_an_old_one(app, client):
    link = members.new_link(a_login(), members.FORGOTTEN)
    db.session.commit()
    forged = path_of(link)[:-3] + "abc"
    answer = client.get(forged)
    assert answer.status_code == 404
    assert "marta" not in answer.text.lower()


@pytest.mark.parametrize(
    "guessed",
    ["corta", "contraseña123", "aaaaaaaaaaaaaaaa", "marta@norte.example", "soy estudio norte yo"],
)
def test_a_password_that_is_easy_to_guess_is_refused(app, client, guessed):
    a_company()
    link = members.new_link(a_login(), members.FORGOTTEN)
    db.session.commit()
    answer = send(client, path_of(link), {"password": guessed, "password_again": guessed})
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    assert client.get(path_of(link)).status_code == 200  # the link is still good


def test_two_different_passwords_are_refused(app, client):
    link = members.new_link(a_login(), members.FORGOTTEN)
    db.session.commit()
    answer = send(client, path_of(link), {"password": PASSWORD, "password_again": WRONG})
    assert answer.status_code == 422


def test_length_is_counted_in_characters_not_in_bytes(app):
    with pytest.raises(passwords.WeakPassword):
        passwords.check("ñandúñandú!", email="", company="")  # 11 characters, 15 bytes
    passwords.check("ñandúñandú!?", email="", company="")


def test_one_password_typed_on_two_keyboards_is_one(app):
    assert passwords.matches(passwords.hashed("an\u0303o de la pera verde"), "año de la pera verde")


def test_a_password_kept_under_old_parameters_is_kept_anew(app, client):
    old = PasswordHasher(time_cost=2, memory_cost=512).hash(PASSWORD)
    member = a_login(password_hash=old)
    assert log_in(client).status_code == 303
    assert member.password_hash != old
    assert "$argon2id$" in member.password_hash


def test_passwords_are_kept_with_argon2id_and_the_cost_of_rfc_9106():
    hasher = passwords.new_hasher()
    assert hasher.type is Type.ID
    assert (hasher.memory_cost, hasher.time_cost) == (64 * 1024, 3)


def test_the_host_header_never_gets_into_a_link(app, client):
    a_login()
    shown = client.get("/forgot-password", headers={"Host": "evil.example"}).text
    data = {"csrf_token": proof_in(shown), "email": "marta@norte.example"}
    answer = client.post("/forgot-password", data=data, headers={"Host": "evil.example"})
    assert "evil" not in answer.text
    link = members.first_owner_link() or members.new_link(a_member(), members.FORGOTTEN)
    with app.test_request_context(headers={"Host": "evil.example"}):
        assert links.password(link).startswith("http://localhost/password/")
