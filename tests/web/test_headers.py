"""Headers, proxies, links and cookies."""

import re
from urllib.parse import unquote, urlsplit

import pytest
from flask import request, url_for

from service.extensions import db
from tests.builders import a_company, a_member, an_invitation, logged_in
from tests.pages import send
from tests.web.test_access import routes

PUBLIC_PAGES = ("/s/nothing-here", "/login", "/nowhere", "/healthz")
PROVIDER_PAGES = ("/settings", "/profile", "/providers", "/providers/new")


def directives(answer) -> dict[str, str]:
    policy = answer.headers["Content-Security-Policy"]
    return {part.split()[0]: part.strip() for part in policy.split(";")}


@pytest.mark.parametrize("path", PUBLIC_PAGES + PROVIDER_PAGES)
def test_every_answer_carries_the_headers(client, path):
    logged_in(client, a_member())
    answer = client.get(path)
    policy = directives(answer)
    assert policy["default-src"] == "default-src 'none'"
    assert policy["frame-ancestors"] == "frame-ancestors 'none'"
    assert policy["base-uri"] == "base-uri 'none'"
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/login", "/nowhere", *PROVIDER_PAGES])
def test_what_stands_inline_carries_the_nonce_and_nothing_else_does(client, path):
    a_company()
    logged_in(client, a_member()) if path in PROVIDER_PAGES else None
    answer = client.get(path)
    nonce = re.search(r"'nonce-([\w-]+)'", answer.headers["Content-Security-Policy"])[1]
    assert set(re.findall(r"<(?:style|script)([^>]*)>", answer.text)) <= {f' nonce="{nonce}"'}
    assert not re.search(r"<[^>]+\s(?:style|on\w+)=", answer.text)


def test_a_nonce_is_never_used_twice(client):
    one, other = (directives(client.get("/nowhere"))["style-src"] for _round in range(2))
    assert one != other


def test_pages_load_nothing_from_other_hosts(client):
    logged_in(client, a_member())
    for path in PUBLIC_PAGES + PROVIDER_PAGES:
        assert not re.search(r'(?:src|href|action)="(?:https?:)?//', client.get(path).text), path


def test_https_is_insisted_on_only_where_there_is_https(client, remade):
    assert "Strict-Transport-Security" not in client.get("/login").headers
    safe = remade(base_url="https://adios.example.com")
    answer = safe.test_client().get("/login", base_url="https://adios.example.com")
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_the_session_cookie_is_out_of_reach(remade):
    safe = remade(base_url="https://adios.example.com")
    answer = safe.test_client().get("/login", base_url="https://adios.example.com")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-session=")
    for word in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
        assert word in cookie


def test_forms_work_behind_https_although_no_referrer_is_sent(remade):
    safe = remade(base_url="https://adios.example.com").test_client()
    where = {"base_url": "https://adios.example.com"}
    page = safe.get("/forgot-password", **where).text
    proof = page.split('name="csrf_token" type="hidden" value="')[1].split('"')[0]
    data = {"csrf_token": proof, "email": "nadie@norte.example"}
    assert safe.post("/forgot-password", data=data, **where).status_code == 200


@pytest.mark.parametrize(
    ("proxies", "seen"), [(0, "10.0.0.1"), (1, "203.0.113.9"), (2, "198.51.100.7")]
)
def test_proxies_are_believed_as_far_as_the_settings_say(remade, proxies, seen):
    app = remade(trusted_proxies=proxies)
    app.add_url_rule("/who", "who", lambda: [request.remote_addr])
    answer = app.test_client().get(
        "/who",
        environ_overrides={"REMOTE_ADDR": "10.0.0.1"},
        headers={"X-Forwarded-For": "198.51.100.7, 203.0.113.9"},
    )
    assert answer.json == [seen]


EVIL = "evil.example"
EVIL_HEADERS = {
    "Host": EVIL,
    "X-Forwarded-Host": EVIL,
    "X-Forwarded-Proto": "ftp",
    "X-Forwarded-Prefix": f"//{EVIL}",
    "Forwarded": f"host={EVIL}",
    "X-Original-Url": f"//{EVIL}/",
}


@pytest.mark.parametrize("proxies", [0, 1])
def test_a_request_is_one_to_the_base_url_whatever_it_says(remade, proxies):
    app = remade(base_url="https://adios.example.com:8443", trusted_proxies=proxies)
    app.add_url_rule("/where", "where", lambda: [request.url, url_for("where", _external=True)])
    where = "https://adios.example.com:8443/where"
    assert app.test_client().get("/where", headers=EVIL_HEADERS).json == [where, where]


@pytest.mark.parametrize(
    "path",
    [
        "/departures//new",
        "//departures/new",
        "//evil.example/departures",
        "/news//",
        "/settings",
        "/settings?language=en",
        "/login?next=//evil.example",
        "/login?next=https://evil.example/",
        "/login?next=/%09/evil.example",
        "/forgot-password//?language=es",
        "/api//v1/suppressions",
        "/s//nothing-here",
    ],
)
@pytest.mark.parametrize("is_logged_in", [False, True], ids=["stranger", "member"])
def test_redirects_stay_within_the_base_url_whatever_the_host_header_says(
    client, path, is_logged_in
):
    if is_logged_in:
        logged_in(client, a_member())
    answer = client.get(path, headers=EVIL_HEADERS)
    where = urlsplit(answer.location or "/")
    assert (where.scheme, where.netloc) in {("", ""), ("http", "localhost")}
    assert EVIL not in where.path
    assert EVIL not in unquote(answer.headers.get("Set-Cookie", ""))


def test_every_address_with_a_doubled_slash_leads_to_the_base_url(app, client):
    for _rule, method, path in routes(app):
        for odd in (f"/{path}", f"{path}//", path.replace("/", "//")):
            sent = {"PATH_INFO": odd, "REQUEST_URI": odd}  # "//x" would be a host to the client
            answer = client.open(
                method=method, headers=EVIL_HEADERS, environ_overrides=sent, buffered=True
            )
            assert urlsplit(answer.location or "").netloc in {"", "localhost"}, odd


def test_pages_by_token_set_no_cookie(app, client):
    from service.mail import links

    invitation = an_invitation()
    db.session.commit()
    path = links.survey(invitation).removeprefix("http://localhost")
    assert "Set-Cookie" not in client.get(path).headers


def test_files_with_their_version_in_the_address_are_kept_for_good(client):
    kept = {}
    for path in ("/static/base.css?v=1", "/static/base.css", "/static/nothing.css?v=1"):
        with client.get(path) as answer:
            kept[path] = answer.headers["Cache-Control"]
    assert "immutable" in kept["/static/base.css?v=1"]
    assert "immutable" not in kept["/static/base.css"]
    assert kept["/static/nothing.css?v=1"] == "no-store"


def test_what_a_person_typed_is_never_markup(app, client):
    logged_in(client, a_member(name="<script>alert(1)</script>"))
    nasty = '"><img src=x onerror=alert(1)>'
    answer = send(client, "/providers/new", {"name": nasty, "email": nasty, "role": "member"})
    assert answer.status_code == 422
    assert "<img src=x" not in answer.text
    assert "<script>alert" not in answer.text
