"""Mails that failed, wait or are uncertain: found, and decided by a person, once."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from service.clock import now
from service.config import Rate
from service.extensions import db, queue
from service.mail import outbox
from service.mail.decision import Decision, Skip
from service.mail.policy import suppressions
from service.models import (
    Enrolment,
    Event,
    EventKind,
    MailKind,
    MailState,
    OutboxMessage,
    Outcome,
    RateBucket,
    Role,
    SkipReason,
    SuppressionReason,
)
from service.protocols.rules.built_ins import DEFAULT, SURVEY
from tests import builders
from tests.builders import added
from tests.explaining import asked
from tests.mail.rows import a_failing_server, a_row, ago, some_mails
from tests.pages import send


@pytest.fixture
def page(client, session):
    """A browser in which a member of the team is logged in."""
    builders.a_company(language="en")
    return builders.logged_in(client, builders.a_member(role=Role.member, language="en"))


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


def test_the_address_says_what_to_list_and_nonsense_is_ignored(page, mail):
    there = f"/deliveries?state=failed&kind=thank_you&q={mail.contact.email}&hours=1"
    assert "550 mailbox unavailable" in page.get(there).text
    assert "Nothing fits" in page.get(f"{there}&since=2200-01-01&until=2024-01-01").text
    for odd in (
        "since=9999-12-31&until=9999-12-31",
        "since=0001-01-01",
        "hours=-1&page=9999999999",
    ):
        assert page.get(f"/deliveries?kind=nonsense&{odd}&q=%00%25").status_code == 200


def test_the_filters_stay_when_a_mail_was_decided_about(page, mail):
    there = "/deliveries?state=failed&q=daz"
    answer = send(page, f"/deliveries/{mail.public_id}/give-up", {"from": there}, page=there)
    assert answer.location == there
    for elsewhere in ("//evil.example/deliveries", "https://evil.example", "/deliveries\\@evil"):
        answer = send(page, f"/deliveries/{mail.public_id}/again", {"from": elsewhere}, page=there)
        assert answer.location in ("/deliveries", "/")


def test_the_head_of_the_page_says_how_the_mail_is(page):
    some_mails(1, MailState.queued, due_at=ago(minutes=20))
    some_mails(3, MailState.sent)
    some_mails(1, MailState.failed)
    db.session.commit()
    shown = page.get("/deliveries").text
    assert "Mails wait too long" in shown
    assert "25.0%" in shown
    assert "1 of 4 in 7 days" in shown
    for link in ("state=due", "state=sent&amp;hours=1", "state=failed&amp;hours=168"):
        assert link in shown


def test_a_server_that_is_away_is_said_with_its_words_and_what_is_slowed(page):
    a_failing_server(ago(minutes=1), "535 5.7.8 authentication failed")
    slow = RateBucket(name="domain:slow.example", next_at=now(), slower=1, slower_at=now())
    added(slow)
    db.session.commit()
    shown = page.get("/deliveries").text
    assert "535 5.7.8 authentication failed" in shown
    assert "slow.example" in shown
    assert "The mail server cannot be reached." not in shown  # not before five minutes


def test_the_settings_that_hold_mails_back_are_said(page, app, mail):
    before = app.extensions["settings"]
    limited = {"mail_rate": Rate(14, 1), "mail_domain_rate": Rate(1000, 3600)}
    app.extensions["settings"] = replace(before, **limited)
    shown = page.get("/deliveries").text
    app.extensions["settings"] = before
    assert "14 mails a second" in shown
    assert "1000 mails an hour" in shown


def test_a_waiting_mail_is_stopped_and_sent_after_all_on_its_day(page):
    day, last = now() + timedelta(days=2), now() + timedelta(days=9)
    waiting = a_row(MailState.queued, due_at=day, expires_at=last)
    db.session.commit()
    there = f"/deliveries/{waiting.public_id}"
    send(page, f"{there}/cancel", {"from": there}, page=there)
    db.session.refresh(waiting)
    assert waiting.state is MailState.cancelled

    answer = send(page, f"{there}/after-all", {"from": there}, page=there)
    db.session.refresh(waiting)
    assert answer.location == there
    assert (waiting.state, waiting.due_at, waiting.expires_at) == (MailState.queued, day, last)
    assert waiting.ended_at is None


def test_a_mail_that_a_worker_has_cannot_be_stopped(page, mail):
    mail.state = MailState.sending
    db.session.commit()
    send(page, f"/deliveries/{mail.public_id}/cancel", page="/deliveries?state=due")
    db.session.refresh(mail)
    assert mail.state is MailState.sending
    assert "too late to stop" in page.get("/deliveries").text


def test_a_stopped_mail_whose_step_was_sent_again_since_stays_stopped(page, mail):
    mail.state = MailState.cancelled
    a_row(MailState.sent, contact=mail.contact, departure_id=mail.departure_id, step=mail.step)
    db.session.commit()
    send(page, f"/deliveries/{mail.public_id}/after-all", page="/deliveries?state=skipped")
    db.session.refresh(mail)
    assert mail.state is MailState.cancelled


def test_all_that_failed_in_a_list_go_once_more_in_one_statement(page, mail):
    some_mails(3, MailState.failed, attempts=8, contact=mail.contact)
    dead = a_row(MailState.failed, outcome=Outcome.hard_bounced, outcome_at=now())
    other = a_row(MailState.failed, kind=MailKind.survey_invitation)
    db.session.commit()
    there = "/deliveries?state=troubled&kind=thank_you"
    assert "4 mails that failed go once more" in page.get(there).text
    with asked() as statements:
        send(page, "/deliveries/again?state=troubled&kind=thank_you", page=there)
    assert len([each for each, _ in statements if each.startswith("UPDATE outbox")]) == 1
    for row, state in {mail: "queued", dead: "failed", other: "failed"}.items():
        db.session.refresh(row)
        assert row.state == state
    assert (mail.attempts, mail.outcome, mail.message_id) == (0, None, "<the-same@norte.example>")
    events = db.session.scalars(select(Event).where(Event.kind == EventKind.mail_resolved)).all()
    assert [event.departure_id for event in events] == [mail.departure_id]


def some_farewells(how_many: int) -> None:
    """Add farewells whose survey did not go, each to somebody else, for one reason or another."""
    reasons = (SkipReason.suppressed, SkipReason.no_consent, SkipReason.expired)
    for number in range(how_many):
        departure = builders.a_departure()
        added(Enrolment(departure=departure))
        suppressions.add(departure.contact.email, SuppressionReason.complaint)
        outbox.write(
            MailKind.survey_invitation,
            departure.contact,
            subject=f"departure:{departure.id}",
            step="survey_invitation",
            departure=departure,
            decision=Decision(protocol=DEFAULT, step=SURVEY),
            refused=Skip(reasons[number % 3]) if number % 3 else None,
        )
    db.session.commit()


def test_each_row_says_why_and_asks_nothing_of_its_own(page):
    some_farewells(3)
    with asked() as few:
        shown = page.get("/deliveries?state=skipped").text
    assert shown.count("Why did Ruy not get this?") == 3
    some_farewells(9)
    with asked() as many:
        shown = page.get("/deliveries?state=skipped").text
    assert shown.count("Why did Ruy not get this?") == 12
    assert "Step “Survey” of the protocol “The whole farewell”." in shown
    assert "They marked one of our mails as spam." in shown
    assert len(many) == len(few)


def test_the_page_of_a_mail_says_why_in_full(page, mail):
    shown = page.get(f"/deliveries/{mail.public_id}").text
    assert "Why did Ruy not get this?" in shown
    assert "It was given up on" in shown


def test_a_viewer_reads_and_is_offered_nothing(client, page, mail):
    viewer = builders.a_member(role=Role.viewer, language="en")
    reading = builders.logged_in(client, viewer)
    for path in ("/deliveries", f"/deliveries/{mail.public_id}"):
        shown = reading.get(path).text
        assert "550 mailbox unavailable" in shown
        assert "Send again" not in shown
        assert "/give-up" not in shown
