"""What is wrong at the start is said at the start, in one line that names the setting."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
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


def open_to_others(folder: Path) -> dict[str, str]:
    """Return what other accounts can get at in a folder, with its mode."""
    found = {}
    for path in (folder, *folder.rglob("*")):
        with suppress(FileNotFoundError):  # SQLite's journal comes and goes
            found[str(path)] = path.stat().st_mode
    return {name: oct(mode) for name, mode in found.items() if mode & 0o077}


@pytest.mark.parametrize(
    "words",
    [
        ["-m", "flask", "--app", "wsgi", "provider", "create", "ana@norte.example", "--name", "A"],
        ["-m", "gunicorn", "wsgi:app", "-b", "127.0.0.1:0"],
        ["-m", "service.catcher", "--port", "0", "--smtp-port", "0"],
        ["worker.py"],
        ["worker.py", "clock"],
    ],
)
def test_what_is_kept_is_for_the_account_alone_also_what_was_kept_before(tmp_path, words):
    data, said = tmp_path / "data", tmp_path / "said.txt"
    data.mkdir()
    if "service.catcher" not in words:  # it makes the folder of its mails
        (data / "mails").mkdir()
        (data / "mails" / "old.eml").touch(mode=0o644)
        (data / "hasta-luego.sqlite3").touch(mode=0o644)
    else:
        data.chmod(0o700)  # by those above, which run before it
    process = forked.start(words, surroundings(tmp_path), said)
    try:
        until = time.monotonic() + 60
        while open_to_others(data) or not {"mails", "secret_key"} <= {
            p.name for p in data.iterdir()
        }:
            assert time.monotonic() < until, (open_to_others(data), said.read_text())
            time.sleep(0.05)
    finally:
        forked.stop(process)
