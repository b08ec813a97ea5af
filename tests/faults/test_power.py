"""A power cut: what was acknowledged or marked is on the disk, whichever process wrote it."""

from contextlib import ExitStack
from urllib.request import urlopen

import pytest

from service.extensions import queue
from service.mail.delivery.delivery import MANY
from tests import forked, noted_flushes
from tests.faults.installs import open_mails
from tests.faults.people import invited
from tests.live import environment_of, free_port
from tests.mail.deliveries import mails
from tests.noted_flushes import FULL, noted
from tests.processes import wait_until

JOB, PREFETCH = 1, 2  # forks of a worker
SERVES = 1  # a fork of gunicorn's main process


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_every_process_waits_until_its_commits_are_on_the_disk(settings, session, tmp_path):
    port = free_port()
    log, file = tmp_path / "log", tmp_path / "noted"
    environment = environment_of(settings, port)
    (person,) = invited(1)
    ids = mails(MANY)

    with ExitStack() as stack:

        def start(name, *words, given=b""):
            process = forked.call(
                noted_flushes.run, (str(file), name, words, given), environment, log
            )
            stack.callback(forked.stop, process)
            return process

        web = start("web", "gunicorn", "wsgi:app", "-b", f"127.0.0.1:{port}")
        worker = start("worker", "worker.py")
        pipe = start("pipe", "service.pipe", "bounces@norte.example", given=b"From: a@b.c\n\nHi\n")
        command = start("command", "flask", "--app", "wsgi", "tick")
        assert (pipe.wait(60), command.wait(60)) == (0, 0), log.read_text()
        queue.wake("service.tasks.deliver", ids)
        wait_until(lambda: urlopen(f"http://127.0.0.1:{port}/healthz").close(), web, log)
        assert person.answers(f"http://127.0.0.1:{port}").status == 303
        clock = start("clock", "worker.py", "clock")

        def all_have_written():
            assert open_mails() == 0
            assert {name for name, *_ in noted(file)} >= {"clock"}

        wait_until(all_have_written, clock, log)
        assert worker.poll() is None

    found = noted(file)
    assert {level for _, _, level in found} == {FULL}
    assert {(name, forks) for name, forks, _ in found} >= {
        ("web", SERVES),
        ("worker", 0),
        ("worker", JOB),
        ("worker", PREFETCH),
        ("pipe", 0),
        ("command", 0),
        ("clock", 0),
    }
