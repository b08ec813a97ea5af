"""Who may do what: a matrix of route x role that fails when a route is missing from it."""

import pytest
from flask import Flask, g
from flask.testing import FlaskClient
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from service.extensions import db
from service.models import Role
from tests.builders import a_company, a_member, logged_in

ANYONE = None  # no login: a link's token is the authority, or the page is for everybody

# One line a route. GET and POST of one address are two endpoints.
MATRIX: dict[str, Role | None] = {
    "static": ANYONE,
    "health.healthz": ANYONE,
    "health.readyz": ANYONE,
    "metrics.show": ANYONE,  # by METRICS_TOKEN, or from this machine alone
    "security_txt.show": ANYONE,
    "logos.show": ANYONE,
    "feeds.as_html": ANYONE,
    "feeds.as_json": ANYONE,
    # Webhooks of mail providers, proven by their signatures
    "inbound.from_mailgun": ANYONE,
    "inbound.from_postmark": ANYONE,
    "inbound.from_sendgrid": ANYONE,
    "inbound.from_ses": ANYONE,
    # Other programs: their token is asked for, never the cookie (tests/api/test_access.py)
    "api_openapi.show": ANYONE,
    "api_suppressions.add": ANYONE,
    "api_suppressions.index": ANYONE,
    "api_suppressions.lift": ANYONE,
    "api_suppressions.show": ANYONE,
    "calendar.show": ANYONE,  # by an address that only its provider knows
    "news.index": ANYONE,
    "news.picture": ANYONE,
    "news.show": ANYONE,
    "newsletter_links.follow": ANYONE,  # the one GET that writes: a total of nobody
    # Links that clients get
    "talk.ask_to_talk": ANYONE,
    "talk.show": ANYONE,
    "preferences.ask_one_click": ANYONE,
    "preferences.one_click": ANYONE,
    "preferences.save": ANYONE,
    "preferences.show": ANYONE,
    "survey.answer": ANYONE,
    "survey.change": ANYONE,
    "survey.mail_link": ANYONE,
    "survey.review": ANYONE,
    "survey.show": ANYONE,
    "testimonial.change": ANYONE,
    "testimonial.confirm_edit": ANYONE,
    "testimonial.mail_link": ANYONE,
    "testimonial.own": ANYONE,
    "testimonial.show": ANYONE,
    "testimonial.submit": ANYONE,
    "testimonial.withdraw": ANYONE,
    "testimonial.withdraw_own": ANYONE,
    # Before the login
    "sessions.choose_password": ANYONE,
    "sessions.forgotten": ANYONE,
    "sessions.log_in": ANYONE,
    "sessions.login": ANYONE,
    "sessions.logout": ANYONE,
    "sessions.mail_password_link": ANYONE,
    "sessions.password": ANYONE,
    # One's own
    "calendars.close": Role.viewer,
    "calendars.renew": Role.viewer,
    "calendars.save": Role.viewer,
    "calendars.show": Role.viewer,
    "members.change_password": Role.viewer,
    "members.end_other_sessions": Role.viewer,
    "members.end_session": Role.viewer,
    "members.profile": Role.viewer,
    "members.save_profile": Role.viewer,
    # How mails look
    "mails.frame": Role.viewer,
    "mails.index": Role.viewer,
    "mails.send_test": Role.member,
    "mails.show": Role.viewer,
    "texts.frame": Role.viewer,
    "protocol_texts.frame": Role.viewer,
    "texts.index": Role.viewer,
    "protocol_texts.index": Role.viewer,
    "texts.preview": Role.viewer,
    "protocol_texts.preview": Role.viewer,
    "texts.show": Role.viewer,
    "protocol_texts.show": Role.viewer,
    "texts.send_test": Role.member,
    "protocol_texts.send_test": Role.member,
    "texts.restore": Role.owner,
    "protocol_texts.restore": Role.owner,
    "texts.save": Role.owner,
    "protocol_texts.save": Role.owner,
    "greeting_texts.frame": Role.viewer,
    "greeting_texts.preview": Role.viewer,
    "greeting_texts.show": Role.viewer,
    "greeting_texts.restore": Role.member,
    "greeting_texts.save": Role.member,
    "greeting_texts.send_test": Role.member,
    "greetings.index": Role.viewer,
    "greetings.people": Role.viewer,
    "greetings.add": Role.member,
    "greetings.change": Role.member,
    "greetings.delete": Role.member,
    "greetings.edit": Role.member,
    "greetings.new": Role.member,
    "greetings.switch": Role.member,
    # Reading
    "clients.index": Role.viewer,
    "clients.show": Role.viewer,
    "consents.show": Role.viewer,
    "talk_requests.index": Role.viewer,
    "talk_requests.show": Role.viewer,
    "forecast.index": Role.viewer,
    "deliveries.index": Role.viewer,
    "deliveries.show": Role.viewer,
    "departures.index": Role.viewer,
    "departures.show": Role.viewer,
    "inbound_mails.index": Role.viewer,
    "inbound_mails.show": Role.viewer,
    "recoveries.index": Role.viewer,
    "recoveries.show": Role.viewer,
    "returns.index": Role.viewer,
    "results.churn_by_month": Role.viewer,
    "results.export": Role.member,
    "results.index": Role.viewer,
    "suppressions.export": Role.member,
    "suppressions.index": Role.viewer,
    "suppressions.show": Role.viewer,
    "settings.index": Role.viewer,  # leads those who are no owner to their own profile
    "testimonials.index": Role.viewer,
    "testimonials.show": Role.viewer,
    "today.index": Role.viewer,
    # Newsletters
    "newsletter_audiences.save": Role.member,
    "newsletter_audiences.show": Role.viewer,
    "newsletter_images.delete": Role.member,
    "newsletter_images.upload": Role.member,
    "newsletter_issues.cancel": Role.member,
    "newsletter_issues.pause": Role.member,
    "newsletter_issues.resume": Role.member,
    "newsletter_issues.show": Role.viewer,
    "newsletter_texts.frame": Role.viewer,
    "newsletter_texts.preview": Role.viewer,
    "newsletter_texts.save": Role.member,
    "newsletter_texts.send_test": Role.member,
    "newsletter_texts.show": Role.viewer,
    "newsletters.create": Role.member,
    "newsletters.delete": Role.member,
    "newsletters.describe": Role.member,
    "newsletters.duplicate": Role.member,
    "newsletters.end": Role.member,
    "newsletters.index": Role.viewer,
    "newsletters.plan": Role.member,
    "newsletters.schedule": Role.member,
    "newsletters.show": Role.viewer,
    # The daily work
    "clients.add_contact": Role.member,
    "consents.record": Role.member,
    "clients.change": Role.member,
    "clients.change_contact": Role.member,
    "clients.edit": Role.member,
    "clients.edit_contact": Role.member,
    "clients.new_contact": Role.member,
    "talk_requests.decline": Role.member,
    "talk_requests.hold": Role.member,
    "talk_requests.plan": Role.member,
    "talk_requests.reopen": Role.member,
    "deliveries.arrived": Role.member,
    "deliveries.cancel": Role.member,
    "deliveries.drop": Role.member,
    "deliveries.give_up": Role.member,
    "deliveries.release": Role.member,
    "deliveries.send_again": Role.member,
    "deliveries.send_after_all": Role.member,
    "deliveries.send_all_again": Role.member,
    "deliveries.send_held": Role.member,
    "acts.undo": Role.member,
    "departures.change": Role.member,
    "departures.delete": Role.member,
    "departures.edit": Role.member,
    "departures.move": Role.member,
    "departures.new": Role.member,
    "departures.record": Role.member,
    "imports.confirm": Role.member,
    "imports.example": Role.viewer,
    "imports.index": Role.member,
    "imports.show": Role.member,
    "imports.undo": Role.member,
    "imports.upload": Role.member,
    "inbound_mails.have_done": Role.member,
    "recoveries.apologise": Role.member,
    "recoveries.close": Role.member,
    "recoveries.remove_apology": Role.member,
    "recoveries.reopen": Role.member,
    "returns.new": Role.member,
    "returns.record": Role.member,
    "returns.undo": Role.member,
    "samples.create": Role.member,
    "samples.remove": Role.member,
    "protocols.index": Role.viewer,
    "protocols.show": Role.viewer,
    "protocols.versions": Role.viewer,
    "protocols.add": Role.member,
    "protocols.ask_delete": Role.member,
    "protocols.change": Role.member,
    "protocols.delete": Role.member,
    "protocols.make_default": Role.member,
    "protocols.move": Role.member,
    "protocols.new": Role.member,
    "protocols.put_back": Role.member,
    "protocols.rules": Role.member,
    "protocol_steps.add": Role.member,
    "protocol_steps.change": Role.member,
    "protocol_steps.edit": Role.member,
    "protocol_steps.move": Role.member,
    "protocol_steps.new": Role.member,
    "protocol_steps.remove": Role.member,
    "protocol_steps.restore": Role.member,
    "protocol_steps.restore_built_in": Role.member,
    "protocol_steps.switch": Role.member,
    "steps.pause": Role.member,
    "steps.put_on": Role.member,
    "steps.put_back": Role.member,
    "steps.resume": Role.member,
    "steps.send": Role.member,
    "steps.skip": Role.member,
    "steps.stop": Role.member,
    "suppression_lists.confirm": Role.member,
    "suppression_lists.index": Role.member,
    "suppression_lists.show": Role.member,
    "suppression_lists.upload": Role.member,
    "suppressions.add": Role.member,
    "suppressions.lift": Role.member,
    "suppressions.new": Role.member,
    "suppressions.put_back": Role.member,
    "testimonials.approve": Role.member,
    "testimonials.reject": Role.member,
    "testimonials.reopen": Role.member,
    "testimonials.shorten": Role.member,
    # Setting things up
    "api_tokens.create": Role.owner,
    "api_tokens.index": Role.owner,
    "api_tokens.new": Role.owner,
    "api_tokens.revoke": Role.owner,
    "doctor.check": Role.owner,
    "doctor.index": Role.owner,
    "questions.add": Role.owner,
    "questions.change": Role.owner,
    "questions.delete": Role.owner,
    "questions.edit": Role.owner,
    "questions.index": Role.owner,
    "questions.move": Role.owner,
    "questions.new": Role.owner,
    "questions.preview": Role.owner,
    "questions.put_back": Role.owner,
    "questions.switch": Role.owner,
    "members.change": Role.owner,
    "members.deactivate": Role.owner,
    "members.exports": Role.owner,
    "members.index": Role.owner,
    "members.invite": Role.owner,
    "members.reactivate": Role.owner,
    "members.send_invitation": Role.owner,
    "members.send_link": Role.owner,
    "members.show": Role.owner,
    "settings.save": Role.owner,
}


def routes(app: Flask) -> list[tuple[Rule, str, str]]:
    """Return every route as rule, method and an address made of things that do not exist."""
    adapter = app.url_map.bind("localhost")
    found = []
    for rule in app.url_map.iter_rules():
        values = {
            name: 987 if type(converter).__name__ == "IntegerConverter" else "nothing-here"
            for name, converter in rule._converters.items()
        }
        path = adapter.build(rule.endpoint, values)
        found += [(rule, method, path) for method in sorted(rule.methods & {"GET", "POST"})]
    return found


def press(client: FlaskClient, method: str, path: str) -> TestResponse:
    data = {} if method == "POST" else None
    return client.open(path, method=method, data=data, buffered=True)  # a file is closed


def wants_login(answer: TestResponse) -> bool:
    return answer.status_code == 302 and (answer.location or "").startswith("/login")


@pytest.fixture
def without_proofs(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """Forms need no CSRF token here, so that it is the role that decides."""
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", False)
    return app


def test_every_route_is_in_the_matrix_and_every_line_is_a_route(app):
    names = {rule.endpoint for rule in app.url_map.iter_rules()}
    assert names - set(MATRIX) == set(), "routes that no line of the matrix speaks of"
    assert set(MATRIX) - names == set(), "lines of the matrix without a route"


def test_every_view_requires_the_role_of_the_matrix(app):
    said = {
        name: getattr(view, "required_role", ANYONE) for name, view in app.view_functions.items()
    }
    wrong = {name: (role, MATRIX.get(name)) for name, role in said.items() if role != MATRIX[name]}
    assert wrong == {}


def test_a_stranger_is_asked_to_log_in(without_proofs, client):
    for rule, method, path in routes(without_proofs):
        answer = press(client, method, path)
        is_open = MATRIX[rule.endpoint] is ANYONE
        assert wants_login(answer) != is_open, f"{method} {path} answers {answer.status}"


@pytest.mark.parametrize("role", list(Role))
def test_a_role_may_do_what_the_matrix_says_and_nothing_else(without_proofs, client, role):
    a_company()
    a_member()  # somebody else is an owner too
    me = a_member(role=role)
    for rule, method, path in routes(without_proofs):
        answer = press(logged_in(client, me), method, path)
        needed = MATRIX[rule.endpoint]
        what = f"{role}: {method} {path} answers {answer.status}"
        assert (answer.status_code == 403) != (needed is ANYONE or role.covers(needed)), what
        assert not wants_login(answer), what
        assert answer.status_code < 500 or rule.endpoint == "health.readyz", what
        db.session.rollback()


def test_nothing_behind_the_login_is_done_without_the_forms_proof(app, client):
    logged_in(client, a_member()).environ_base.pop("HTTP_X_CSRFTOKEN")
    for rule, method, path in routes(app):
        if method == "POST" and (MATRIX[rule.endpoint] or rule.endpoint.startswith("sessions.")):
            answer = press(client, method, path)
            assert answer.status_code == 400, f"{method} {path} answers {answer.status}"


def test_a_deactivated_provider_is_out_at_once(app, client):
    member = a_member()
    logged_in(client, member)
    assert client.get("/profile").status_code == 200
    member.is_active = False
    db.session.commit()
    assert wants_login(client.get("/profile"))


def test_templates_and_their_macros_read_who_is_logged_in_and_what_they_may_do(app):
    page = "{% macro plain() %}{{ me.name }} {{ 1 if may_act }}{{ 2 if may_own }}{% endmacro %}"
    seen = {Role.viewer: "Marta ", Role.member: "Marta 1", Role.owner: "Marta 12", None: " "}
    for role, expected in seen.items():
        g.member = a_member(name="Marta", role=role) if role else None
        assert str(app.jinja_env.from_string(page).module.plain()) == expected


def test_public_pages_do_not_even_look_at_the_cookie(app, client):
    logged_in(client, a_member())
    for path in ("/healthz", "/logo", "/s/nothing-here"):
        answer = client.get(path)
        assert "Cookie" not in answer.headers.get("Vary", "")
        assert "Set-Cookie" not in answer.headers
