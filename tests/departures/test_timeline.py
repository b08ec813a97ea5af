"""The timeline tells what was sent, what comes when, what was skipped and why, and who did what."""

from datetime import UTC, date, datetime, time

import pytest
import time_machine
from flask_babel import force_locale
from sqlalchemy import select

from service.departures.actions import departures
from service.departures.actions.departures import Facts
from service.departures.queries import timeline
from service.events import rules as happenings
from service.extensions import db
from service.labels import LABELS, WHY_LATER, WHY_NOT
from service.mail.delivery import delivery
from service.models import (
    Company,
    Event,
    EventKind,
    MailKind,
    MailState,
    OutboxMessage,
    Outcome,
    Recovery,
    SkipReason,
    Stage,
    WaitReason,
)
from service.protocols.actions import enrolments, progress
from tests import builders


@pytest.fixture
def departure(session):
    """A departure that ended on 20 November, recorded on the 19th by Marta."""
    builders.a_company(language="en")
    with time_machine.travel("2026-11-19T12:00:00Z", tick=False):
        return departures.record(
            builders.a_contact(),
            Facts(service="SEO", end_on=date(2026, 11, 20)),
            by=builders.a_member(name="Marta"),
        )


def told(departure) -> list[tuple[str, str, str]]:
    """What stands on the page, in English: what, tag, why."""
    with force_locale("en"):
        return [(item.what, item.tag, item.why) for item in timeline.of(departure)]


def mails() -> list[OutboxMessage]:
    """The mails written down."""
    return list(db.session.scalars(select(OutboxMessage).order_by(OutboxMessage.id)))


def test_what_comes_is_told_with_its_day_or_with_what_it_waits_for(departure):
    with time_machine.travel("2026-11-19T12:00:00Z", tick=False):
        assert told(departure) == [
            ("Recorded", "", "Marta"),
            ("Thank-you", "planned", ""),
            ("Survey", "planned", ""),
            ("Door-open contact", "planned", ""),
            ("Door-open contact", "planned", ""),
            ("Closing letter", "", "Waits until the departure is closed."),
            ("First survey reminder", "", "3 days after the mail before it."),
            ("Second survey reminder", "", "7 days after the mail before it."),
            ("Testimonial request", "", "1 day after the answer, when it is deserved."),
            ("Testimonial reminder", "", "5 days after the mail before it."),
        ]


def test_what_comes_is_what_then_happens(departure):
    with time_machine.travel("2026-11-19T12:00:00Z", tick=False):
        foretold = [(item.step, item.at) for item in timeline.of(departure) if item.is_going]
    with time_machine.travel("2026-11-21T12:00:00Z", tick=False):
        progress.advance_one(departure)

    assert [(mail.step, mail.due_at) for mail in mails()] == foretold[:2]


def test_what_comes_is_told_for_when_the_hours_begin_and_then_goes(departure):
    company = db.session.get_one(Company, 1)
    company.business_from, company.business_until = time(9, 30), time(20)
    with time_machine.travel("2026-11-19T12:00:00Z", tick=False):
        foretold = [item.at for item in timeline.of(departure) if item.is_going]
        assert foretold[0] == datetime(2026, 11, 20, 8, 30, tzinfo=UTC)
        departure.contact.time_zone = "America/Bogota"
        foretold = [item.at for item in timeline.of(departure) if item.is_going]
        assert foretold[0] == datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
    with time_machine.travel("2026-11-20T12:00:00Z", tick=False):
        progress.advance_one(departure)
        db.session.commit()
        later = ("Thank-you", "waiting to go", str(WHY_LATER[WaitReason.business_hours]))
        assert told(departure)[1] == later  # before a worker has asked …
        delivery.deliver([mail.id for mail in mails()])
        assert told(departure)[1] == later  # … and after
        waiting = timeline.of(departure)[1]
        assert (waiting.at, waiting.is_coming) == (mails()[0].due_at, True)
        assert waiting.at == foretold[0]


def test_a_mail_that_waits_for_tomorrow_says_that_today_was_enough(departure):
    with time_machine.travel("2026-11-21T12:00:00Z", tick=False):
        progress.advance_one(departure)
        mails()[0].kind = MailKind.survey_reminder_1
        mails()[0].state, mails()[0].ended_at = MailState.sent, datetime.now(UTC)
        db.session.flush()
        why = str(WHY_LATER[WaitReason.one_a_day])
        assert told(departure)[2] == ("Survey", "waiting to go", why)
        tomorrow = datetime(2026, 11, 22, 9, tzinfo=UTC)
        assert timeline.of(departure)[2].at == tomorrow


def test_a_mail_that_went_stands_where_it_went_with_what_became_of_it(departure):
    with time_machine.travel("2026-11-20T12:00:00Z", tick=False):
        progress.advance_one(departure)
        (mail,) = mails()
        mail.state, mail.ended_at = MailState.sent, datetime(2026, 11, 20, 12, 5, tzinfo=UTC)
        db.session.flush()
        assert told(departure)[1] == ("Thank-you", "sent", "")
        mail.outcome = Outcome.hard_bounced
        db.session.flush()
        assert told(departure)[1] == ("Thank-you", "the address does not exist", "")


def test_failed_and_uncertain_mails_say_what_happened_and_offer_a_way_out(departure):
    with time_machine.travel("2026-11-20T12:00:00Z", tick=False):
        progress.advance_one(departure)
        (mail,) = mails()
        mail.state, mail.ended_at = MailState.failed, datetime(2026, 11, 20, 12, 5, tzinfo=UTC)
        mail.server_words = "550 no such user"
        db.session.flush()
        failed = timeline.of(departure)[1]
        assert failed.why == "The mail server said: 550 no such user"
        assert failed.can == {"retry"}
        mail.state = MailState.uncertain
        db.session.flush()
        assert timeline.of(departure)[1].can == {"retry", "resolve"}


def test_a_skip_by_hand_is_told_once_and_can_be_put_back(departure):
    marta = builders.a_member()
    with time_machine.travel("2026-11-19T12:00:00Z", tick=False):
        enrolments.skip(departure, "thank_you", marta)
        skipped = [row for row in told(departure) if "Thank-you" in row[0]]
        assert skipped == [("Thank-you", "not sent", "Somebody of your team skipped it.")]
        assert timeline.of(departure)[1].can == {"put_back", "send"}


def test_nobody_is_offered_to_send_what_would_be_refused(departure):
    with time_machine.travel("2026-11-19T12:00:00Z", tick=False):
        invitation = builders.an_invitation(departure=departure)
        builders.a_response(invitation=invitation, score=3)
        builders.added(Recovery(departure=departure))
        can = {item.step: item.can for item in timeline.of(departure) if item.is_coming}

    assert "send" in can["survey_invitation"]
    assert "send" not in can["testimonial_request"]  # the recovery is open
    assert "send" not in can["survey_reminder_1"]  # nothing to remind of


@pytest.mark.parametrize("language", ["es", "en"])
def test_every_reason_has_a_sentence_in_every_language(app, language):
    with force_locale(language):
        sentences = {str(WHY_NOT[reason]) for reason in SkipReason}
    assert len(sentences) == len(SkipReason)
    assert all(sentence.endswith(".") for sentence in sentences)


def test_every_wait_has_a_sentence():
    assert set(WHY_LATER) == set(WaitReason)


@pytest.mark.parametrize("kind", EventKind)
def test_every_event_is_told_in_words_and_not_by_its_code(app, kind):
    detail = {
        EventKind.changed: "end_on,notes",
        EventKind.stage_changed: "notice>closed",
        EventKind.protocol_changed: "Corto",
        EventKind.apologised: "in_person",
    }
    with force_locale("es"):
        sentence = happenings.sentence(Event(kind=kind, detail=detail.get(kind, "thank_you")))
    assert sentence
    assert kind.value not in sentence
    assert "thank_you" not in sentence


@pytest.mark.parametrize("kind", [*Stage, *MailState, *Outcome])
def test_every_state_has_a_name(kind):
    assert kind in LABELS
