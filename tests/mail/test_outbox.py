"""The outbox: one row per mail owed, and a reason for each that is not."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from service.clock import now
from service.extensions import queue
from service.mail import outbox
from service.mail.policy import suppressions
from service.models import (
    MailKind,
    MailState,
    OutboxMessage,
    SkipReason,
    SuppressionReason,
    SuppressionScope,
)
from tests.builders import a_client, a_contact, a_departure, a_member


def how_many(session) -> int:
    return session.scalar(select(func.count()).select_from(OutboxMessage))


def test_a_mail_written_twice_is_owed_once(session):
    departure = a_departure()
    first = outbox.write(MailKind.thank_you, departure.contact, subject="departure:1")
    assert first.state is MailState.queued
    assert outbox.write(MailKind.thank_you, departure.contact, subject="departure:1") is None
    assert how_many(session) == 1


def test_another_cycle_is_another_mail(session):
    contact = a_contact()
    assert outbox.write(MailKind.alert_door_open, a_member(), subject="contact:1", cycle=1)
    assert outbox.write(MailKind.alert_door_open, a_member(), subject="contact:1", cycle=2)
    assert outbox.write(MailKind.answer_received, contact, subject="response:1")
    assert how_many(session) == 3


def test_a_contact_and_a_team_member_of_one_number_are_two_people(session):
    contact, member = a_contact(), a_member()
    assert contact.id == member.id == 1
    # Rows that were written before stand under these keys: another spelling would double mails.
    assert outbox.key(contact, MailKind.test_mail, "x", "s", 0) == "contact:1|test_mail|x|s|0"
    assert outbox.key(member, MailKind.test_mail, "x", "s", 0) == "provider:1|test_mail|x|s|0"


def test_the_mail_of_an_event_that_is_rolled_back_is_not_owed(session):
    contact = a_contact()
    session.commit()
    outbox.write(MailKind.answer_received, contact, subject="response:1")
    session.rollback()
    assert how_many(session) == 0


def test_who_unsubscribed_still_gets_what_they_asked_for(session):
    contact = a_contact(email="Ana@Cruz.example")
    suppressions.add("ana@cruz.example ", SuppressionReason.unsubscribed)
    invitation = outbox.write(MailKind.survey_invitation, contact, subject="departure:1")
    assert (invitation.state, invitation.skip_reason) == (
        MailState.skipped,
        SkipReason.suppressed,
    )
    copy = outbox.write(MailKind.answer_received, contact, subject="response:1")
    assert copy.state is MailState.queued


def test_a_dead_address_gets_nothing_at_all(session):
    contact = a_contact()
    suppressions.add(
        contact.email, SuppressionReason.hard_bounce, scope=SuppressionScope.everything
    )
    copy = outbox.write(MailKind.answer_received, contact, subject="response:1")
    assert copy.skip_reason is SkipReason.suppressed


def test_a_sample_client_is_never_mailed(session):
    contact = a_contact(client=a_client(is_sample=True))
    for kind in MailKind:
        assert outbox.write(kind, contact, subject="x").skip_reason is SkipReason.sample


def test_a_departure_that_is_history_gets_no_mail_of_the_protocol(session):
    departure = a_departure(is_history=True)
    row = outbox.write(
        MailKind.thank_you, departure.contact, subject="x", step="thank_you", departure=departure
    )
    assert row.skip_reason is SkipReason.history


@pytest.mark.parametrize("rotation", [("old key of sixteen", "new key of sixteen")])
def test_a_suppression_survives_a_rotation_of_the_key(session, remade, rotation):
    suppressions.add("ana@cruz.example", SuppressionReason.complaint)
    session.commit()
    rotated = remade(secret_keys=("a key for the tests only", *rotation))
    with rotated.app_context():
        assert suppressions.find("ana@cruz.example") is not None


def hinted() -> list[list[int]]:
    return [job.args[0] for job in queue.jobs.jobs]


def test_the_workers_are_woken_after_the_commit_and_not_before(session):
    contact = a_contact()
    with session.begin_nested():
        row = outbox.write(MailKind.answer_received, contact, subject="response:1")
    assert hinted() == []
    session.commit()
    assert hinted() == [[row.id]]


def test_nobody_is_woken_for_what_was_rolled_back_or_is_not_due(session):
    contact = a_contact()
    session.commit()
    outbox.write(MailKind.answer_received, contact, subject="response:1")
    session.rollback()
    outbox.write(
        MailKind.thank_you, contact, subject="departure:1", due_at=now() + timedelta(days=1)
    )
    session.commit()
    assert hinted() == []
