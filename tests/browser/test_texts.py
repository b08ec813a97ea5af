"""The page of a mail's text in a real browser: reached by all, without script, running nothing."""

import pytest

from service.extensions import db
from service.models import MailText
from tests.browser.test_provider_pages import enter
from tests.builders import a_company, a_contact, a_departure, a_member, added
from tests.hostile import SCRIPTS
from tests.live import PHONE, axe_violations, too_small_for_a_thumb, wider_than_its_window

# What a page looks like does not depend on the database.
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

HOSTILE = "\n\n".join(
    (*SCRIPTS, "[a](javascript:ran())", '![a](x"onerror="ran())', "<https://a.example/'><b>")
)


def test_a_text_is_looked_at_before_it_is_saved_and_runs_nothing(live, browser, client, session):
    a_company(language="en")
    a_departure(contact=a_contact(name="Íñigo Ñandú"))
    member = a_member(language="en")
    added(MailText(place="door_open", language="en", subject="Hi", body=HOSTILE))
    page = enter(browser(PHONE), client, live, member)
    db.session.rollback()  # a transaction of ours would keep the web server waiting
    ran, wrong = [], []
    page.expose_function("ran", lambda: ran.append(page.url))
    for address in ("/texts", "/texts/door_open", "/texts/survey_invitation"):
        page.goto(live.url + address)
        wrong += axe_violations(page) + too_small_for_a_thumb(page) + wider_than_its_window(page)
    page.get_by_label("Text", exact=True).fill(f"Dear {{{{ first_name }}}}: {HOSTILE}")
    page.get_by_label("As seen by").fill("Íñigo")
    page.get_by_label("In dark mode").check()
    page.get_by_role("button", name="Preview").press("Enter")
    frame = page.frame_locator("iframe")
    frame.locator("p.ink").get_by_text("Dear Íñigo:").wait_for()
    frame.get_by_text("This mail needs").wait_for()  # the link that this mail is for
    assert page.get_by_label("Text", exact=True).input_value().startswith("Dear {{ first_name }}")
    page.get_by_label("As text").check()
    page.get_by_role("button", name="Preview").click()
    frame.locator("pre").get_by_text("Dear Íñigo:").wait_for()
    page.get_by_role("button", name="Save").click()
    page.locator("#errors a").first.wait_for()  # the refusal leads to the field
    assert "Dear {{ first_name }}" in page.get_by_label("Text", exact=True).input_value()
    assert ran == []
    assert wrong == []
