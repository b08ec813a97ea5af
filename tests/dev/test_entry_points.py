"""What is wrong at the start is said at the start, in one line that names the setting."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis import Redis
from rq import Worker

from development.environment import ROOT
from service.config import Settings
from service.reachability import unreachable
from tests import forked
from tests.forked import Forked


def surroundings(home: Path, **settings: str) -> dict[str, str]:
    bare = {"PATH": os.environ["PATH"], "HOME": str(home), "DATA_DIR": str(home / "data")}
    return bare | {"REDIS_URL": "redis://127.0.0.1:1/0", "PYTHONPATH": str(ROOT)} | settings


@pytest.mark.parametrize(
    "words",
    [
        ["wsgi.py"],
        ["-m", "flask", "--app", "wsgi", "routes"],
        ["worker.py"],
        ["worker.py", "clock"],
    ],
)
def test_production_without_a_secret_does_not_start(tmp_path, words):
    said = tmp_path / "said.txt"
    process = forked.start(words, surroundings(tmp_path, ENVIRONMENT="production"), said, tmp_path)

    assert process.wait(50) == 3
    assert said.read_text().startswith("SECRET_KEY: ")
    assert said.read_text().count("\n") == 1


def test_gunicorn_gives_up_at_once_on_a_wrong_setting(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        bind = f"127.0.0.1:{probe.getsockname()[1]}"
    config = ["-c", str(ROOT / "gunicorn.conf.py"), "-w", "2"]
    done = subprocess.run(
        [sys.executable, "-m", "gunicorn", "wsgi:app", "-b", bind, *config],
        cwd=tmp_path,
        env=surroundings(tmp_path, MAIL_RATE="much"),
        capture_output=True,
        text=True,
        timeout=50,
    )

    assert done.returncode == 3
    assert "MAIL_RATE: 'much' is not a rate" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Booting worker" not in done.stderr  # two that give up end gunicorn with another code


def test_each_server_that_does_not_answer_is_named(tmp_path):
    settings = Settings.from_environment(
        {
            "DATA_DIR": str(tmp_path),
            "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
            "REDIS_URL": "redis://127.0.0.1:1/0",
            "MAIL_SERVER": "127.0.0.1",
            "MAIL_PORT": "1",
        }
    )
    lines = list(unreachable(settings))

    assert [line.split(": ")[0] for line in lines] == ["DATABASE_URL", "REDIS_URL", "MAIL_SERVER"]
    assert not any("\n" in line for line in lines)
    assert [line[:9] for line in unreachable(settings, "REDIS_URL")] == ["REDIS_URL"]


def test_servers_that_answer_are_not_named(tmp_path, redis_url, postgres_server, smtp_server):
    settings = Settings.from_environment(
        {
            "DATA_DIR": str(tmp_path),
            "DATABASE_URL": postgres_server.url(),
            "REDIS_URL": redis_url,
            "MAIL_SERVER": smtp_server.host,
            "MAIL_PORT": str(smtp_server.port),
        }
    )
    assert list(unreachable(settings)) == []


@contextmanager
def running(home: Path, *what: str, **settings: str) -> Iterator[tuple[Forked, Path]]:
    """Run worker.py and yield it with the file of what it says."""
    said = home / "said.txt"
    process = forked.start(["worker.py", *what], surroundings(home, **settings), said, home)
    try:
        yield process, said
    finally:
        process.kill()
        process.wait()


def wait_for(said: Path, words: str, met: Callable[[], bool] = lambda: True) -> None:
    """Wait until `words` were said and a condition holds."""
    deadline = time.monotonic() + 60
    while not said.exists() or words not in said.read_text() or not met():
        assert time.monotonic() < deadline, said.read_text()
        time.sleep(0.05)


def is_waiting_for_jobs(url: str) -> bool:
    with Redis.from_url(url) as connection:
        return [worker.get_state() for worker in Worker.all(connection)] == ["idle"]


def test_a_worker_ends_when_it_is_told_to(tmp_path, redis_url):
    with running(tmp_path, REDIS_URL=redis_url, MAIL_PORT="1") as (process, said):
        wait_for(said, "worker_ready", lambda: is_waiting_for_jobs(redis_url))
        process.terminate()
        assert process.wait(30) == 0

    assert "Traceback" not in said.read_text()


def test_a_clock_ends_between_two_ticks_when_it_is_told_to(tmp_path, redis_url):
    migrate = ["-m", "flask", "--app", "wsgi", "db", "upgrade"]
    migrated = forked.start(migrate, surroundings(tmp_path), tmp_path / "migrated.txt", tmp_path)
    assert migrated.wait(60) == 0, (tmp_path / "migrated.txt").read_text()
    with running(tmp_path, "clock", REDIS_URL=redis_url, MAIL_PORT="1") as (process, said):
        wait_for(said, "clock_ready")
        process.terminate()
        assert process.wait(30) == 0

    assert "Traceback" not in said.read_text()


def test_a_worker_waits_for_redis(tmp_path):
    with running(tmp_path) as (process, said):
        wait_for(said, "REDIS_URL: Redis does not answer")

        assert process.poll() is None, said.read_text()
