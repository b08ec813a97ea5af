"""Who may call the API: a token alone opens it, and whatever goes wrong is told as a problem."""

from datetime import timedelta

import pytest
from sqlalchemy import event

from service.api import access
from service.clock import now
from service.extensions import csrf, db, limiter
from service.models import ApiScope
from service.team.actions import api_tokens
from tests.api.callers import SUPPRESSIONS, problem_of
from tests.builders import a_member, logged_in

ANYBODY = None
MATRIX = {
    "api_openapi.show": ANYBODY,
    "api_suppressions.add": ApiScope.suppressions,
    "api_suppressions.index": ApiScope.suppressions,
    "api_suppressions.lift": ApiScope.suppressions,
    "api_suppressions.show": ApiScope.suppressions,
}


def calls(app) -> list[tuple[str, str, str]]:
    """Every call of the API: endpoint, method, an address of things that do not exist."""
    found = []
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/api/"):
            path = rule.rule.replace("<public_id>", "nothing-here")
            found += [
                (rule.endpoint, method, path) for method in sorted(rule.methods & {"GET", "POST"})
            ]
    return found


def test_every_call_is_in_the_matrix_with_its_scope(app):
    said = {
        name: getattr(app.view_functions[name], "required_scope", ANYBODY)
        for name, _, _ in calls(app)
    }
    assert said == MATRIX


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer hl_nonsense",
        "Bearer hl_" + "a" * 43,
        "Bearer \xf1and\xfa",
        "Basic aGw6aGw=",
        "bearer a=b",
        "hl_nonsense",
    ],
)
def test_without_a_token_that_works_nothing_opens(app, crm, header):
    for endpoint, method, path in calls(app):
        headers = {} if header is None else {"Authorization": header}
        answer = crm.client.open(path, method=method, headers=headers)
        if MATRIX[endpoint] is ANYBODY:
            assert answer.status_code == 200
            continue
        assert problem_of(answer)["status"] == 401, f"{method} {path}"
        assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


def test_a_session_opens_nothing(app, crm):
    logged_in(crm.client, a_member())
    for endpoint, method, path in calls(app):
        if MATRIX[endpoint]:
            answer = crm.client.open(path, method=method, json={} if method == "POST" else None)
            assert problem_of(answer)["status"] == 401, f"{method} {path}"
            assert "Cookie" not in answer.headers.get("Vary", "")


def test_a_revoked_token_opens_nothing_from_the_next_request_on(crm):
    assert crm.ask().status_code == 200
    api_tokens.revoke(crm.token, a_member())
    db.session.commit()
    answer = crm.ask()
    assert problem_of(answer)["status"] == 401
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


def test_a_token_opens_only_what_it_is_good_for(app, crm):
    crm.token.scopes = []
    db.session.commit()
    for endpoint, method, path in calls(app):
        if MATRIX[endpoint]:
            answer = crm.send({}, path) if method == "POST" else crm.ask(path)
            assert problem_of(answer)["status"] == 403, f"{method} {path}"
            assert 'scope="suppressions"' in answer.headers["WWW-Authenticate"]


def test_the_api_needs_no_forms_proof_and_the_pages_still_do(app, crm):
    assert app.config["WTF_CSRF_ENABLED"]
    answer = crm.send({"email": "ana@cruz.example", "scope": "unasked"})
    assert answer.status_code == 201
    exempt = {blueprint.name for blueprint in csrf._exempt_blueprints}
    assert "suppressions" not in exempt
    assert "api_tokens" not in exempt


def test_the_day_of_its_last_use_is_kept_with_one_write_a_day(crm):
    written: list[str] = []

    def note(_connection, _cursor, statement, *_more):
        if statement.startswith("UPDATE api_tokens"):
            written.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        assert crm.token.last_used_on is None
        assert crm.ask().status_code == 200
        assert crm.token.last_used_on == now().date()
        crm.ask()
        crm.send({"email": "ana@cruz.example", "scope": "unasked"})
        assert len(written) == 1
        crm.token.last_used_on = now().date() - timedelta(days=1)
        db.session.commit()
        written.clear()
        crm.ask()
        assert len(written) == 1
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    assert crm.token.last_used_on == now().date()


def test_a_token_may_ask_only_so_often_and_is_told_when_again(crm, monkeypatch):
    monkeypatch.setattr(access, "PER_PROGRAM", "3/minute")
    limiter.reset()
    codes = [crm.ask().status_code for _ in range(3)]
    answer = crm.ask()
    limiter.reset()
    assert codes == [200, 200, 200]
    assert problem_of(answer)["status"] == 429
    assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/api/v1/nothing", 404),
        ("POST", "/api/v1/nothing", 404),
        ("GET", "/api/", 404),
        ("GET", "/api/v1/suppressions/", 404),
        ("DELETE", SUPPRESSIONS, 405),
        ("PUT", f"{SUPPRESSIONS}/x", 405),
        ("GET", f"{SUPPRESSIONS}/x/lift", 405),
        ("GET", f"{SUPPRESSIONS}/nothing-here", 404),
        ("GET", f"{SUPPRESSIONS}/a%00b", 404),
    ],
)
def test_addresses_and_methods_that_do_not_exist_are_problems(crm, method, path, code):
    headers = {"Authorization": f"Bearer {crm.secret}", "Accept": "text/html"}
    answer = crm.client.open(path, method=method, headers=headers)
    assert problem_of(answer)["status"] in {code, 400}
    if code == 405:
        assert answer.headers["Allow"]


@pytest.mark.parametrize(
    ("method", "path"),
    [("OPTIONS", SUPPRESSIONS), ("GET", "/api/v1//suppressions"), ("HEAD", SUPPRESSIONS)],
)
def test_what_the_framework_answers_by_itself_is_no_page_either(crm, method, path):
    answer = crm.client.open(path, method=method)
    assert answer.mimetype != "text/html"
    assert answer.data == b""


def test_what_breaks_here_is_a_problem_without_its_innards(crm, monkeypatch):
    def fail(*_args):
        raise ZeroDivisionError("ana@cruz.example")

    monkeypatch.setattr("service.consent.queries.newest_before", fail)
    crm.client.application.config["PROPAGATE_EXCEPTIONS"] = False
    try:
        answer = crm.ask()
    finally:
        crm.client.application.config["PROPAGATE_EXCEPTIONS"] = None
    assert problem_of(answer)["status"] == 500
    assert "cruz" not in answer.text


def test_other_pages_still_speak_html(crm):
    assert crm.client.get("/nowhere").mimetype == "text/html"
