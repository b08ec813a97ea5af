"""Bodies that nobody asked for are not read: who sends it, and how much, is asked first."""

import http.client
import io
from html import unescape
from urllib.parse import urlencode, urlsplit

import pytest

from service.extensions import db
from service.models import Role
from service.team.actions import sessions
from service.web.access import MOST_TYPED
from service.web.headers import LARGEST_FORM, LARGEST_OF_API, LARGEST_UPLOAD, MEGABYTE
from tests.builders import a_company, a_member, logged_in
from tests.pages import proof_in
from tests.web.test_access import ANYONE, MATRIX, routes

FORM = "application/x-www-form-urlencoded"
FILES = "multipart/form-data; boundary=x"
OURS = {"Sec-Fetch-Site": "same-origin"}

pytestmark = pytest.mark.parametrize("database", ["sqlite"])


class Unread(io.RawIOBase):
    """A body that must not be read."""

    def readable(self) -> bool:
        return True

    def readinto(self, _buffer: object) -> int:
        raise AssertionError("the body was read")


def send_unread(client, path, size, content_type, **headers):
    """Send a body of `size` bytes that must not be read."""
    return client.open(
        path,
        method="POST",
        headers={"Content-Type": content_type, **headers},
        environ_overrides={"wsgi.input": Unread(), "CONTENT_LENGTH": str(size)},
    )


@pytest.mark.parametrize(
    ("size", "content_type", "headers"),
    [
        (65 * MEGABYTE, FORM, OURS),
        (65 * MEGABYTE, FILES, OURS),
        (100, FORM, {}),
        (100, FORM, {"Sec-Fetch-Site": "cross-site"}),
        (100, FILES, OURS),
        (MOST_TYPED + 1, FORM, OURS),
    ],
)
def test_a_strangers_body_is_not_read_where_a_login_is_needed(
    app, client, size, content_type, headers
):
    for rule, method, path in routes(app):
        if method == "POST" and MATRIX[rule.endpoint] is not ANYONE:
            answer = send_unread(client, path, size, content_type, **headers)
            assert (answer.status_code, answer.location) == (302, "/login"), rule.endpoint


def test_a_body_of_somebody_without_the_role_is_not_read(app, client):
    logged_in(client, a_member(role=Role.viewer))
    for rule, method, path in routes(app):
        if method == "POST" and MATRIX[rule.endpoint] not in {ANYONE, Role.viewer}:
            answer = send_unread(client, path, 100, FORM)
            assert answer.status_code == 403, rule.endpoint


def test_a_body_larger_than_its_page_takes_is_not_read(app, client):
    a_company()
    logged_in(client, a_member(role=Role.owner))
    for rule, method, path in routes(app):
        if method == "POST":
            usual = LARGEST_OF_API if path.startswith("/api/") else LARGEST_FORM
            size = LARGEST_UPLOAD.get(rule.endpoint, usual) + 1
            assert send_unread(client, path, size, FILES).status_code == 413, rule.endpoint


def test_the_pages_that_take_large_files_exist(app):
    assert set(LARGEST_UPLOAD) <= set(app.view_functions)


def test_what_was_typed_by_somebody_who_is_logged_out_comes_back(client):
    typed = {"name": "Marta Ruiz Díaz", "language": "es", "csrf_token": "old"}
    answer = client.post("/profile", data=typed, headers=OURS)
    assert answer.status_code == 400
    assert 'value="Marta Ruiz Díaz"' in unescape(answer.text)


def test_what_was_typed_comes_back_although_the_forms_proof_is_still_good(client):
    member = a_member()
    logged_in(client, member)
    proof = proof_in(client.get("/profile").text)
    sessions.end_all(member)
    db.session.commit()
    logged_out = {"name": "Marta Ruiz Díaz", "language": "es", "csrf_token": proof}
    answer = client.post("/profile", data=logged_out, headers=OURS)
    assert answer.status_code == 400
    assert 'value="Marta Ruiz Díaz"' in unescape(answer.text)


@pytest.mark.parametrize(
    ("path", "megabytes", "status", "location"),
    [
        ("/imports", 65, 302, "/login"),
        ("/imports", 40, 302, "/login"),
        ("/settings", 1, 302, "/login"),
        ("/login", 65, 413, None),
        ("/s/nothing-here", 65, 413, None),
        ("/inbound/ses", 65, 413, None),
        ("/api/v1/suppressions", 65, 413, None),
        ("/nowhere", 65, 413, None),
    ],
)
def test_the_web_server_answers_before_the_body_is_sent(live, path, megabytes, status, location):
    connection = http.client.HTTPConnection(urlsplit(live.url).netloc, timeout=20)
    connection.putrequest("POST", path)
    connection.putheader("Content-Type", FILES)
    connection.putheader("Content-Length", str(megabytes * MEGABYTE))
    connection.endheaders()
    answer = connection.getresponse()
    assert (answer.status, answer.headers["Location"]) == (status, location)
    connection.close()


def test_a_form_that_is_large_and_slow_is_read_when_it_has_arrived(live):
    place = urlsplit(live.url).netloc
    slow, other = (http.client.HTTPConnection(place, timeout=20) for _each in range(2))
    slow.request("GET", "/login")
    page = slow.getresponse()
    proof = proof_in(page.read().decode())
    body = urlencode({"csrf_token": proof, "email": "a" * 200_000, "password": "b"}).encode()
    slow.putrequest("POST", "/login")
    slow.putheader("Cookie", page.headers["Set-Cookie"].partition(";")[0])
    slow.putheader("Content-Type", FORM)
    slow.putheader("Content-Length", str(len(body)))
    slow.endheaders(body[:100_000])
    other.request("POST", "/login", urlencode({"email": "a"}), {"Content-Type": FORM})
    assert other.getresponse().status == 400  # no proof; it did not wait for the slow one
    slow.send(body[100_000:])
    assert slow.getresponse().status == 422
    slow.close()
    other.close()
