"""Connections that are lost: before DATA no mail is, after it nobody can know; a breaker opens."""

from datetime import timedelta

import pytest
import time_machine
from rq.timeouts import JobTimeoutException

from service.clock import now
from service.extensions import db
from service.mail.delivery import breaker, delivery, leases, sweeper
from service.mail.delivery.session import SmtpSession
from service.models import MailKind, MailState, OutboxMessage
from tests.builders import an_invitation
from tests.mail.deliveries import a_mail, deliver, fresh, mails, speaking_to, state_of
from tests.mail.scripted_server import CLOSE, HALF_CLOSE, RESET, STALL


@pytest.mark.parametrize("how", [CLOSE, RESET, HALF_CLOSE, STALL])
def test_a_connection_lost_after_data_is_sent_once_more_with_the_same_message_id(session, how):
    row = a_mail()
    with speaking_to(body=[how, "250 ok"]) as server:
        deliver(row)
        assert (state_of(row), fresh(row).doubts) == (MailState.queued, 1)
        message_id = fresh(row).message_id
        with time_machine.travel(fresh(row).due_at + timedelta(seconds=1)):
            deliver(row)
    assert state_of(row) is MailState.sent
    assert f"Message-ID: {message_id}".encode() in server.mails[0]


def test_after_a_second_doubt_a_person_decides(session):
    row = a_mail()
    with speaking_to(body=CLOSE):
        deliver(row)
        with time_machine.travel(fresh(row).due_at + timedelta(seconds=1)):
            deliver(row)
    assert (state_of(row), fresh(row).doubts) == (MailState.uncertain, 2)


def test_a_reminder_in_doubt_waits_for_a_person_at_once(session):
    first = a_mail(MailKind.survey_invitation)
    an_invitation(departure=first.departure)
    with speaking_to():
        deliver(first)
    row = a_mail(MailKind.survey_reminder_1, departure=first.departure, reply_to=fresh(first))
    with speaking_to(body=CLOSE):
        deliver(row)
    assert state_of(row) is MailState.uncertain


@pytest.mark.parametrize(
    "replies",
    [{"connect": CLOSE}, {"connect": STALL}, {"EHLO": RESET}, {"MAIL": "530 log in"}],
    ids=["close", "stall", "reset", "login"],
)
def test_an_unreachable_server_opens_the_breaker_and_uses_no_attempt(session, replies):
    ids = mails(3)
    with speaking_to(**replies) as server:
        deliver(*ids)
        assert breaker.is_open()
        deliver(*ids)
        assert delivery.due_batches() == []
    assert server.connections == 1
    for row in map(fresh, ids):
        assert (row.state, row.attempts, row.lease_owner) == (MailState.queued, 0, None)
        assert row.due_at < now()


def test_the_breaker_pauses_longer_each_time_and_closes_when_the_server_answers(session):
    ids = mails(2)
    pauses = []
    moment = now()
    for _ in range(8):
        with time_machine.travel(moment, tick=False), speaking_to(connect=CLOSE):
            deliver(*ids)
            row = session.get(breaker.Breaker, "smtp", populate_existing=True)
            pauses.append(row.open_until - now())
            moment = row.open_until + timedelta(seconds=1)
    assert pauses[0] < timedelta(seconds=20)
    assert pauses[3] > pauses[0] * 3
    assert max(pauses) < timedelta(minutes=7)
    with time_machine.travel(moment), speaking_to() as server:
        deliver(*ids)
        assert not breaker.is_open()
    assert len(server.mails) == 2


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA"])
def test_a_connection_lost_before_the_mail_leaves_is_made_anew(session, stage):
    ids = mails(3)
    usual = {"DATA": "354 go on"}.get(stage, "250 ok")
    with speaking_to(**{stage: [usual, CLOSE, usual]}) as server:
        deliver(*ids)
    assert [state_of(row_id) for row_id in ids] == [MailState.sent] * 3
    assert (server.connections, len(server.mails)) == (2, 3)


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA"])
def test_connections_lost_again_and_again_open_the_breaker_and_use_no_attempt(session, stage):
    ids = mails(4)
    with speaking_to(**{stage: RESET}):
        deliver(*ids)
    assert breaker.is_open()
    for row in map(fresh, ids):
        assert (row.state, row.attempts, row.doubts) == (MailState.queued, 0, 0)
        assert row.handing_over_at is None


def test_a_mail_that_ends_every_connection_does_not_keep_the_others_back(session):
    ids = mails(3)
    with speaking_to(MAIL=[CLOSE, "250 ok"]) as server:
        deliver(*ids)
    assert [state_of(row_id) for row_id in ids] == [
        MailState.queued,
        MailState.sent,
        MailState.sent,
    ]
    assert fresh(ids[0]).due_at > now()
    assert len(server.mails) == 2
    assert not breaker.is_open()


def test_whoever_lost_the_lease_does_not_send(session, monkeypatch):
    rows = mails(2)
    original = leases.Leases.leave

    def stolen(held, row_id):
        if row_id == rows[0]:
            stealing = OutboxMessage.__table__.update().where(OutboxMessage.id == row_id)
            db.session.execute(stealing.values(lease_owner="somebody else"))
            db.session.commit()
        original(held, row_id)

    monkeypatch.setattr(leases.Leases, "leave", stolen)
    with speaking_to() as server:
        deliver(*rows)
    assert len(server.mails) == 1
    assert [state_of(row) for row in rows] == [MailState.sending, MailState.sent]
    assert fresh(rows[0]).lease_owner == "somebody else"


def test_what_ends_a_job_while_a_mail_leaves_puts_that_mail_in_doubt_and_frees_the_rest(
    session, monkeypatch
):
    ids = mails(3)
    send = SmtpSession.send

    def interrupted(smtp_session, octets, *following):
        send(smtp_session, octets, *following)
        raise JobTimeoutException("too long")

    with speaking_to() as server:
        monkeypatch.setattr(SmtpSession, "send", interrupted)
        with pytest.raises(JobTimeoutException):
            deliver(*ids)
        monkeypatch.undo()
        assert len(server.mails) == 1
        assert [state_of(i) for i in ids] == [MailState.sending, MailState.queued, MailState.queued]
        db.session.commit()
        with time_machine.travel(now() + timedelta(minutes=10)):
            sweeper.sweep()
            db.session.commit()
    assert (fresh(ids[0]).doubts, fresh(ids[1]).doubts) == (1, 0)
