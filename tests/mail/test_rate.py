"""MAIL_RATE is kept by one bucket, whoever sends."""

import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask import current_app
from sqlalchemy import update

from service.clock import now
from service.config import DailyLimit, Rate
from service.extensions import db
from service.mail.decision import Decision
from service.mail.delivery import delivery, shutdown
from service.mail.policy import rate
from service.models import MailKind, MailState, OutboxMessage, WaitReason
from tests.builders import a_contact, a_member
from tests.mail.deliveries import a_mail, fresh, mails, speaking_to

TEN_A_SECOND = {rate.SERVER: timedelta(seconds=0.1)}
ONE_AN_HOUR = {rate.SERVER: timedelta(hours=1)}


@pytest.fixture
def limited(app):
    """Give the app of the test a limit."""
    before = app.extensions["settings"]

    def limit(**limits) -> None:
        app.extensions["settings"] = replace(before, **limits)

    yield limit
    app.extensions["settings"] = before


def waits(limits, count: int) -> list[float]:
    return [rate.reserve(limits).wait for _ in range(count)]


def test_slots_follow_one_another_at_the_rate(session):
    with time_machine.travel(now(), tick=False):
        assert waits(TEN_A_SECOND, 5) == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])


def test_a_slot_too_far_away_is_not_reserved(session):
    with time_machine.travel(now(), tick=False):
        assert rate.reserve(ONE_AN_HOUR).is_reserved
        for _ in range(2):
            turn = rate.reserve(ONE_AN_HOUR)
            assert (turn.wait, turn.is_reserved) == (3600, False)


def test_a_quiet_hour_does_not_lead_to_a_burst(session):
    with time_machine.travel(now(), tick=False) as clock:
        rate.reserve(TEN_A_SECOND)
        clock.shift(3600)
        assert waits(TEN_A_SECOND, 4) == pytest.approx([0, 0, 0.1, 0.2])


def test_a_clock_that_is_put_back_does_not_stop_the_mail(session):
    with time_machine.travel(now() + timedelta(days=1), tick=False):
        rate.reserve(TEN_A_SECOND)
    assert rate.reserve(TEN_A_SECOND).wait == 0


def test_of_two_limits_the_slower_one_holds_and_the_other_is_not_used_up(session):
    both = {**TEN_A_SECOND, "domain:daz.example": timedelta(seconds=0.5)}
    with time_machine.travel(now(), tick=False):
        assert waits(both, 3) == pytest.approx([0, 0.5, 1])
        far = rate.reserve(both)
        assert (far.bucket, far.is_reserved) == ("domain:daz.example", False)
        assert waits(TEN_A_SECOND, 2) == pytest.approx([1, 1.1])


def test_a_complaint_halves_the_rate_and_a_quiet_while_takes_it_back(session):
    with time_machine.travel(now(), tick=False) as clock:
        for _ in range(2):
            rate.slow_down("domain:daz.example")
        assert rate.slowed(now()) == {"domain:daz.example": 2}
        limits = rate.limits_for("domain:daz.example", rate.slowed(now()))
        assert limits == {"domain:daz.example": timedelta(seconds=1)}
        assert rate.limits_for("domain:other.example", rate.slowed(now())) == {}
        clock.shift(rate.QUIET)
        assert rate.slowed(now()) == {"domain:daz.example": 1}
        clock.shift(rate.QUIET)
        assert rate.slowed(now()) == {}


@pytest.mark.parametrize(
    ("words", "bucket"),
    [("451 4.7.1 try more slowly", "domain:daz.example"), ("421 too many", "domain:daz.example")],
)
def test_a_server_that_finds_us_too_fast_is_sent_to_more_slowly(session, words, bucket):
    ids = mails(3)
    with speaking_to(RCPT=[words, "250 ok"]) as server:
        delivery.deliver(ids)
    assert rate.slowed(now()) == {bucket: 1}
    assert len(server.mails) == 2
    assert fresh(ids[0]).state is MailState.queued


def test_a_domain_s_limit_holds_only_its_own_mails_back(session, limited):
    limited(mail_domain_rate=Rate(1, 60))
    near = [a_mail(contact=a_contact(email=f"{n}@near.example")).id for n in "abc"]
    far = a_mail(contact=a_contact(email="a@far.example")).id
    db.session.commit()
    began = now()
    with speaking_to() as server:
        delivery.deliver([*near, far])
    assert len(server.mails) == 2
    assert [fresh(i).state for i in (near[0], far)] == [MailState.sent] * 2
    waits = [(fresh(i).due_at - began).total_seconds() for i in near[1:]]
    assert waits == pytest.approx([60, 120], abs=3)


def test_a_new_sender_sends_no_more_than_the_day_allows(session, limited):
    limited(mail_ramp_up=DailyLimit(2, 1.5))
    ids = mails(5)
    urgent = a_mail(MailKind.test_mail, to=a_member(), departure=None).id
    with (
        speaking_to() as server,
        time_machine.travel(datetime(2026, 3, 2, 11, tzinfo=UTC)) as clock,
    ):
        db.session.execute(update(OutboxMessage).values(due_at=now()))
        db.session.commit()
        delivery.deliver([*ids, urgent])
        assert len(server.mails) == 3
        assert fresh(ids[4]).due_at == datetime(2026, 3, 3, 8, tzinfo=UTC)  # nine in Madrid
        (wait,) = Decision.of(fresh(ids[4]).decision).waits
        assert (wait.why, wait.until) == (WaitReason.ramp_up, fresh(ids[4]).due_at)
        clock.move_to(datetime(2026, 3, 3, 8, tzinfo=UTC))
        db.session.rollback()
        delivery.deliver(ids)
    assert len(server.mails) == 6


def test_two_workers_together_keep_the_rate(session, app, mailbox, limited):
    limited(mail_rate=Rate(20, 1))
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
    limited(mail_rate=Rate(1, 3600))
    ids = mails(3)
    with speaking_to() as server:
        delivery.deliver(ids)
    assert len(server.mails) == 1
    held = [fresh(row_id) for row_id in ids[1:]]
    assert {(row.state, row.attempts, row.lease_owner) for row in held} == {
        (MailState.queued, 0, None)
    }
    assert all(row.due_at < now() for row in held)  # they are owed now, and keep their place
    with speaking_to() as server:
        delivery.deliver(ids)
    assert server.connections == 0


def test_a_job_that_runs_out_of_time_gives_the_rest_back_at_once(session, monkeypatch):
    monkeypatch.setattr(shutdown, "BUDGET", -1)
    ids = mails(3)
    assert delivery.deliver(ids) == ids
    assert {(fresh(i).state, fresh(i).due_at < now()) for i in ids} == {(MailState.queued, True)}
    assert current_app.extensions["settings"].mail_rate is None
