"""The page of one mail tells its whole story, and what can be done about it."""

from datetime import timedelta

import pytest

from service.clock import now
from service.extensions import db
from service.models import (
    InboundKind,
    InboundMail,
    InboundSource,
    MailState,
    Outcome,
    Role,
    SkipReason,
)
from tests import builders
from tests.mail.rows import a_failing_server, a_row, ago


@pytest.fixture
def page(client, session):
    """A browser in which a member of the team is logged in."""
    builders.a_company(language="en")
    return builders.logged_in(client, builders.a_member(role=Role.member, language="en"))


def story(page, mail) -> str:
    """What the page of `mail` says."""
    db.session.commit()
    answer = page.get(f"/deliveries/{mail.public_id}")
    assert answer.status_code == 200
    return answer.text


def test_a_mail_that_went_says_when_the_server_took_it_and_with_what_words(page):
    mail = a_row(
        MailState.sent,
        handing_over_at=ago(minutes=2),
        server_words="250 queued as 4F2B1",
        message_id="<one@norte.example>",
    )
    shown = story(page, mail)
    steps = ("Written down", "Handed over to the mail server", "The mail server took it")
    assert [shown.index(step) for step in steps] == sorted(shown.index(step) for step in steps)
    assert "250 queued as 4F2B1" in shown
    assert "&lt;one@norte.example&gt;" in shown
    assert mail.contact.email in shown


def test_what_came_in_about_a_mail_is_part_of_its_story(page):
    mail = a_row(MailState.sent, outcome=Outcome.soft_bounced, outcome_at=now())
    builders.added(
        InboundMail(
            digest="d",
            source=InboundSource.imap,
            kind=InboundKind.soft_bounce,
            outbox_id=mail.id,
            status_code="4.2.2",
            excerpt="The mailbox is <b>full</b>.",
        )
    )
    shown = story(page, mail)
    assert "4.2.2" in shown
    assert "The mailbox is &lt;b&gt;full&lt;/b&gt;." in shown


def test_an_outcome_without_a_mail_behind_it_is_told_too(page):
    words = {"outcome_at": now(), "outcome_words": "552 message looks like spam"}
    shown = story(page, a_row(MailState.sent, outcome=Outcome.complained, **words))
    assert "552 message looks like spam" in shown


def test_a_mail_that_did_not_go_says_why(page):
    shown = story(page, a_row(MailState.skipped, skip_reason=SkipReason.answered))
    assert "They have already answered." in shown
    assert "<form method" not in shown.split("<main")[1].split("</main")[0]


def test_a_mail_that_waits_says_when_it_goes_until_when_and_what_holds_it_back(page):
    a_failing_server(ago(minutes=2), "Connection refused")
    waiting = {"due_at": ago(minutes=1), "attempts": 2, "server_words": "421 busy"}
    mail = a_row(MailState.queued, expires_at=now() + timedelta(days=3), **waiting)
    shown = story(page, mail)
    for said in (
        "Due: goes as soon as",
        "421 busy",
        "Does not go after this",
        "Connection refused",
    ):
        assert said in shown
    assert "Do not send" in shown


def test_a_mail_in_a_workers_hands_says_so(page):
    shown = story(page, a_row(MailState.sending, lease_until=now() + timedelta(minutes=3)))
    assert "A worker is at it" in shown


def test_an_uncertain_mail_can_be_decided_about_on_its_page(page):
    shown = story(page, a_row(MailState.uncertain, doubts=1))
    assert "Nobody knows whether it was taken" in shown
    for action in ("It arrived", "Send again", "Let it be"):
        assert action in shown


def test_a_mail_to_the_team_has_a_page_without_a_client(page):
    member = builders.a_member(name="Marta Ruiz")
    mail = a_row(MailState.sent, provider_id=member.id)
    mail.contact_id = None
    assert "Marta Ruiz" in story(page, mail)
    assert page.get("/deliveries/nothing").status_code == 404
