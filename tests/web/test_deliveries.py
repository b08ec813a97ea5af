"""Mails that failed or are uncertain: found, and decided by a person, once."""

import pytest

from service.clock import now
from service.extensions import db, queue
from service.mail import outbox
from service.models import MailKind, MailState, OutboxMessage, Role
from tests import builders
from tests.pages import send


@pytest.fixture
def page(client, session):
    """A browser in which a member of the team is logged in."""
    builders.a_company(language="en")
    return builders.logged_in(client, builders.a_provider(role=Role.member, language="en"))


@pytest.fixture
def mail(page) -> OutboxMessage:
    """A thank-you that the server refused."""
    departure = builders.a_departure()
    mail = outbox.write(
        MailKind.thank_you,
        departure.contact,
        subject="departure:1",
        step="thank_you",
        departure=departure,
        expires_at=now(),
    )
    mail.state, mail.ended_at, mail.attempts = MailState.failed, now(), 8
    mail.server_words, mail.message_id = "550 mailbox unavailable", "<the-same@norte.example>"
    db.session.commit()
    return mail


def test_what_needs_a_person_stands_first_with_the_words_of_the_server(page, mail):
    shown = page.get("/deliveries").text

    assert "550 mailbox unavailable" in shown
    assert "Send again" in shown


def test_a_failed_mail_is_sent_again_from_the_start_under_its_old_id(page, mail):
    queue.jobs.connection.flushall()
    send(page, f"/deliveries/{mail.public_id}/again", page="/deliveries")
    db.session.refresh(mail)

    assert (mail.state, mail.attempts, mail.expires_at) == (MailState.queued, 0, None)
    assert mail.message_id == "<the-same@norte.example>"
    assert queue.waiting() == 1


def test_of_two_who_decide_at_once_the_second_is_told(page, mail):
    send(page, f"/deliveries/{mail.public_id}/give-up", page="/deliveries")
    send(page, f"/deliveries/{mail.public_id}/again", page="/deliveries?state=skipped")
    db.session.refresh(mail)

    assert mail.state is MailState.cancelled
    assert "Somebody of your team was faster" in page.get("/deliveries").text


def test_an_uncertain_mail_can_be_said_to_have_arrived(page, mail):
    mail.state = MailState.uncertain
    db.session.commit()
    there = f"/departures/{mail.departure.public_id}"
    answer = send(page, f"/deliveries/{mail.public_id}/arrived", {"from": "departure"}, page=there)
    db.session.refresh(mail)

    assert mail.state is MailState.sent
    assert answer.location == f"{there}#timeline"


def test_a_failed_mail_cannot_be_said_to_have_arrived(page, mail):
    send(page, f"/deliveries/{mail.public_id}/arrived", page="/deliveries")
    db.session.refresh(mail)
    assert mail.state is MailState.failed


def test_when_all_is_well_the_page_says_so(page):
    assert "All is well" in page.get("/deliveries").text
    assert page.get("/deliveries?state=nonsense&page=-3").status_code == 200
    assert page.get("/deliveries?page=x").status_code == 200


def test_a_mail_that_is_not_there_is_a_404(page, mail):
    assert send(page, "/deliveries/nothing/again", page="/deliveries").status_code == 404
