"""Those who get no mail, in a real browser: it fits, it is accessible, it runs nothing."""

import pytest

from service.extensions import db
from service.mail.policy import suppressions
from service.models import SuppressionReason
from tests.browser.test_provider_pages import enter
from tests.builders import a_company, a_member
from tests.hostile import SCRIPTS
from tests.live import DESK, PHONE, axe_violations, too_small_for_a_thumb, wider_than_its_window

# What a page looks like does not depend on the database.
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

LONG = "una.direccion.muy.larga.que.no.cabe@subdominio.de.una.empresa.con.nombre.example"


def test_an_address_and_its_log_fit_are_accessible_and_run_nothing(
    app, live, browser, client, session
):
    a_company(language="en")
    said = "\n".join(SCRIPTS)
    row = suppressions.add(LONG, SuppressionReason.complaint, source=SCRIPTS[0][:40], detail=said)
    lifted = suppressions.add(LONG, SuppressionReason.by_provider)
    suppressions.lift(lifted, said, source="provider")
    member = a_member(language="en")
    db.session.commit()
    addresses = ("/suppressions", f"/suppressions?q={SCRIPTS[0]}", f"/suppressions/{row.public_id}")
    session.rollback()  # the server has the database to itself
    ran: list[str] = []
    wrong: list[str] = []
    page = enter(browser(PHONE), client, live, member)
    session.rollback()
    page.expose_function("ran", lambda: ran.append(page.url))
    for address in addresses:
        page.set_viewport_size(PHONE)
        page.goto(live.url + address)
        wrong += axe_violations(page) + too_small_for_a_thumb(page) + wider_than_its_window(page)
        page.set_viewport_size(DESK)
        wrong += too_small_for_a_thumb(page) + wider_than_its_window(page)
    assert said.replace("\n", " ")[:40] in " ".join(page.locator("main").inner_text().split())
    assert (ran, wrong) == ([], [])
