"""The team, its roles, and everyone's own profile."""

import re

import pytest
from sqlalchemy import select

from service.current import sign
from service.errors import Conflict, Refused
from service.extensions import db
from service.models import MailKind, OutboxMessage, Role, TeamMember
from service.team.actions import members, passwords
from service.tokens import Purpose
from tests.builders import a_company, a_member, logged_in
from tests.pages import send

PASSWORD = "cuatro palabras muy sueltas"


@pytest.fixture
def owner(app, client) -> TeamMember:
    """An owner who is logged in."""
    a_company()
    member = a_member(name="Olga Owner", email="olga@norte.example", language="en")
    logged_in(client, member)
    return member


def somebody(email: str) -> TeamMember:
    return db.session.scalars(select(TeamMember).where(TeamMember.email == email)).one()


def test_an_invitation_is_mailed_and_its_link_is_shown_once(client, owner):
    who = {"name": "Ana Gil", "email": "Ana@Norte.example", "role": "member"}
    answer = send(client, "/providers/new", who)
    assert (answer.status_code, answer.location) == (303, "/providers")
    ana = somebody("ana@norte.example")
    assert (ana.name, ana.role, ana.password_hash) == ("Ana Gil", Role.member, None)
    mail = db.session.scalars(select(OutboxMessage)).one()
    assert (mail.kind, mail.provider_id) == (MailKind.password_link, ana.id)

    link = re.search(r'value="http://localhost(/password/[^"]+)"', client.get("/providers").text)[1]
    assert "/password/" not in client.get("/providers").text
    stranger = client.application.test_client()
    chosen = send(stranger, link, {"password": PASSWORD, "password_again": PASSWORD})
    assert chosen.status_code == 303
    assert stranger.get("/profile").status_code == 200
    assert stranger.get("/providers").status_code == 403
    assert stranger.get("/settings").location == "/profile"


def test_an_address_has_one_login(client, owner):
    who = {"name": "Otra Olga", "email": "OLGA@norte.example", "role": "viewer"}
    answer = send(client, "/providers/new", who)
    assert answer.status_code == 422
    assert "There is a login with this address already." in answer.text
    assert "Otra Olga" in answer.text


@pytest.mark.parametrize(
    "wrong",
    [
        {"email": "ana"},
        {"email": "ana@@norte.example"},
        {"email": "ana@norte.example\r\nBcc: all@norte.example"},
        {"email": ""},
        {"name": ""},
        {"name": "A" * 201},
        {"role": "god"},
        {"role": ""},
    ],
)
def test_an_invitation_with_a_mistake_says_so_and_adds_nobody(client, owner, wrong):
    who = {"name": "Ana Gil", "email": "ana@norte.example", "role": "member", **wrong}
    answer = send(client, "/providers/new", who)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert len(members.team()) == 1


def test_an_owner_gives_another_role(client, owner):
    ana = a_member(role=Role.viewer)
    path = f"/providers/{ana.public_id}"
    db.session.commit()
    answer = send(client, path, {"name": "Ana María Gil", "role": "member"})
    assert answer.status_code == 303
    assert (ana.name, ana.role) == ("Ana María Gil", Role.member)


def test_the_last_owner_stays_one(client, owner):
    a_member(role=Role.member)
    a_member(role=Role.owner, is_active=False)
    path = f"/providers/{owner.public_id}"
    db.session.commit()
    answer = send(client, path, {"name": owner.name, "role": "member"})
    assert answer.status_code == 409
    assert "Somebody has to stay the owner." in answer.text
    closed = client.post(f"{path}/deactivate")
    assert closed.status_code == 409
    assert (owner.role, owner.is_active) == (Role.owner, True)


def test_one_of_two_owners_may_step_back(app, owner):
    other = a_member(role=Role.owner)
    members.change(owner, name=owner.name, role=Role.member)
    with pytest.raises(Conflict):
        members.deactivate(other)


def test_closing_a_login_ends_its_sessions_and_its_links(app, client, owner):
    ana = a_member(role=Role.member)
    logged_in(hers := app.test_client(), ana)
    link = members.new_link(ana, members.FORGOTTEN)
    assert hers.get("/profile").status_code == 200
    assert client.post(f"/providers/{ana.public_id}/deactivate").status_code == 303
    assert hers.get("/profile").status_code == 302
    with pytest.raises(Refused):
        members.find_link(sign(Purpose.password, link.public_id))


def test_a_login_can_be_opened_again(client, owner):
    ana = a_member(role=Role.member, is_active=False)
    db.session.commit()
    assert client.post(f"/providers/{ana.public_id}/reactivate").status_code == 303
    assert ana.is_active


def test_a_new_link_can_be_sent(client, owner):
    ana = a_member(role=Role.member)
    db.session.commit()
    assert client.post(f"/providers/{ana.public_id}/link").status_code == 303
    assert "/password/" in client.get("/providers").text


def test_a_closed_login_gets_no_link(client, owner):
    ana = a_member(role=Role.member, is_active=False)
    db.session.commit()
    assert client.post(f"/providers/{ana.public_id}/link").status_code == 409


def test_everyone_chooses_the_language_of_their_pages(app, client, owner):
    assert 'lang="en"' in client.get("/profile").text
    send(client, "/profile", {"name": "Olga", "language": "es"})
    assert '<html lang="es">' in client.get("/profile").text
    send(client, "/profile", {"name": "Olga", "language": ""})
    assert owner.language is None


def test_a_language_that_is_not_spoken_is_refused(client, owner):
    answer = send(client, "/profile", {"name": "Olga", "language": "tlh"})
    assert answer.status_code == 422
    assert owner.language == "en"


def test_a_new_password_needs_the_present_one(client, owner):
    owner.password_hash = passwords.hashed(PASSWORD)
    new = "otras cuatro palabras sueltas"
    typed = {"old_password": "no era esta", "new_password": new, "new_password_again": new}
    db.session.commit()
    answer = send(client, "/profile/password", typed, page="/profile")
    assert answer.status_code == 422
    assert "That is not your present password." in answer.text
    assert passwords.matches(owner.password_hash, PASSWORD)


def test_a_present_password_cannot_be_tried_without_end(client, owner):
    answers = [
        client.post("/profile/password", data={"old_password": "x" * 12}).status_code
        for _round in range(6)
    ]
    assert answers == [422] * 5 + [429]


def test_logging_out_elsewhere_keeps_this_session(app, client, owner):
    logged_in(phone := app.test_client(), owner)
    assert client.post("/profile/sessions").status_code == 303
    assert client.get("/profile").status_code == 200
    assert phone.get("/profile").status_code == 302


def run(app, *words: str):
    return app.test_cli_runner().invoke(args=["provider", *words])


def test_the_command_prints_a_link_that_sets_the_password(app, client):
    made = run(app, "create", "Ana@Norte.example", "--name", "Ana Gil", "--role", "owner")
    assert made.exit_code == 0
    path = made.stdout.strip().removeprefix("http://localhost")
    chosen = send(client, path, {"password": PASSWORD, "password_again": PASSWORD})
    assert chosen.status_code == 303
    assert somebody("ana@norte.example").role is Role.owner


def test_the_command_makes_a_member_when_no_role_is_said(app):
    assert run(app, "create", "ana@norte.example", "--name", "Ana").exit_code == 0
    assert somebody("ana@norte.example").role is Role.member


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["create", "ana", "--name", "Ana"], 2),
        (["create", "ana@norte.example"], 2),
        (["create", "ana@norte.example", "--name", " "], 2),
        (["create", "ana@norte.example", "--name", "Ana", "--role", "god"], 2),
        (["create", "olga@norte.example", "--name", "Olga"], 1),
    ],
)
def test_the_command_says_what_is_wrong_on_stderr_and_adds_nobody(app, owner, words, code):
    said = run(app, *words)
    assert (said.exit_code, said.stdout) == (code, "")
    assert said.stderr.strip().splitlines()[-1].startswith("Error: ")
    assert len(members.team()) == 1


def test_the_owner_link_is_printed_until_there_is_an_owner(app):
    first, second = run(app, "owner-link"), run(app, "owner-link")
    assert first.stdout == second.stdout
    assert first.stdout.startswith("http://localhost/password/")
    a_member()
    db.session.commit()
    said = run(app, "owner-link")
    assert (said.exit_code, said.stdout) == (0, "")
    assert "owner already" in said.stderr
