"""`dev.py run`, for real, in a copy of the project: it starts, stays up, and leaves nothing."""

import http.client
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener

import pytest

from development import environment
from tests.processes import missing, start

ROOT = environment.ROOT
READY = "is ready"
LONG_PASSWORD = "una frase larga que nadie adivina"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of the project with its own data, sharing the environment that is installed."""
    if not environment.is_installed("run", environment.lock_hash("run")):
        pytest.skip("the environment is not the lock's; run `python3 dev.py test` once")
    copy = tmp_path / "clone"
    copy_project(copy)
    (copy / ".venv").symlink_to(environment.VENV)
    return copy


def copy_project(to: Path) -> None:
    """Copy what git knows or would know."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout.decode()
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)


class Launched:
    """One `dev.py run` and what it says."""

    def __init__(
        self, clone: Path, port: int, *before: str, log: str = "said.txt", **settings: str
    ) -> None:
        self.clone, self.port, self.log = clone, port, clone / log
        surroundings = {"PATH": "/usr/bin:/bin", "HOME": str(clone), "PORT": str(port)}
        with self.log.open("wb") as out:
            self.process = start(
                [*before, sys.executable, "dev.py", "run"],
                cwd=clone,
                env=surroundings | settings,
                stdout=out,
                stderr=out,
            )

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def wait_for(self, words: str, seconds: float = 240) -> str:
        """Wait until it has said `words`."""
        self.wait_until(lambda: words in self.said() or self.process.poll() is not None, seconds)
        assert words in self.said(), self.said()
        return self.said()

    def wait_until(self, met: Callable[[], bool], seconds: float = 120) -> None:
        """Wait for a condition; fail with what was said."""
        deadline = time.monotonic() + seconds
        while not met():
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.05)

    def end(self, how: int = signal.SIGINT) -> int:
        """Signal the launcher and return its exit code."""
        self.process.send_signal(how)
        return self.process.wait(60)

    def processes(self) -> list[str]:
        """Return the command lines of all processes that work in this copy."""
        return [line for _pid, line in processes_in(self.clone)]

    def pid_of(self, words: str) -> int | None:
        found = [pid for pid, line in processes_in(self.clone) if line.endswith(words)]
        return found[0] if found else None


def processes_in(directory: Path) -> Iterator[tuple[int, str]]:
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
            inside = (entry / "cwd").readlink().is_relative_to(directory)
        except OSError:
            continue
        if line and (inside or str(directory) in line):
            yield int(entry.name), line


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def launch(clone: Path, port: int) -> Iterator[Callable[..., Launched]]:
    """Start the project; whatever a test leaves is killed."""
    launched: list[Launched] = []

    def one_more(*before: str, **settings: str) -> Launched:
        launched.append(Launched(clone, port, *before, **settings))
        return launched[-1]

    yield one_more
    for run in launched:
        for pid, _line in processes_in(run.clone):  # faketime, say, does not take its child along
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        run.process.wait()


def get(port: int, path: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


def test_a_project_keeps_what_it_has_through_its_first_three_runs(launch, port, clone):
    """One story, because each start takes long: each step is a function below."""
    run = launch()
    link = it_says_where_all_is(run.wait_for(READY), port)
    another_run_does_not_share_its_data(clone)
    a_child_that_dies_is_started_again(run)
    kept = {path: oct(path.stat().st_mode) for path in (clone / "var", *(clone / "var").rglob("*"))}
    assert {path: mode for path, mode in kept.items() if not mode.endswith("00")} == {}
    assert run.end(signal.SIGINT) == 0
    assert run.processes() == []
    key, database = (
        (clone / "var" / "secret_key").read_text(),
        clone / "var" / "hasta-luego.sqlite3",
    )
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("CREATE TABLE kept (word TEXT)")

    run = launch()
    assert it_says_where_all_is(run.wait_for(READY), port) == link, "it was not used yet"
    become_owner(link)
    assert run.end(signal.SIGTERM) == 0

    run = launch()
    assert "Create the owner" not in run.wait_for(READY)
    run.wait_until(lambda: bool(run.pid_of("worker.py clock")))
    run.end(signal.SIGKILL)
    run.wait_until(lambda: run.processes() == [])  # nothing outlives a launcher that is killed
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
    assert (clone / "var" / "secret_key").read_text() == key


def it_says_where_all_is(said: str, port: int) -> str:
    """Open the pages that a run names, and return the link that makes the owner."""
    assert f"http://localhost:{port}\n" in said
    (reader,) = re.findall(r"Read the mails +http://localhost:(\d+)", said)
    assert get(int(reader), "/").status == 200
    assert get(port, "/healthz").status == 200
    (link,) = re.findall(r"Create the owner +(\S+)", said)
    assert link.startswith(f"http://localhost:{port}/")
    return link


def become_owner(link: str) -> None:
    """Fill the form behind the link, as a browser does."""
    browser = build_opener(HTTPCookieProcessor())
    page = browser.open(link, timeout=20).read().decode()
    token = re.search(r'name="csrf_token"[^>]* value="([^"]+)"', page)
    fields = {"csrf_token": token[1] if token else "", "name": "Ana", "language": "es"}
    fields |= {"email": "ana@example.com", "password": LONG_PASSWORD}
    fields |= {"password_again": LONG_PASSWORD}
    answer = browser.open(link, urlencode(fields).encode(), timeout=20)
    assert "/password/" not in answer.url


def another_run_does_not_share_its_data(clone: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        other = int(probe.getsockname()[1])
    second = Launched(clone, other, log="second.txt")
    assert second.process.wait(60) == 1
    assert second.said().startswith("DATA_DIR: ")


def a_child_that_dies_is_started_again(run: Launched) -> None:
    run.wait_until(lambda: bool(run.pid_of("worker.py")))
    first = run.pid_of("worker.py")
    os.kill(first, signal.SIGKILL)
    run.wait_for("worker ended (signal 9); starting it again in 1 s")
    run.wait_until(lambda: run.pid_of("worker.py") not in {None, first})


def test_a_taken_port_is_said_with_the_way_out(launch, port):
    with socket.create_server(("127.0.0.1", port)):
        run = launch()
        assert run.process.wait(60) == 1
    line = run.said().strip()
    assert line.startswith(f"PORT: {port} is taken by another program; ")
    assert re.search(r"PORT=\d+ python3 dev.py run$", line)


def test_a_wrong_setting_ends_it_with_one_line_that_names_it(launch):
    run = launch(TIMEZONE="Nowhere/Land")

    assert run.process.wait(60) == 1
    assert re.fullmatch(r"TIMEZONE: [^\n]+\n", run.said())


def test_settings_may_stand_in_a_file(launch, clone):
    (clone / ".env").write_text("# ours\nMAIL_RATE='much'\n")
    run = launch()

    assert run.process.wait(60) == 1
    assert run.said().startswith("MAIL_RATE: ")


def test_servers_that_the_settings_name_are_used_in_place_of_its_own(
    launch, clone, redis_url, postgres_server, smtp_server
):
    database = postgres_server.new_database(f"run_{os.getpid()}")
    run = launch(
        DATABASE_URL=database,
        REDIS_URL=redis_url,
        MAIL_SERVER=smtp_server.host,
        MAIL_PORT=str(smtp_server.port),
    )
    said = run.wait_for(READY)

    assert "Create the owner" in said
    assert "Read the mails" not in said
    assert not any("valkey" in line or "catcher" in line for line in run.processes())
    assert not list((clone / "var").glob("*.sqlite3"))


def test_a_database_that_does_not_answer_is_said_at_once(launch):
    run = launch(DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")

    assert run.process.wait(60) == 1
    assert "DATABASE_URL: PostgreSQL does not answer" in run.said()
    assert run.processes() == []


def test_a_run_under_another_clock_lives_in_that_time(launch, port):
    faketime = shutil.which("faketime") or missing("faketime (apt-get install faketime)")
    launch(faketime, "2031-05-04 10:00:00").wait_for(READY)

    assert "2031" in (get(port, "/healthz").getheader("Date") or "")
