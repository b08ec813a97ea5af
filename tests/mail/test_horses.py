"""A worker that is told to end tells its job, and nobody else."""

import signal
import subprocess
import sys

from tests.live import ROOT

FORKED_JUST_NOW = """
import os, signal, time
from worker import MailWorker
signal.signal(signal.SIGTERM, lambda *_: print("the worker was told", flush=True))
worker = MailWorker.__new__(MailWorker)
worker._horse_pid = os.fork()
if worker._horse_pid == 0:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    time.sleep(30)  # it has not made its own group yet
time.sleep(0.3)
worker.kill_horse(signal.SIGTERM)
_pid, status = os.wait()
print("the job was told" if os.WTERMSIG(status) == signal.SIGTERM else "nobody")
"""


def test_a_job_that_was_forked_just_now_is_told_alone():
    ran = subprocess.run(
        [sys.executable, "-c", FORKED_JUST_NOW],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        start_new_session=True,
    )

    assert ran.returncode not in (-signal.SIGTERM, 143)
    assert ran.stdout.split("\n")[:-1] == ["the job was told"], ran.stdout + ran.stderr
