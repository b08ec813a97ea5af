"""A worker that is told to end tells its job, and nobody else."""

import os
import signal
import time

from tests import forked
from worker import MailWorker


def a_job_that_was_forked_just_now() -> None:
    """Fork a job that has not made its own process group yet, and tell it to end."""
    signal.signal(signal.SIGTERM, lambda *_: print("the worker was told", flush=True))
    worker = MailWorker.__new__(MailWorker)
    worker._horse_pid = os.fork()
    if worker._horse_pid == 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        time.sleep(30)
    time.sleep(0.3)
    worker.kill_horse(signal.SIGTERM)
    _pid, status = os.wait()
    was_told = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGTERM
    print("the job was told" if was_told else "nobody", flush=True)


def test_a_job_that_was_forked_just_now_is_told_alone(tmp_path):
    said = tmp_path / "said.txt"
    process = forked.call(a_job_that_was_forked_just_now, (), os.environ, said)

    assert process.wait(60) not in (-signal.SIGTERM, 143)
    assert said.read_text().splitlines() == ["the job was told"]
