"""Told to end, a process finishes what it has in hand and leaves all the rest to the others."""

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

import pytest
from rq import Worker
from sqlalchemy import select, text

from service import named_leases, scheduler
from service.clock import today
from service.departures.actions import departures
from service.departures.actions.departures import Facts
from service.extensions import db, queue
from service.mail import outbox
from service.models import MailKind, MailState, OutboxMessage
from service.protocols import jobs as advancing
from tests import forked
from tests.builders import a_company, a_contact, a_departure
from tests.forked import Forked
from tests.live import environment_of
from tests.mail.scripted_server import USUAL, ScriptedServer, scripted
from tests.mail.test_workers import message_ids, wait_for
from tests.mail.workers import a_worker, jobs_of
from tests.processes import private_directory, wait_until

MAILS = 200  # the first job of the clock holds 100 of them, and begins with a prefetch process
PROMISE = 10  # seconds from SIGTERM to the end


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """A server that thinks about each of its answers for up to 0.4 seconds."""
    with scripted() as slow:
        slow.pauses = dict.fromkeys(USUAL, 0.4)
        yield slow
        slow.pauses = {}


def mails_that_nobody_was_told_of() -> None:
    """Write so many mails, each to a contact of its own, as if every hint had been lost."""
    for _number in range(MAILS):
        departure = a_departure()
        outbox.write(
            MailKind.thank_you,
            departure.contact,
            subject=f"departure:{departure.id}",
            departure=departure,
        )
    db.session.info.pop(outbox.DUE_NOW)
    db.session.commit()


def states() -> Counter[MailState]:
    """How many mails there are of each state."""
    found = Counter(db.session.scalars(select(OutboxMessage.state)))
    db.session.rollback()
    return found


def owners_of_the_queued() -> set[tuple[object, object]]:
    """Who holds mails that wait, and until when."""
    held = select(OutboxMessage.lease_owner, OutboxMessage.lease_until)
    found = db.session.execute(held.where(OutboxMessage.state == MailState.queued)).all()
    db.session.rollback()
    return {tuple(row) for row in found}


def tell_to_end(worker: Forked, with_its_jobs: bool) -> None:
    """Send SIGTERM to the process that was started or, as some hosts do, to all at once."""
    for pid in [worker.pid, *(jobs_of(worker) if with_its_jobs else [])]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)


def test_workers_that_are_told_to_end_finish_the_mail_in_hand(settings, session, server):
    mails_that_nobody_was_told_of()
    with a_worker(settings, server.port) as one, a_worker(settings, server.port) as other:
        scheduler.tick()
        wait_for(lambda: jobs_of(one) and jobs_of(other) and len(server.mails) > 3)
        told_at = time.monotonic()
        tell_to_end(one, with_its_jobs=False)
        tell_to_end(other, with_its_jobs=True)
        assert (one.wait(PROMISE), other.wait(PROMISE)) == (0, 0)
        assert time.monotonic() - told_at < PROMISE

    taken = len(server.mails)
    assert taken < MAILS / 2, "they went on with their batches"
    assert states() == {MailState.sent: taken, MailState.queued: MAILS - taken}
    assert owners_of_the_queued() == {(None, None)}

    server.pauses = {}
    with a_worker(settings, server.port):
        scheduler.tick()
        wait_for(lambda: states() == {MailState.sent: MAILS})
    assert set(message_ids(server.mails).values()) == {1}
    assert len(server.mails) == MAILS


def many_leave(count: int) -> None:
    """Record departures that owe a thank-you each, since yesterday morning."""
    a_company()
    facts = Facts(service="SEO", notice_on=today("Europe/Madrid") - timedelta(days=2))
    for _number in range(count):
        departures.record(a_contact(), facts)
    db.session.commit()


@contextmanager
def nobody_else_writes(table: str) -> Iterator[None]:
    """Hold a table, so that whoever writes to it stays in the middle of it."""
    with db.engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"LOCK TABLE {table} IN EXCLUSIVE MODE"))
        else:
            connection.execute(text("SELECT 1"))  # BEGIN IMMEDIATE
        yield


def test_a_clock_that_is_told_to_end_finishes_its_round_and_frees_its_lease(settings, session):
    many_leave(5)
    with private_directory() as home:
        log = home / "log"
        with nobody_else_writes("leases"):
            clock = forked.start(["worker.py", "clock"], environment_of(settings, 1), log)
            wait_until(lambda: log.read_text().index("clock_ready"), clock, log)
            time.sleep(0.3)  # now it waits for us, in its first round
            clock.terminate()
            time.sleep(0.3)
            assert clock.poll() is None, log.read_text()
        assert clock.wait(PROMISE) == 0
    assert queue.waiting() == 1  # the hint at those who are due
    assert named_leases.take(scheduler.NAME, "the next clock", scheduler.LEASE)


def test_a_worker_that_is_told_to_end_finishes_the_departures_it_advances(settings, session):
    many_leave(5)
    with a_worker(settings, 9) as worker:
        wait_for(lambda: worker.pid in [it.pid for it in Worker.all(queue=queue.jobs)])
        due = advancing.left()
        with nobody_else_writes("enrolments"):
            queue.wake("service.tasks.advance", due)
            wait_for(lambda: jobs_of(worker))
            tell_to_end(worker, with_its_jobs=True)
            time.sleep(0.3)
            assert worker.poll() is None
        assert worker.wait(PROMISE) == 0
    assert states().total() == 5
