"""Workers killed at random moments: none of their mails is lost, hardly one is doubled."""

import random
import time
from collections import Counter
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import func, select

from service import ticking
from service.clock import now
from service.extensions import db, queue
from service.mail import delivery
from service.models import MailState, OutboxMessage
from tests.mail.deliveries import mails
from tests.mail.workers import a_worker, jobs_of, kill_jobs

MAILS, KILLS, BATCH = 300, 20, 20


def counts() -> Counter[MailState]:
    states = select(OutboxMessage.state, func.count()).group_by(OutboxMessage.state)
    found = Counter(dict(db.session.execute(states).all()))
    db.session.rollback()
    return found


def hint(ids: list[int]) -> None:
    for start in range(0, len(ids), BATCH):
        queue.wake("service.tasks.deliver", ids[start : start + BATCH])


def killed_at_random(workers) -> int:
    """Kill a job now and then until enough have died or nothing is left to send."""
    kills, deadline = 0, time.monotonic() + 120
    while kills < KILLS and time.monotonic() < deadline and counts()[MailState.queued]:
        time.sleep(random.uniform(0, 0.4))
        worker = random.choice(workers)
        kills += len(jobs_of(worker))
        kill_jobs(worker)
    return kills


@pytest.mark.long
def test_no_mail_is_lost_and_at_most_one_doubled_per_kill(settings, session, mailbox, monkeypatch):
    monkeypatch.setattr(queue, "wake", lambda *_: True)
    ids = mails(MAILS)
    monkeypatch.undo()
    with a_worker(settings, mailbox.port) as one, a_worker(settings, mailbox.port) as two:
        hint(ids)
        kills = killed_at_random([one, two])
    assert kills
    for minutes in (10, 15, 20):
        with time_machine.travel(now() + timedelta(minutes=minutes)):
            ticking.tick()
            for batch in delivery.due_batches():
                delivery.deliver(batch)
    assert counts() == {MailState.sent: MAILS}
    arrived = Counter(mail.message["Message-ID"] for mail in mailbox.messages())
    sent = set(db.session.scalars(select(OutboxMessage.message_id)))
    assert set(arrived) == sent
    assert max(arrived.values()) <= 2
    assert sum(arrived.values()) - len(arrived) <= kills
