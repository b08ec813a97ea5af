"""Workers, their jobs and the clock killed at random moments: no mail lost, hardly one doubled.

FAULT_SEED repeats the blows of an earlier run, as far as chance is ours.
"""

import os
import random
import time
from datetime import timedelta

import pytest
import redis

from service.clock import today
from service.models import MailState
from tests.faults.installs import Install, an_install, hint_in_batches, open_mails, reckon, states
from tests.faults.test_together import record_all, times_written
from tests.mail.deliveries import mails
from tests.mail.scripted_process import ScriptedProcess, scripted_process

SEED = int(os.environ.get("FAULT_SEED") or random.randrange(1_000_000))
BLOWS = ("job", "prefetch", "worker", "worker and job", "clock")
WEIGHTS = (6, 4, 2, 2, 1)
MOST_SECONDS = 600
LEAVING = 250  # departures: more than one job advances
NO_SERVER = 9  # nobody listens there: what is written waits


class Killer:
    """Strikes processes of an install; counts the senders and prefetch processes that died."""

    def __init__(self, install: Install, chance: random.Random) -> None:
        self.install, self.chance = install, chance
        self.senders = self.prefetch_processes = self.kills = 0

    def strike(self, blow: str) -> None:
        """Kill whom the blow names, wherever they are in their work."""
        at_work = [worker for worker in self.install.workers if worker.children()]
        victim = self.chance.choice(at_work or self.install.workers)
        jobs = 0
        if blow == "clock":
            self.chance.choice(self.install.clocks).kill()
        if blow.startswith("worker"):
            victim.kill()
        prefetch_processes = victim.kill_grandchildren() if blow == "prefetch" else 0
        if blow.endswith("job") or (blow == "prefetch" and not prefetch_processes):
            jobs = victim.kill_children()
        self.senders += jobs
        self.prefetch_processes += prefetch_processes
        self.kills += 1 if blow.startswith(("worker", "clock")) else jobs + prefetch_processes


def blows(chance: random.Random, count: int) -> list[str]:
    """Return so many blows, of each sort at least one."""
    return chance.sample([*BLOWS, *chance.choices(BLOWS, WEIGHTS, k=count - len(BLOWS))], k=count)


def kill_through(install: Install, smtp: ScriptedProcess, ids: list[int], count: int, seed: int):
    """Send `ids` under `count` kills, spread over the work at random; return the killer."""
    chance = random.Random(seed)
    killer = Killer(install, chance)
    plan = blows(chance, count)
    moments = sorted(chance.sample(range(len(ids)), count))
    hint_in_batches(ids, max(5, len(ids) // 40), chance)
    deadline = time.monotonic() + MOST_SECONDS
    for moment, blow in zip(moments, plan, strict=True):
        before = killer.kills
        while killer.kills == before:
            assert time.monotonic() < deadline, f"{killer.kills} of {count} kills: {states()}"
            come_to(install, smtp, moment)
            time.sleep(chance.uniform(0, 0.15))
            killer.strike(blow)
            if killer.kills == before and not open_mails():
                break  # no job is left that could be killed
    return killer


def come_to(install: Install, smtp: ScriptedProcess, moment: int) -> None:
    """Work on until the server took so many mails and a job is at hand, or no mail is left."""
    deadline = time.monotonic() + 60
    quiet = 0
    while time.monotonic() < deadline:
        install.tend()
        quiet = 0 if install.is_busy() else quiet + 1
        if smtp.taken().total() > moment and install.is_at_work():
            return
        if quiet > 10:
            if not open_mails():
                return
            install.let_time_pass()
            quiet = 0
        time.sleep(0.02)


def none_is_lost(settings, count: int, kills: int, seed: int, slowness: float) -> None:
    """The server is slowest where a kill decides most: when it has taken a mail and says so.

    Odd seeds send over three connections with PIPELINING, even ones over one without.
    """
    print(f"FAULT_SEED={seed}")
    connections, offers = (3, ("--offer", "PIPELINING")) if seed % 2 else (1, ())
    ids = mails(count)
    redis.Redis.from_url(settings.redis_url).flushall()  # their hints come later, in batches
    pauses = {"RCPT": slowness, "DATA": slowness, "body": 3 * slowness}
    with (
        scripted_process(*offers, **pauses) as smtp,
        an_install(settings, smtp.port, MAIL_CONNECTIONS=str(connections)) as install,
    ):
        install.tick()
        install.work(2)
        install.until_ready()
        killer = kill_through(install, smtp, ids, kills, seed)
        print(f"killed {killer.senders} senders and {killer.prefetch_processes} prefetch processes")
        assert killer.senders, "no sender was killed"
        install.until_all_ended()
        reckon(smtp, killer.senders * connections)
        assert len(smtp.taken()) >= count - states()[MailState.uncertain]
        assert states().total() == count


@pytest.mark.usefixtures("session")
def test_no_mail_is_lost_and_at_most_one_doubled_per_kill(settings):
    none_is_lost(settings, 60, 6, SEED, 0.03)


@pytest.mark.long
@pytest.mark.usefixtures("session")
@pytest.mark.parametrize("seed", range(10))
def test_a_thousand_mails_and_fifty_kills_lose_nothing(settings, seed):
    none_is_lost(settings, 1_000, 50, seed, 0.01)


@pytest.mark.usefixtures("session")
def test_workers_that_are_killed_while_they_advance_leave_each_step_written_once(settings):
    print(f"FAULT_SEED={SEED}")
    chance, kills = random.Random(SEED), 0
    with an_install(settings, NO_SERVER) as install:
        record_all(today("Europe/Madrid") - timedelta(days=1), LEAVING)
        install.work(2)
        install.until_ready()
        for _blow in range(6):
            install.tick_here()
            install.until(lambda: install.is_at_work() or all_are_written(), "a hint is taken up")
            time.sleep(chance.uniform(0, 0.1))
            kills += sum(worker.kill_children() for worker in install.workers)
        assert kills, "no job was killed"
        install.until(lambda: install.tick_here() or all_are_written(), "the rest is written")
        assert set(times_written()) == {1}


def all_are_written() -> bool:
    """Whether each departure has the two mails that it is owed."""
    return len(times_written()) == 2 * LEAVING
