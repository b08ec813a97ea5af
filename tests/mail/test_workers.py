"""Real workers, a real Valkey, a real SMTP server: killed anywhere, none lost and none doubled."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from email import message_from_bytes

import redis
import time_machine
from sqlalchemy import select

from service import scheduler, tasks
from service.clock import now
from service.extensions import db, queue
from service.mail.delivery import delivery, shutdown
from service.models import MailKind, MailState, OutboxMessage
from service.protocols.actions import enrolments
from tests import forked
from tests.builders import a_departure
from tests.mail.deliveries import a_mail, fresh, mails, speaking_to
from tests.mail.scripted_server import STALL, USUAL
from tests.mail.workers import a_worker, jobs_of, kill_jobs

AFTER_THE_LEASE = timedelta(minutes=10)


def wait_for(what: Callable[[], object], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        db.session.rollback()  # SQLite lets nobody else write while we hold a transaction
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def message_ids(raw_mails: list[bytes]) -> Counter[str]:
    return Counter(message_from_bytes(raw)["Message-ID"] for raw in raw_mails)


def tick_after_the_lease(row) -> None:
    """Tick and deliver in this process, once the dead worker's lease and the pause are over."""
    for minutes in (0, 3):
        with time_machine.travel(now() + AFTER_THE_LEASE + timedelta(minutes=minutes)):
            scheduler.tick()
            delivery.deliver([row.id])


@contextmanager
def held(worker: forked.Forked) -> Iterator[None]:
    """Keep a worker from beginning jobs: woken, it would take the mail at its own time."""
    os.kill(worker.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(worker.pid, signal.SIGCONT)


# Where the job is killed, how many copies arrive in all, and how often nobody could know.
DEATHS = {
    "before DATA": ("RCPT", 1, 0),
    "before the server said go": ("DATA", 1, 0),
    "after 250, before the commit": ("body", 2, 1),
}


def test_a_mail_survives_the_death_of_its_worker_anywhere(settings, session):
    with speaking_to() as server, a_worker(settings, server.port) as worker:
        server.takes_before_answering = True
        for where, (stage, copies, doubts) in DEATHS.items():
            server.forget()
            server.say(stage, [STALL, USUAL[stage]])
            row = a_mail()
            wait_for(lambda stage=stage: server.reached(stage))
            with held(worker):
                kill_jobs(worker)
                assert fresh(row).state is MailState.sending, where
                tick_after_the_lease(row)
            assert (fresh(row).state, fresh(row).doubts) == (MailState.sent, doubts), where
            assert message_ids(server.mails) == {fresh(row).message_id: copies}, where


def test_two_workers_with_the_same_hints_send_each_mail_once(settings, session, mailbox):
    with a_worker(settings, mailbox.port) as one, a_worker(settings, mailbox.port) as two:
        ids = mails(12)
        for start in range(0, 12, 3):
            queue.wake("service.tasks.deliver", ids[start : start + 6])
        mailbox.wait_for(12, 90)
        wait_for(lambda: not jobs_of(one) and not jobs_of(two) and not queue.waiting())
        late = a_mail(due_at=now() + timedelta(seconds=0.5))
        time.sleep(0.6)
        redis.Redis.from_url(settings.redis_url).flushall()
        assert scheduler.tick().hinted == 1
        wait_for(lambda: fresh(late).state is MailState.sent)
    assert message_ids([mail.raw for mail in mailbox.messages()]) == {
        fresh(row_id).message_id: 1 for row_id in [*ids, late.id]
    }


def test_without_redis_the_mail_waits_for_the_clock(app, settings, session, mailbox, caplog):
    try:
        queue.init_app(app, "unix:///nonexistent/valkey.sock")
        row = a_mail()
        scheduler.tick()
        assert "redis_away" in caplog.text
    finally:
        queue.init_app(app, settings.redis_url)
    assert scheduler.tick().hinted == 1
    tasks.deliver([row.id])
    assert fresh(row).state is MailState.sent
    assert len(mailbox.messages()) == 1


def test_a_job_out_of_time_leaves_a_hint_for_the_rest(session, monkeypatch):
    monkeypatch.setattr(shutdown, "BUDGET", -1)
    ids = mails(2)
    before = queue.waiting()
    tasks.deliver(ids)
    assert queue.waiting() == before + 1
    assert not db.session().in_transaction()


def test_advancing_writes_what_a_departure_owes_and_commits(session):
    departure = a_departure()
    enrolment = enrolments.enrol(departure)
    session.commit()
    tasks.advance([enrolment.id, 0])
    session.rollback()
    kinds = session.scalars(select(OutboxMessage.kind)).all()
    assert set(kinds) == {MailKind.thank_you, MailKind.survey_invitation}
