"""Tokens for other programs, as an owner makes and revokes them."""

import re

import pytest
from sqlalchemy import select

from service.extensions import db
from service.models import ApiScope, ApiToken, Role
from service.team.actions import api_tokens
from tests.builders import a_company, a_member, logged_in
from tests.pages import send

# What a page says does not depend on the database.
shows = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def owner(client, session):
    """The browser of an owner who reads English."""
    a_company(language="en")
    return logged_in(client, a_member(language="en", name="Marta Ruiz"))


def secret_in(html: str) -> str:
    return re.findall(r'<input id="secret" value="([^"]+)"', html)[0]


def tokens() -> list[ApiToken]:
    db.session.rollback()
    return list(db.session.scalars(select(ApiToken).order_by(ApiToken.id)))


@shows
def test_an_empty_page_says_what_a_token_is_for(owner):
    shown = owner.get("/api-tokens").text
    assert "No program has a token yet" in shown
    assert "/api-tokens" in owner.get("/settings").text


def test_a_new_token_is_shown_once_and_works(owner):
    answer = send(owner, "/api-tokens/new", {"name": " CRM "})

    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    secret = secret_in(answer.text)
    assert re.fullmatch(r"hl_[A-Za-z0-9_-]{43}", secret)
    (token,) = tokens()
    assert (token.name, token.maker.name, token.scopes) == ("CRM", "Marta Ruiz", ["suppressions"])
    assert secret not in " ".join(str(value) for value in vars(token).values())
    asked = owner.get("/api/v1/suppressions", headers={"Authorization": f"Bearer {secret}"})
    assert asked.status_code == 200
    later = owner.get("/api-tokens").text
    assert secret not in later
    assert f"hl_…{secret[-4:]}" in later
    with owner.session_transaction() as cookies:
        assert secret not in str(dict(cookies))


def test_no_two_secrets_are_alike(owner):
    made = {secret_in(send(owner, "/api-tokens/new", {"name": f"P{n}"}).text) for n in range(5)}
    assert len(made) == 5


@shows
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "Write which program it is for."),
        (" ", "Write which program it is for."),
        ("x" * 37, "Shorten it to 36 characters."),
        ("CRM", "There is a token with this name already."),
    ],
)
def test_a_name_that_does_not_do_is_explained(owner, name, words):
    send(owner, "/api-tokens/new", {"name": "CRM"})
    answer = send(owner, "/api-tokens/new", {"name": name})
    assert answer.status_code == 422
    assert words in answer.text
    assert len(tokens()) == 1


def test_revoking_asks_first_shuts_out_at_once_and_says_who_did_it(owner, caplog):
    caplog.set_level("INFO")
    secret = secret_in(send(owner, "/api-tokens/new", {"name": "CRM"}).text)
    path = f"/api-tokens/{tokens()[0].public_id}/revoke"
    assert "is shut out at once" in owner.get("/api-tokens").text

    answer = send(owner, path, page="/api-tokens")
    send(owner, path, page="/api-tokens/new")  # twice is once

    assert answer.location == "/api-tokens"
    (token,) = tokens()
    assert (token.revoked_at is not None, token.revoker.name) == (True, "Marta Ruiz")
    asked = owner.get("/api/v1/suppressions", headers={"Authorization": f"Bearer {secret}"})
    assert asked.status_code == 401
    assert "revoked" in owner.get("/api-tokens").text
    said = "\n".join(record.getMessage() for record in caplog.records)
    assert said.count("api_token_created") == said.count("api_token_revoked") == 1
    assert secret not in said
    assert "CRM" not in said
    assert send(owner, "/api-tokens/new", {"name": "CRM"}).status_code == 201  # the name is free


@shows
def test_the_longest_name_still_is_the_source_of_what_the_program_does(owner):
    name = "ñ" * 36
    secret = secret_in(send(owner, "/api-tokens/new", {"name": name}).text)
    headers = {"Authorization": f"Bearer {secret}", "Idempotency-Key": "k"}
    body = {"email": "ana@cruz.example", "scope": "unasked"}
    answer = owner.post("/api/v1/suppressions", json=body, headers=headers)
    assert answer.json["source"] == f"api:{name}"


@shows
def test_a_token_outlives_the_login_of_its_maker_and_the_page_says_so(client, session):
    a_company(language="en")
    maker = a_member(is_active=False)
    _, secret = api_tokens.create("CRM", list(ApiScope), maker)
    owner = logged_in(client, a_member(language="en"))
    assert "cannot log in" in owner.get("/api-tokens").text
    asked = owner.get("/api/v1/suppressions", headers={"Authorization": f"Bearer {secret}"})
    assert asked.status_code == 200


@shows
@pytest.mark.parametrize("role", [Role.viewer, Role.member])
def test_only_owners_see_tokens(client, session, role):
    page = logged_in(client, a_member(role=role))
    assert page.get("/api-tokens").status_code == 403
    assert page.post("/api-tokens/new", data={"name": "x"}).status_code == 403
    assert tokens() == []
