"""Error pages: kind words in the reader's language, and nothing typed is lost."""

from html import unescape

import pytest
from flask import Flask, request
from sqlalchemy import text
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm.exc import StaleDataError

from service.errors import Conflict, Gone, Refused
from service.extensions import csrf, db, limiter
from tests.builders import a_member, logged_in
from tests.pages import proof_in

OURS = {"Sec-Fetch-Site": "same-origin"}
FAILURES = {
    "broken": ZeroDivisionError(),
    "locked": OperationalError("UPDATE", {}, Exception("database is locked")),
    "raced": StaleDataError(),
    "refused": Refused("Choose another day."),
    "gone": Gone("That link has been used."),
    "conflict": Conflict("Somebody was faster."),
}


def without_proof(client):
    """Take away the proof that `logged_in` sends along."""
    client.environ_base.pop("HTTP_X_CSRFTOKEN")
    return client


@pytest.fixture
def failing(remade) -> Flask:
    """An app with views that fail on purpose."""
    app = remade()

    def fail(how: str):
        raise FAILURES[how]

    app.add_url_rule("/fail/<how>", "fail", csrf.exempt(fail), methods=["GET", "POST"])
    rare = limiter.limit("1 per hour")(lambda: "once")
    app.add_url_rule("/once", "once", csrf.exempt(rare), methods=["GET", "POST"])
    app.add_url_rule("/read", "read", csrf.exempt(lambda: dict(request.form)), methods=["POST"])
    with app.app_context():
        yield app
        db.session.remove()


@pytest.mark.parametrize(
    ("how", "code", "words"),
    [
        ("broken", 500, "Algo se ha roto"),
        ("locked", 503, "Un momento"),
        ("raced", 409, "Alguien"),
        ("refused", 400, "Choose another day."),
        ("gone", 410, "That link has been used."),
        ("conflict", 409, "Somebody was faster."),
    ],
)
def test_a_failure_is_said_kindly_and_shows_nothing_of_the_inside(failing, how, code, words):
    answer = failing.test_client().get(f"/fail/{how}", headers={"Accept-Language": "es"})
    assert answer.status_code == code
    assert words in answer.text
    assert "Traceback" not in answer.text
    assert "UPDATE" not in answer.text


@pytest.mark.parametrize("how", ["broken", "locked", "raced"])
def test_what_was_typed_can_be_sent_again_after_a_failure(failing, how):
    typed = {"comment": 'Gracias "por todo" <3', "score": "9", "password": "secreto secreto"}
    page = unescape(failing.test_client().post(f"/fail/{how}", data=typed).text)
    assert 'name="comment" value="Gracias "por todo" <3"' in page
    assert f'action="/fail/{how}"' in page
    assert "secreto" not in page


def test_a_database_that_is_away_is_worth_another_try(failing):
    assert failing.test_client().get("/fail/locked").headers["Retry-After"] == "10"


def test_what_a_person_typed_gets_into_no_log(app, client, caplog):
    with pytest.raises(SQLAlchemyError) as caught:
        db.session.execute(text("SELECT :typed FROM nowhere"), {"typed": "my own words"})
    db.session.rollback()
    assert "my own words" not in str(caught.value)


def test_an_error_page_asks_nothing_of_a_database_that_is_away(remade, tmp_path):
    lost = remade(database_url=f"sqlite:///{tmp_path / 'no such directory' / 'a.sqlite3'}")
    with lost.app_context():
        for language in ("es", "en", "fr"):
            answer = lost.test_client().get("/login", headers={"Accept-Language": language})
            assert answer.status_code == 503


def test_too_many_requests_are_asked_to_wait_and_lose_nothing(failing):
    client = failing.test_client()
    assert client.post("/once").status_code == 200
    answer = client.post("/once", data={"comment": "Hola"})
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "60"
    assert 'value="Hola"' in answer.text
    assert "per 1 hour" not in answer.text


def test_an_unknown_address_says_what_to_do_in_the_browsers_language(client):
    for language, words in (("es", "no hay nada"), ("en", "There is nothing")):
        answer = client.get("/nowhere", headers={"Accept-Language": language})
        assert answer.status_code == 404
        assert words in answer.text
        assert f'<html lang="{language}">' in answer.text


def test_a_wrong_method_names_the_right_ones(client):
    answer = client.get("/logout")
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]


def test_a_body_that_is_too_big_gets_a_page(app, client):
    answer = client.post("/login", data={"email": "a" * (3 * 1024 * 1024)})
    assert answer.status_code == 413
    assert "<h1>" in answer.text


def test_characters_that_no_database_stores_are_no_fault_of_ours(app, client):
    logged_in(client, a_member())
    assert client.get("/providers/a%00b").status_code in {400, 404}
    assert client.get("/password/a%00b").status_code in {400, 404}
    page = client.get("/profile").text
    data = {"csrf_token": proof_in(page), "name": "Mar\x00ta \ud800".encode("utf-8", "replace")}
    assert client.post("/profile", data={**data, "language": ""}).status_code in {303, 422}


def test_a_form_whose_proof_expired_gives_back_what_was_typed(app, client):
    without_proof(logged_in(client, a_member(language="es")))
    typed = {"csrf_token": "old", "name": "Marta Ruiz Díaz", "language": "es"}
    answer = client.post("/profile", data=typed, headers=OURS)
    assert answer.status_code == 400
    assert 'value="Marta Ruiz Díaz"' in answer.text
    again = {**typed, "csrf_token": proof_in(answer.text)}
    assert client.post("/profile", data=again).status_code == 303


def test_a_forged_form_gets_no_button_that_would_make_it_good(app, client):
    without_proof(logged_in(client, a_member()))
    for site in ("cross-site", "same-site", "none", None):
        headers = {"Sec-Fetch-Site": site} if site else {}
        answer = client.post("/profile", data={"name": "Evil"}, headers=headers)
        assert answer.status_code == 400
        assert "Evil" not in answer.text


def test_who_was_logged_out_meanwhile_can_log_in_and_send_again(app, client):
    answer = client.post("/profile", data={"csrf_token": "old", "name": "Marta"}, headers=OURS)
    assert answer.status_code == 400
    assert 'href="/login" target="_blank"' in answer.text
    assert 'value="Marta"' in answer.text


def test_an_error_leaves_the_database_session_usable(failing):
    failing.test_client().get("/fail/broken")
    assert db.session.scalar(text("SELECT 1")) == 1
