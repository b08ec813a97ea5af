"""MAIL_RATE is kept by one bucket, whoever sends."""

import threading
import time
from dataclasses import replace
from datetime import timedelta

import pytest
import time_machine
from flask import current_app

from service.clock import now
from service.config import Rate
from service.extensions import db
from service.mail import delivery, rate
from service.models import MailState
from tests.mail.deliveries import fresh, mails, speaking_to

TEN_A_SECOND = Rate(10, 1)


@pytest.fixture
def limited(app):
    """Give the app of the test a MAIL_RATE."""
    before = app.extensions["settings"]

    def limit(mails: int, seconds: int) -> None:
        app.extensions["settings"] = replace(before, mail_rate=Rate(mails, seconds))

    yield limit
    app.extensions["settings"] = before


def test_slots_follow_one_another_at_the_rate(session):
    with time_machine.travel(now(), tick=False):
        waits = [rate.reserve(TEN_A_SECOND, 20) for _ in range(5)]
    assert waits == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])


def test_a_slot_too_far_away_is_not_reserved(session):
    with time_machine.travel(now(), tick=False):
        assert rate.reserve(Rate(1, 3600), 20) == 0
        assert rate.reserve(Rate(1, 3600), 20) == pytest.approx(3600)
        assert rate.reserve(Rate(1, 3600), 20) == pytest.approx(3600)


def test_a_quiet_hour_does_not_lead_to_a_burst(session):
    with time_machine.travel(now(), tick=False) as clock:
        rate.reserve(TEN_A_SECOND, 20)
        clock.shift(3600)
        waits = [rate.reserve(TEN_A_SECOND, 20) for _ in range(4)]
    assert waits == pytest.approx([0, 0, 0.1, 0.2])


def test_a_clock_that_is_put_back_does_not_stop_the_mail(session):
    with time_machine.travel(now() + timedelta(days=1), tick=False):
        rate.reserve(TEN_A_SECOND, 20)
    assert rate.reserve(TEN_A_SECOND, 20) == 0


def test_two_workers_together_keep_the_rate(session, app, mailbox, limited):
    limited(20, 1)
    ids = mails(24)
    db.session.commit()

    def work(part):
        with app.app_context():
            delivery.deliver(part)

    workers = [threading.Thread(target=work, args=(ids[n::2],)) for n in (0, 1)]
    began = time.monotonic()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    took = time.monotonic() - began
    assert len(mailbox.messages()) == 24
    assert took > 22 / 20  # the first at once, and one that may be made up for


def test_what_the_rate_holds_back_waits_in_the_outbox(session, limited):
    limited(1, 3600)
    ids = mails(3)
    with speaking_to() as server:
        delivery.deliver(ids)
    assert len(server.mails) == 1
    held = [fresh(row_id) for row_id in ids[1:]]
    assert {(row.state, row.attempts, row.lease_owner) for row in held} == {
        (MailState.queued, 0, None)
    }
    assert all(timedelta(minutes=59) < row.due_at - now() for row in held)


def test_a_job_that_runs_out_of_time_gives_the_rest_back_at_once(session, monkeypatch):
    monkeypatch.setattr(delivery, "BUDGET", -1)
    ids = mails(3)
    assert delivery.deliver(ids) == ids
    assert {(fresh(i).state, fresh(i).due_at < now()) for i in ids} == {(MailState.queued, True)}
    assert current_app.extensions["settings"].mail_rate is None
