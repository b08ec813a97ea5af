"""A worker that died leaves rows behind; the clock finds them by their lease."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import time_machine
from sqlalchemy import update

from service.clock import now
from service.extensions import db
from service.mail.delivery import delivery, leases, sweeper
from service.mail.delivery.session import SmtpSession
from service.models import MailKind, MailState, OutboxMessage
from tests.mail.deliveries import a_mail, a_sender_that_dies, fresh, mails

AFTER = timedelta(minutes=10)


def sweep_later() -> int:
    with time_machine.travel(now() + AFTER):
        swept = sweeper.sweep()
        db.session.commit()
    return swept


def died_with(row, while_sending: bool = False) -> None:
    row_id = row.id
    db.session.commit()
    with a_sender_that_dies(row_id) as theirs:
        if while_sending:
            theirs.leave(row_id)


def lease_of(row_id: int):
    until = fresh(row_id).lease_until
    db.session.rollback()
    return until


def test_a_claim_is_left_alone_while_it_lasts(session):
    row = a_mail()
    died_with(row)
    assert sweeper.sweep() == 0
    assert fresh(row).state is MailState.sending


def test_what_was_not_handed_over_is_retried_without_an_attempt(session, mailbox):
    row = a_mail()
    died_with(row)
    assert sweep_later() == 1
    assert (fresh(row).state, fresh(row).attempts, fresh(row).doubts) == (MailState.queued, 0, 0)
    delivery.deliver([row.id])
    assert len(mailbox.messages()) == 1


def test_what_was_being_handed_over_goes_once_more_and_then_to_a_person(session):
    row = a_mail()
    for state in (MailState.queued, MailState.uncertain):
        with time_machine.travel(now() + 2 * AFTER * fresh(row).doubts):
            died_with(row, while_sending=True)
            sweep_later()
        assert fresh(row).state is state
    assert fresh(row).doubts == 2


def test_a_reminder_that_was_being_handed_over_waits_for_a_person(session):
    row = a_mail(MailKind.survey_reminder_1)
    died_with(row, while_sending=True)
    sweep_later()
    assert fresh(row).state is MailState.uncertain
    assert fresh(row).ended_at is not None


def test_a_lease_of_a_clock_that_was_put_back_does_not_hold_for_a_day(session):
    row = a_mail()
    with time_machine.travel(now() + timedelta(days=1)):
        died_with(row)
    sweeper.sweep()
    assert fresh(row).state is MailState.queued


def test_a_lease_is_renewed_while_its_worker_lives(session):
    ids = mails(2)
    with time_machine.travel(now(), tick=False) as clock, a_sender_that_dies(*ids) as held:
        until = lease_of(ids[1])
        held.renew()
        assert lease_of(ids[1]) == until
        clock.shift(leases.lease_time() * 0.5)
        held.renew()
        assert lease_of(ids[1]) > until


def test_a_lease_is_renewed_without_waiting_for_who_marks_a_row_of_the_same_job(session):
    ids = mails(2)
    with time_machine.travel(now(), tick=False) as clock, a_sender_that_dies(*ids) as held:
        until = lease_of(ids[1])
        clock.shift(leases.lease_time() * 0.5)
        with being_marked(ids[0]):
            held.renew()
        assert lease_of(ids[1]) > until


@contextmanager
def being_marked(row_id: int) -> Iterator[None]:
    """Have a row locked by somebody else, who is slow; SQLite has one writer, and no such locks."""
    if db.engine.name == "sqlite":
        yield
        return
    is_over = threading.Event()
    with db.engine.connect() as other:
        other.execute(update(OutboxMessage).values(attempts=1).where(OutboxMessage.id == row_id))
        later = threading.Timer(2, lambda: (is_over.set(), other.rollback()))
        later.start()
        yield
        assert not is_over.is_set()
        later.join()


def test_a_mail_that_was_taken_is_sent_even_when_the_lease_ran_out_meanwhile(
    session, mailbox, monkeypatch
):
    row = a_mail()
    send = SmtpSession.send

    def slowly(smtp_session, *args):
        words = send(smtp_session, *args)
        sweep_later()
        return words

    monkeypatch.setattr(SmtpSession, "send", slowly)
    delivery.deliver([row.id])
    assert fresh(row).state is MailState.sent
    assert len(mailbox.messages()) == 1
