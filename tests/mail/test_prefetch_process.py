"""Many mails are prepared by a process beside the senders; whoever dies or ends, none is lost."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from flask import current_app

from service import tasks
from service.clock import now
from service.extensions import db, queue
from service.mail.delivery import delivery, prefetch_process, shutdown
from service.mail.policy import conditions
from service.models import MailKind, MailState
from tests.builders import a_company, a_contact, a_response, an_invitation
from tests.mail.deliveries import a_mail, mails, speaking_to, state_of
from tests.mail.scripted_server import ScriptedServer
from tests.mail.test_business_hours import an_asked, at  # noqa: F401
from tests.mail.test_shutdown import owners_of_the_queued, states
from tests.mail.test_workers import message_ids, wait_for
from tests.mail.workers import a_worker, jobs_of

PIPELINING = "250-scripted.test\r\n250 PIPELINING"


@pytest.fixture(autouse=True)
def ten_are_many(monkeypatch):
    """Let ten mails be enough for a prefetch process."""
    monkeypatch.setattr(delivery, "MANY", 10)


def forks_of(pid: int) -> list[int]:
    """The processes that a process has forked and that live."""
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(each) for each in path.read_text().split()] if path.exists() else []


def prefetch_processes() -> set[int]:
    """The prefetch processes of this process."""
    return {each for each in forks_of(os.getpid()) if _command(each) == _command(os.getpid())}


def _command(pid: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


@contextmanager
def after(server: ScriptedServer, count: int, what) -> Iterator[None]:
    """Do something beside, once the server took so many mails."""

    def waits() -> None:
        until = time.monotonic() + 20
        while len(server.mails) < count and time.monotonic() < until:
            time.sleep(0.01)
        what()

    beside = threading.Thread(target=waits)
    beside.start()
    yield
    beside.join()


def kill_the_prefetch() -> None:
    """SIGKILL them."""
    for pid in prefetch_processes():
        os.kill(pid, signal.SIGKILL)


def test_many_mails_are_prepared_beside_the_sender_and_go_in_their_order(session):
    ids = mails(60)
    row = a_mail(MailKind.survey_resume)
    a_response(invitation=an_invitation(departure=row.departure))
    urgent = row.message_id or row.public_id
    db.session.commit()
    with (
        speaking_to(EHLO=PIPELINING) as server,
        after(server, 5, lambda: seen.update(prefetch_processes())),
    ):
        seen: set[int] = set()
        assert delivery.deliver(ids[:10], goes_on=True) == []
    assert len(seen) == 1
    assert states() == {MailState.sent: 61}
    assert (server.connections, len(server.mails)) == (1, 61)
    assert urgent.encode() in server.mails[0]
    assert prefetch_processes() == set()


def test_few_mails_pay_for_no_fork(session, monkeypatch):
    ids = mails(9)
    monkeypatch.setattr(os, "fork", lambda: pytest.fail("a fork"))
    with speaking_to() as server:
        delivery.deliver(ids, goes_on=True)
    assert len(server.mails) == 9


def test_several_senders_share_one_prefetch_process_and_no_mail_goes_twice(session, monkeypatch):
    settings = replace(current_app.extensions["settings"], mail_connections=3)
    monkeypatch.setitem(current_app.extensions, "settings", settings)
    ids = mails(60)
    with speaking_to(EHLO=PIPELINING) as server:
        server.pauses = {"body": 0.005}
        delivery.deliver(ids, goes_on=True)
    assert states() == {MailState.sent: 60}
    assert server.connections == 3
    assert set(message_ids(server.mails).values()) == {1}


def test_a_prefetch_process_counts_the_cap_over_all_that_it_has_passed_on(session, at, monkeypatch):  # noqa: F811
    monkeypatch.setattr(
        prefetch_process._ThreadedPrefetch, "most", 4
    )  # so that they meet in different claims
    monkeypatch.setattr("service.mail.delivery.prefetch.FIRST", 4)
    a_company(daily_cap=1)
    contact = a_contact(email="ana@daz.example")
    first = an_asked(contact, due_at=now() - timedelta(hours=2)).id
    mails(12, due_at=now() - timedelta(hours=1))
    second = an_asked(contact, due_at=now() - timedelta(minutes=1)).id
    db.session.commit()
    with speaking_to() as server:
        delivery.deliver([first], goes_on=True)
    assert (state_of(first), state_of(second)) == (MailState.sent, MailState.queued)
    assert len(server.mails) == 13


def test_trouble_of_the_prefetch_process_ends_the_job_and_keeps_nothing_back(session, monkeypatch):
    def breaks(_ids):
        raise RuntimeError("the database is away")

    ids = mails(12)
    monkeypatch.setattr(conditions, "rows_of", breaks)
    with pytest.raises(prefetch_process.PrefetchBroke, match="the database is away"):
        delivery.deliver(ids, goes_on=True)
    assert states() == {MailState.queued: 12}
    assert owners_of_the_queued() == {(None, None)}


def test_a_prefetch_process_that_is_killed_ends_the_job_and_what_it_claimed_is_given_back(session):
    mails(80)
    with speaking_to() as server:
        server.pauses = {"body": 0.02}
        with after(server, 5, kill_the_prefetch), pytest.raises(prefetch_process.PrefetchBroke):
            tasks.deliver([])
    taken = len(server.mails)
    assert 5 <= taken < 80
    assert states() == {MailState.sent: taken, MailState.queued: 80 - taken}
    assert owners_of_the_queued() == {(None, None)}
    assert prefetch_processes() == set()


def test_a_job_that_is_told_to_end_takes_its_prefetch_process_along(session, monkeypatch):
    wanted = threading.Event()
    monkeypatch.setattr(shutdown, "_wanted", wanted)
    ids = mails(80)
    with speaking_to() as server:
        server.pauses = {"body": 0.02}
        with after(server, 5, wanted.set):
            left = delivery.deliver(ids, goes_on=True)
    taken = len(server.mails)
    assert 5 <= taken < 15
    assert sorted(left) == ids[taken:]
    assert owners_of_the_queued() == {(None, None)}
    assert prefetch_processes() == set()


def test_a_prefetch_process_ends_when_its_job_is_killed(settings, session):
    ids = mails(180)
    with speaking_to() as server:
        server.pauses = {"body": 0.05}
        with a_worker(settings, server.port) as worker:
            queue.wake("service.tasks.deliver", ids[:10])
            wait_for(lambda: len(server.mails) > 5)
            (job,) = jobs_of(worker)
            (pid,) = forks_of(job)
            os.kill(job, signal.SIGKILL)
            wait_for(lambda: not Path(f"/proc/{pid}").exists() or _is_dead(pid))


def _is_dead(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    return True
