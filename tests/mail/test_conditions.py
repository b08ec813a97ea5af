"""What held when a mail was written may not hold when it is claimed."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from service.clock import now
from service.extensions import db
from service.mail.decision import Decision
from service.mail.delivery import delivery
from service.mail.policy import suppressions
from service.models import (
    Enrolment,
    EnrolmentState,
    Invitation,
    MailKind,
    MailState,
    Reason,
    Recovery,
    SkipReason,
    Stage,
    SuppressionReason,
    Testimonial,
    TestimonialState,
)
from tests.builders import a_departure, a_response, added, an_invitation
from tests.mail.deliveries import a_mail, fresh


@pytest.fixture
def departure(session):
    """A departure on its way: invited, not answered."""
    departure = a_departure()
    added(Enrolment(departure=departure))
    an_invitation(departure=departure)
    return departure


def reason_after(row) -> SkipReason | None:
    db.session.commit()
    delivery.deliver([row.id])
    row = fresh(row)
    assert row.state is (MailState.skipped if row.skip_reason else MailState.sent)
    assert row.ended_at is not None
    assert row.lease_owner is None
    refused = Decision.of(row.decision).refused
    assert (refused.reason if refused else None) is row.skip_reason  # in the same statement
    return row.skip_reason


def a_step(name: str, departure, **more):
    return a_mail(MailKind(name), departure=departure, step=name, **more)


def test_nothing_stands_in_the_way(departure, mailbox):
    assert reason_after(a_step("survey_invitation", departure)) is None
    assert len(mailbox.messages()) == 1


def test_one_that_expired_is_stale(departure, mailbox):
    row = a_step("thank_you", departure, expires_at=now() - timedelta(seconds=1))
    assert reason_after(row) is SkipReason.expired
    assert mailbox.messages() == []


def test_an_answer_stops_the_reminder(departure, mailbox):
    row = a_step("survey_reminder_1", departure)
    a_response(invitation=an_invitation_of(departure))
    assert reason_after(row) is SkipReason.answered
    assert mailbox.messages() == []


def an_invitation_of(departure) -> Invitation:
    query = select(Invitation).where(Invitation.departure_id == departure.id)
    return db.session.scalars(query).one()


@pytest.mark.parametrize("stage", [Stage.retained, Stage.returned])
def test_a_client_who_stays_or_comes_back_gets_no_farewell(departure, stage):
    row = a_step("thank_you", departure)
    departure.stage = stage
    assert reason_after(row) is SkipReason(stage.value)


def test_a_stopped_protocol_sends_nothing(departure):
    row = a_step("thank_you", departure)
    db.session.query(Enrolment).update({"state": EnrolmentState.stopped})
    assert reason_after(row) is SkipReason.protocol_stopped


def test_who_unsubscribed_meanwhile_is_not_asked(departure):
    row = a_step("survey_invitation", departure)
    suppressions.add(departure.contact.email.upper(), SuppressionReason.unsubscribed)
    assert reason_after(row) is SkipReason.suppressed


def test_a_closed_survey_is_not_reminded_of(departure):
    row = a_step("survey_reminder_2", departure)
    an_invitation_of(departure).revoked_at = now()
    assert reason_after(row) is SkipReason.closed


@pytest.mark.parametrize("name", ["testimonial_request", "closing_letter", "door_open-1m"])
def test_none_of_these_leaves_while_a_recovery_is_open(departure, name):
    kind = MailKind(name.partition("-")[0])
    row = a_mail(kind, departure=departure, step=name)
    a_response(invitation=an_invitation_of(departure))
    added(Recovery(departure_id=departure.id))
    assert reason_after(row) is SkipReason.recovery_open


def test_no_testimonial_is_asked_for_when_quality_is_a_reason(departure):
    row = a_step("testimonial_request", departure)
    a_response(invitation=an_invitation_of(departure), reasons={Reason.customer_service})
    assert reason_after(row) is SkipReason.quality_reason


def test_a_testimonial_taken_back_is_not_to_be_confirmed(departure):
    row = a_mail(MailKind.testimonial_edit, departure=departure)
    added(
        Testimonial(
            departure=departure, quote="Bien", language="es", state=TestimonialState.withdrawn
        )
    )
    assert reason_after(row) is SkipReason.withdrawn


def test_a_copy_of_the_answer_goes_even_when_the_client_came_back(departure):
    a_response(invitation=an_invitation_of(departure))
    departure.stage = Stage.returned
    assert reason_after(a_mail(MailKind.answer_received, departure=departure)) is None
