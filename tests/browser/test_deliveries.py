"""Mails in a real browser: what a server or a stranger wrote runs nothing, all can be reached."""

import pytest

from service.clock import now
from service.extensions import db
from service.models import (
    InboundKind,
    InboundMail,
    InboundSource,
    MailState,
    Outcome,
    RateBucket,
)
from tests.browser.test_provider_pages import enter
from tests.builders import a_company, a_departure, a_member, added
from tests.hostile import SCRIPTS
from tests.live import PHONE, axe_violations, too_small_for_a_thumb, wider_than_its_window
from tests.mail.rows import a_failing_server, a_row, ago

# What a page looks like does not depend on the database.
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

WORDS = " ".join((*SCRIPTS, "x" * 300))


def hostile_mails() -> list[str]:
    """A mail in each state, with words that nobody should trust; the addresses of all pages."""
    contact = a_departure().contact
    said = {"contact": contact, "server_words": WORDS, "outcome_words": WORDS, "attempts": 3}
    said |= {"outcome": Outcome.soft_bounced, "outcome_at": now(), "message_id": None}
    rows = [a_row(state, **said) for state in MailState]
    came = {"kind": InboundKind.soft_bounce, "subject": WORDS[:300], "excerpt": WORDS}
    added(InboundMail(digest="d", source=InboundSource.imap, outbox_id=rows[0].id, **came))
    a_failing_server(ago(minutes=9), WORDS)
    added(RateBucket(name="domain:slow.example", next_at=now(), slower=1, slower_at=now()))
    stories = [f"/deliveries/{row.public_id}" for row in rows]
    lists = ("troubled", "due", "waiting", "sent", "back", "skipped")
    return [*stories, *(f"/deliveries?state={name}" for name in lists), "/"]


def test_mails_are_accessible_fit_a_phone_and_run_nothing(live, browser, client, session):
    a_company(language="en")
    pages = hostile_mails()
    member = a_member(language="en")
    page = enter(browser(PHONE, dark=True), client, live, member)
    db.session.rollback()  # a transaction of ours would keep the web server waiting
    ran, wrong = [], []
    page.expose_function("ran", lambda: ran.append(page.url))
    for address in pages:
        page.goto(live.url + address)
        wrong += axe_violations(page) + too_small_for_a_thumb(page) + wider_than_its_window(page)
        assert page.evaluate("document.querySelectorAll('img[src=x], svg[onload]').length") == 0
    assert ran == []
    assert wrong == []


def test_all_that_failed_are_sent_again_after_a_question(live, browser, client, session):
    a_company(language="en")
    rows = [a_row(MailState.failed).id for _number in range(2)]
    page = enter(browser(PHONE, script=False), client, live, a_member(language="en"))
    db.session.rollback()
    page.goto(live.url + "/deliveries")
    page.click("text=Send all that failed again")
    page.click("text=2 mails that failed go once more")  # the question, and no press yet
    page.click("details[open] button")
    assert "2 mails go once more." in page.inner_text("main")
    assert len(rows) == 2
    assert "Due now 2" in " ".join(page.inner_text("nav.tabs").split())
