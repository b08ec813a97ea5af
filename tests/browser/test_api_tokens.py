"""Tokens of other programs in a real browser: the one that is shown once, and the list."""

import pytest

from service.extensions import db
from service.models import ApiScope
from service.team.actions import api_tokens
from tests.browser.test_provider_pages import enter
from tests.builders import a_company, a_member
from tests.live import DESK, PHONE, axe_violations, too_small_for_a_thumb, wider_than_its_window

# What a page looks like does not depend on the database.
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.mark.parametrize(("size", "language"), [(PHONE, "es"), (DESK, "en")])
def test_a_token_is_made_shown_once_and_revoked(
    app, live, browser, client, session, size, language
):
    a_company(language=language)
    owner = a_member(language=language)
    old, _ = api_tokens.create("W" * 36, list(ApiScope), owner)
    api_tokens.revoke(old, owner)
    db.session.commit()
    page = enter(browser(size), client, live, owner)
    session.rollback()
    wrong: list[str] = []

    def look() -> None:
        wrong.extend(axe_violations(page))
        wrong.extend(too_small_for_a_thumb(page) + wider_than_its_window(page))

    page.goto(f"{live.url}/api-tokens/new")
    page.fill("[name=name]", "<script>CRM</script>")
    page.press("[name=name]", "Enter")
    page.wait_for_selector("#secret")
    secret = page.input_value("#secret")
    look()
    page.goto(f"{live.url}/api-tokens")
    assert secret not in page.content()
    page.locator("details.ask summary").click()
    look()
    page.locator("details.ask button").click()
    assert page.locator(".note.success").inner_text()
    look()
    assert wrong == []
