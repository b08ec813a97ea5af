"""The panel before an act, in a real browser: readable, fit for a thumb, and without script."""

import os
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect

from service.clock import today
from service.models import Role
from tests.browser.test_provider_pages import enter, wider_than_its_window
from tests.builders import a_company, a_member
from tests.imports.lists import HEADER
from tests.live import DESK, PHONE, axe_violations

# What a page looks like does not depend on the database.
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

ENDED = today("Europe/Madrid") - timedelta(days=1)


@pytest.mark.parametrize(
    ("language", "size", "dark"), [("es", PHONE, False), ("en", DESK, True)], ids=["es", "en"]
)
def test_mails_are_seen_held_and_undone(
    live, browser, client, session, tmp_path, language, size, dark
):
    a_company(language=language)
    page = enter(
        browser(size, dark=dark, script=language == "en"),
        client,
        live,
        a_member(language=language, role=Role.owner),
    )
    session.rollback()  # the server has the database to itself
    wrong = []

    def look(name: str) -> None:
        if folder := os.environ.get("SHOTS"):
            page.screenshot(path=Path(folder) / f"{name}-{language}.png", full_page=True)
        if language == "en":
            wrong.extend(axe_violations(page))
            wrong.extend(wider_than_its_window(page))

    page.goto(f"{live.url}/departures/new")
    page.fill("[name=client]", "Cerámicas del Sur y de los Pueblos de Alrededor")
    page.fill("[name=contact_name]", "Elena Sur")
    page.fill("[name=email]", "elena.sur.de.la.concepcion@subdominio.ceramicas.example")
    page.fill("[name=end_on]", ENDED.isoformat())
    page.fill("[name=notice_on]", (ENDED - timedelta(days=20)).isoformat())
    page.click("main form .actions button")
    look("panel")
    page.check("[name=hold][value=thank_you]")
    page.click("[name=panel][value=yes]")
    look("departure")
    page.goto(f"{live.url}/deliveries?state=held")
    expect(page.locator("main .todo")).to_have_count(1)
    look("held")
    page.goto(live.url)
    look("today")
    page.go_back()
    page.locator("main .todo a").nth(1).click()
    page.click("form[action$='/undo'] button")
    expect(page.locator("main h1")).not_to_contain_text("Cerámicas")

    rows = "".join(
        f"Cliente {n};Ana de la Concepción;ana{n}@b.example;SEO;{ENDED}\n" for n in range(60)
    )
    file = tmp_path / "list.csv"
    file.write_text(f"{HEADER};servicio;fin\n{rows}")
    page.goto(f"{live.url}/imports")
    page.set_input_files("input[type=file]", file)
    page.click("form[data-drop] button")
    look("import")
    page.click("[name=page][value='2']")
    page.check("[name=hold] >> nth=0")
    page.click("[name=panel][value=yes]")
    look("imported")
    page.click("form[action$='/undo'] button")
    expect(page.locator("main form[action$='/undo']")).to_have_count(0)
    assert wrong == []
