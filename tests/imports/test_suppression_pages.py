"""Bringing in a list of those who get no mail: look first, confirm, whole or not at all."""

import io
import re

import pytest
from sqlalchemy import func, select

from service.mail.policy import suppressions
from service.models import Role, Suppression
from tests.builders import a_company, a_contact, a_member, logged_in
from tests.imports.test_suppressions import CLEANED, SUBSCRIBED, UNSUBSCRIBED


@pytest.fixture
def browser(client, session):
    """A member of the team, logged in, who speaks English."""
    a_company(language="en")
    return logged_in(client, a_member(language="en", role=Role.member))


def uploaded(browser, data: str, name: str = "unsubscribed.csv") -> str:
    """Upload a list and return the address of its preview."""
    file = (io.BytesIO(data.encode()), name)
    answer = browser.post("/suppressions/import", data={"file": file})
    assert answer.status_code == 303, answer.text
    return answer.location


def shown(page: str) -> dict[str, str]:
    """Return what the form that confirms says was shown."""
    return {"shown": re.search(r'name="shown" value="([^"]*)"', page)[1]}


def how_many(session) -> int:
    session.rollback()
    return session.scalar(select(func.count(Suppression.id)))


def test_a_list_is_uploaded_looked_at_and_imported(browser, session):
    a_contact(email="ana@cruz.example")
    address = uploaded(browser, UNSUBSCRIBED)
    for _ in range(2):
        preview = browser.get(address).text
    assert "Otoño · No longer interested" in preview
    assert how_many(session) == 0

    answer = browser.post(address, data=shown(preview))

    assert (answer.status_code, answer.location) == (303, "/suppressions")
    assert how_many(session) == 2
    row = suppressions.find("ana@cruz.example")
    assert (row.source, row.member.name) == ("import", "Marta Ruiz")
    assert "2 are new on the list." in browser.get("/suppressions").text


def test_a_bad_list_is_shown_by_line_and_cannot_be_confirmed(browser, session):
    address = uploaded(browser, "email\nana@cruz.example\nana\n")
    preview = browser.get(address)
    assert (preview.status_code, "An address needs an @" in preview.text) == (422, True)
    assert browser.post(address, data={"shown": ""}).status_code == 303
    assert how_many(session) == 0


def test_the_list_of_the_subscribed_is_refused_kindly(browser):
    preview = browser.get(uploaded(browser, SUBSCRIBED))
    assert "This is Mailchimp&#39;s list of those who get mail" in preview.text


def test_what_is_all_there_already_needs_no_confirming(browser):
    address = uploaded(browser, CLEANED)
    browser.post(address, data=shown(browser.get(address).text))
    assert "All of it is here already" in browser.get(uploaded(browser, CLEANED)).text


def test_what_changed_since_the_preview_is_shown_again(browser, session):
    first, second = uploaded(browser, CLEANED), uploaded(browser, CLEANED)
    fields = shown(browser.get(second).text)
    browser.post(first, data=shown(browser.get(first).text))

    assert browser.post(second, data=fields).location == second
    assert "Something changed since you looked" in browser.get(second).text


def test_pressing_twice_imports_once_and_explains(browser, session):
    address = uploaded(browser, CLEANED)
    fields = shown(browser.get(address).text)
    browser.post(address, data=fields)
    assert browser.post(address, data=fields).status_code == 410
    assert how_many(session) == 1


def test_no_file_and_no_such_list_are_kind_answers(browser):
    assert browser.post("/suppressions/import", data={}).status_code == 422
    for key in ("x", "a" * 22):
        assert browser.get(f"/suppressions/import/{key}").status_code == 410


def test_the_list_itself_cannot_write_on_the_page(browser):
    script = "<script>alert(1)</script>"
    for data in (f"email;note\na@b.es;{script}\n", f"email;{script}\n{script};{script}\n"):
        page = browser.get(uploaded(browser, data, f"{script}.csv")).text
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert" in page
