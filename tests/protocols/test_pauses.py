"""A person who replies pauses the farewell mails; somebody of the team lets them go on."""

from datetime import date, timedelta

import pytest
import time_machine
from sqlalchemy import select

from service.deliveries.actions import inbound
from service.departures.actions import departures
from service.departures.actions.departures import Facts
from service.departures.queries import timeline
from service.extensions import db
from service.mail.delivery import delivery, prepared
from service.mail.policy import conditions
from service.models import (
    Departure,
    EnrolmentState,
    Event,
    EventKind,
    InboundKind,
    InboundMail,
    InboundSource,
    MailState,
    OutboxMessage,
    SkipReason,
)
from service.protocols.actions import enrolments, progress
from tests.builders import a_company, a_contact, a_member
from tests.mail.coming_in import answer
from tests.mail.deliveries import a_sender_that_dies

pytestmark = pytest.mark.usefixtures("bouncing")


@pytest.fixture
def farewell(session):
    """A departure of 20 November whose thank-you went; the clock stands at the 21st, 12:00."""
    a_company(language="en")
    with time_machine.travel("2026-11-02T12:00:00Z", tick=False) as clock:
        departure = departures.record(
            a_contact(), Facts(end_on=date(2026, 11, 20), responsible=a_member())
        )
        clock.move_to("2026-11-21T12:00:00Z")
        for row in progress.advance_one(departure):
            if row.step == "thank_you":
                row.state, row.ended_at, row.skip_reason = MailState.sent, row.due_at, None
                row.message_id = f"<{row.public_id}@norte.example>"
        db.session.commit()
        departure.clock = clock
        yield departure


def mails_of(departure: Departure) -> dict[str, OutboxMessage]:
    query = select(OutboxMessage).where(OutboxMessage.departure_id == departure.id)
    rows = db.session.scalars(query.execution_options(populate_existing=True))
    return {row.step: row for row in rows}


def enrolment_of(departure: Departure):
    return progress.locked(departure).enrolment


def reply(departure: Departure, **more) -> InboundMail:
    row = inbound.receive(answer(mails_of(departure)["thank_you"], **more), InboundSource.imap)
    db.session.commit()
    return row


def kinds_of(departure: Departure) -> list[EventKind]:
    query = select(Event.kind).where(Event.departure_id == departure.id).order_by(Event.id)
    return list(db.session.scalars(query))


def test_a_reply_pauses_the_mails_and_says_what_it_said(farewell):
    assert mails_of(farewell)["survey_invitation"].state is MailState.queued
    came = reply(farewell, text="Gracias a ti.\n\n> Gracias por estos años")

    assert came.kind is InboundKind.reply
    assert enrolment_of(farewell).state is EnrolmentState.paused
    assert set(mails_of(farewell)) == {"thank_you"}, "what was not claimed is taken back"
    assert kinds_of(farewell)[-2:] == [EventKind.replied, EventKind.protocol_paused]
    told = [item for item in timeline.of(farewell) if item.what == "Replied"]
    assert told[0].why == "Gracias a ti."


def test_nothing_goes_while_it_is_paused_whatever_else_happens(farewell):
    reply(farewell)
    farewell.clock.shift(timedelta(days=3))
    enrolments.recount(farewell)
    assert progress.advance_one(farewell) == []
    assert progress.due(farewell.recorded_at + timedelta(days=900)) == []
    assert enrolment_of(farewell).state is EnrolmentState.paused


def test_the_timeline_says_that_the_mails_wait(farewell):
    reply(farewell)
    coming = [item for item in timeline.of(farewell) if item.is_coming]
    assert {item.tag for item in coming} == {"waits for you"}


def test_letting_them_go_on_writes_them_anew_and_closes_the_reply(farewell):
    came = reply(farewell)
    me = a_member()
    farewell.clock.shift(timedelta(hours=3))
    enrolments.resume(farewell, me)
    progress.advance_one(farewell)

    assert mails_of(farewell)["survey_invitation"].state is MailState.queued
    db.session.refresh(came)
    assert (came.looked_by_id, came.looked_at is not None) == (me.id, True)


def test_a_mail_claimed_when_the_reply_came_waits_and_ends_as_nothing(farewell, mailbox):
    mail = mails_of(farewell)["survey_invitation"]
    mail_id = mail.id
    db.session.commit()
    with a_sender_that_dies(mail_id) as held:
        reply(farewell)
        db.session.commit()
        assert prepared.draft(held, held.held()) == []
        held.write()

    mail = mails_of(farewell)["survey_invitation"]
    assert (mail.state, mail.skip_reason, mail.ended_at) == (MailState.queued, None, None)
    delivery.deliver([mail.id])
    assert mailbox.messages() == []

    farewell.clock.shift(timedelta(hours=1, minutes=1))
    delivery.deliver([mail.id])
    assert mailbox.messages() == [], "it is asked again, and still waits"

    enrolments.resume(farewell, None)
    db.session.commit()
    delivery.deliver([mail.id])
    assert len(mailbox.messages()) == 1
    assert mails_of(farewell)["survey_invitation"].state is MailState.sent


def test_a_mail_that_may_have_arrived_becomes_a_persons_to_decide(farewell):
    mail = mails_of(farewell)["survey_invitation"]
    mail.doubts = 1
    db.session.commit()
    reply(farewell)
    assert mails_of(farewell)["survey_invitation"].state is MailState.uncertain


def test_a_mail_that_somebody_sends_by_hand_goes(farewell):
    mail = mails_of(farewell)["survey_invitation"]
    mail.context = {"by_hand": True}
    db.session.commit()
    reply(farewell)
    mail = mails_of(farewell)["survey_invitation"]
    assert mail.state is MailState.queued
    assert conditions.reasons([mail], mail.due_at) == {}


@pytest.mark.parametrize(
    "more",
    [
        {"subject": "Respuesta automática: fuera"},
        {"Auto_Submitted": "auto-replied"},
        {"text": "baja"},
        {"sender": "otro@daz.example", "In_Reply_To": "<x@y>", "References": "<x@y>"},
    ],
)
def test_what_is_no_reply_of_a_person_pauses_nothing(farewell, more):
    reply(farewell, **more)
    assert enrolment_of(farewell).state is EnrolmentState.active


def test_our_own_answer_to_all_pauses_nothing(farewell):
    came = reply(farewell, sender=farewell.responsible.email)
    assert enrolment_of(farewell).state is EnrolmentState.active
    assert came.looked_at is not None


def test_a_protocol_that_somebody_stopped_stays_stopped(farewell):
    enrolments.stop(farewell, None)
    reply(farewell)
    assert enrolment_of(farewell).state is EnrolmentState.stopped
    assert kinds_of(farewell)[-1] is EventKind.replied


def test_a_paused_protocol_can_be_stopped(farewell):
    reply(farewell)
    enrolments.stop(farewell, None)
    assert enrolment_of(farewell).state is EnrolmentState.stopped


def test_no_row_ever_ends_because_of_a_pause(farewell):
    reply(farewell)
    ended = select(OutboxMessage).where(OutboxMessage.skip_reason == SkipReason.paused)
    assert db.session.scalars(ended).all() == []
