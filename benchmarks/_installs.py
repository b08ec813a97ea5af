"""An installation to be measured: a database with queued mails, and its worker processes."""

import logging
import os
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from subprocess import Popen
from typing import Any

from rq import Worker
from sqlalchemy import func, insert, select, update

from service.app import create_app
from service.clock import now, today
from service.config import Settings
from service.extensions import db, queue
from service.mail import outbox
from service.mail.delivery import warming
from service.mail.kinds import RULES
from service.models import (
    OPEN_STATES,
    Client,
    Contact,
    Departure,
    Enrolment,
    Invitation,
    InvitationKind,
    MailKind,
    MailState,
    OutboxMessage,
)
from tests.any_hour import ANY_HOUR
from tests.builders import a_company, a_member
from tests.processes import MEMORY, has_room, private_directory, start, stop
from tests.servers import postgres, valkey

ROOT = Path(__file__).resolve().parent.parent
FAR_AWAY = timedelta(days=30)


@dataclass
class Install:
    """A database, its Redis, and the processes that use them. The app's context is open."""

    kind: str  # sqlite, postgresql
    environment: dict[str, str]
    home: Path
    stack: ExitStack = field(default_factory=ExitStack)

    def start(self, *words: str, **more: str) -> Popen[bytes]:
        """Start `worker.py`, or the clock with "clock"; `more` are settings of that process."""
        with (self.home / "log").open("ab") as out:
            process = start(
                [sys.executable, "worker.py", *words],
                cwd=ROOT,
                env=self.environment | more,
                stdout=out,
                stderr=out,
            )
        self.stack.callback(end, process)
        return process

    def workers(self, count: int, **more: str) -> list[Popen[bytes]]:
        """Start `count` workers and return them once they wait for jobs."""
        wanted = self.ready() + count
        processes = [self.start(**more) for _ in range(count)]
        deadline = time.monotonic() + 60
        while self.ready() < wanted:
            if time.monotonic() > deadline or any(p.poll() is not None for p in processes):
                log = (self.home / "log").read_text()
                raise RuntimeError(f"a worker did not start: {log[-2000:]}")
            time.sleep(0.05)
        return processes

    def ready(self) -> int:
        """Return the number of workers that RQ has registered."""
        return Worker.count(connection=queue.jobs.connection)

    def wait_until_idle(self, seconds: float = 30) -> None:
        """Wait until no job runs or waits: a late one would take the mails due next.

        Between the queue and its start a job is in neither, so this looks five times in a row.
        """
        jobs, deadline, looks = queue.jobs, time.monotonic() + seconds, 0
        while looks < 5:
            at_work = jobs.started_job_registry.get_job_count(cleanup=False)
            looks = 0 if jobs.count or at_work else looks + 1
            if time.monotonic() > deadline:
                raise RuntimeError("the worker does not come to rest")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop the processes, delete the hints, and cancel the mails that are still queued."""
        queue.jobs.connection.flushall()
        self.stack.close()
        queue.jobs.connection.flushall()
        db.session.rollback()
        waiting = OutboxMessage.state.in_(OPEN_STATES)
        db.session.execute(update(OutboxMessage).where(waiting).values(state=MailState.cancelled))
        db.session.commit()


def end(process: Popen[bytes]) -> None:
    """Stop a worker, and kill the processes that it leaves behind."""
    processes = tree(process.pid)
    stop(process)
    for pid in processes[1:]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def tree(pid: int) -> list[int]:
    """Return the id of a process and of all its descendants."""
    found = [pid]
    for parent in found:
        with suppress(OSError):
            children = Path(f"/proc/{parent}/task/{parent}/children").read_text()
            found += map(int, children.split())
    return found


@contextmanager
def installs(port: int, **more: str) -> Iterator[Iterator[Install]]:
    """Yield an install for each database that is installed, one after another.

    `port` is the mail server's; `more` are settings.
    """
    with valkey() as hints, closing(_each(port, hints, more)) as each:
        yield each


def _each(port: int, hints: str, more: dict[str, str]) -> Iterator[Install]:
    with install("sqlite", "", port, hints, **more) as found:
        yield found
    if shutil.which("postgres") or list(Path("/usr/lib/postgresql").glob("*/bin/postgres")):
        with (
            postgres() as server,
            install("postgresql", server.new_database("measured"), port, hints, **more) as found,
        ):
            yield found
    else:
        print("postgresql  not installed, left out")


@contextmanager
def install(kind: str, url: str, port: int, hints: str, **more: str) -> Iterator[Install]:
    """Yield one install with an empty database, its app's context open.

    It is in memory where there is room, as the PostgreSQL of the tests never flushes: the figures
    are of the service and not of the disk, whose part `seconds_of_a_flush` measures.
    """
    where = MEMORY if has_room(MEMORY) else Path(tempfile.gettempdir())
    with private_directory(where=where) as home:
        environment = {
            "PATH": os.environ["PATH"],
            "DATABASE_URL": url or f"sqlite:///{home / 'measured.sqlite3'}",
            "REDIS_URL": hints,
            "DATA_DIR": str(home),
            "SECRET_KEY": "a key for benchmarks only",
            "BASE_URL": "https://adios.norte.example",
            "MAIL_SERVER": "127.0.0.1",
            "MAIL_PORT": str(port),
            "MAIL_DEFAULT_SENDER": "team@norte.example",
            **more,
        }
        app = create_app(Settings.from_environment(environment))
        logging.getLogger("service").setLevel(logging.ERROR)
        with app.app_context():
            db.create_all()
            a_company(**ANY_HOUR)  # a measurement at night means the same
            a_member()
            db.session.commit()
            warming.warm()
            found = Install(kind, environment, home)
            try:
                yield found
            finally:
                found.stop()
                db.session.remove()
                db.engine.dispose()


def seconds_of_a_flush() -> float:
    """Return how long the disk takes to keep a commit, the median of 100: a mail costs one."""
    spent = []
    with tempfile.TemporaryFile(dir="/var/tmp") as file:
        for _ in range(100):
            file.write(b"x" * 4096)
            file.flush()
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            spent.append(time.perf_counter() - began)
    return statistics.median(spent)


def queue_mails(count: int, kind: MailKind = MailKind.survey_invitation) -> list[int]:
    """Write `count` mails to as many contacts, due in a month; return their ids.

    Each has a whole departure, as the protocol would have written it, so that each condition that
    is checked before a mail goes finds its rows.
    """
    first = (db.session.scalar(select(func.max(Client.id))) or 0) + 1
    people = range(first, first + count)
    _insert(Client, [_client(number) for number in people])
    _insert(Contact, [_contact(number) for number in people])
    _insert(Departure, [_departure(number) for number in people])
    _insert(Enrolment, [{"departure_id": n, "next_at": now() + FAR_AWAY} for n in people])
    _insert(Invitation, [_invitation(number) for number in people])
    last = db.session.scalar(select(func.max(OutboxMessage.id))) or 0
    _insert(OutboxMessage, [_mail(number, kind) for number in people])
    db.session.commit()
    mails = select(OutboxMessage.id).where(OutboxMessage.id > last).order_by(OutboxMessage.id)
    ids = list(db.session.scalars(mails))
    db.session.rollback()  # on SQLite a transaction left open would lock all others out
    return ids


def _insert(table: type[Any], rows: list[dict[str, object]]) -> None:
    db.session.execute(insert(table.__table__), rows)


def _client(number: int) -> dict[str, object]:
    name = f"Clínica Nº {number}"
    return {"id": number, "name": name, "name_key": name.casefold(), "service": "SEO"}


def _contact(number: int) -> dict[str, object]:
    email = f"contacto{number}@cliente{number % 97}.example"
    return {
        "id": number,
        "client_id": number,
        "name": f"Íñigo Ruiz {number}",
        "email": email,
        "email_key": email,
        "language": "es" if number % 3 else "en",
    }


def _departure(number: int) -> dict[str, object]:
    yesterday = today("Europe/Madrid") - timedelta(days=1)
    return {
        "id": number,
        "client_id": number,
        "contact_id": number,
        "responsible_id": 1,
        "service": "SEO",
        "notice_on": yesterday - timedelta(days=20),
        "end_on": yesterday,
    }


def _invitation(number: int) -> dict[str, object]:
    closes_at = now() + timedelta(days=60)
    return {"departure_id": number, "kind": InvitationKind.survey, "closes_at": closes_at}


def _mail(number: int, kind: MailKind) -> dict[str, object]:
    return {
        "key": f"contact:{number}|{kind}|departure:{number}||0",
        "kind": kind,
        "language": "es" if number % 3 else "en",
        "contact_id": number,
        "departure_id": number,
        "step": kind.value,
        "priority": RULES[kind].priority,
        "due_at": now() + FAR_AWAY,
    }


def make_due(ids: Sequence[int], at: datetime | None = None) -> datetime:
    """Make these mails due at `at`, by default now, and return that moment."""
    at = at or now()
    span = OutboxMessage.id.between(min(ids), max(ids))
    db.session.execute(
        update(OutboxMessage)
        .where(span, OutboxMessage.state == MailState.queued)
        .values(due_at=at)
        .execution_options(synchronize_session=False)
    )
    db.session.commit()
    return at


def wake(ids: Sequence[int]) -> None:
    """Hint at these mails as the outbox does after a commit."""
    for start_ in range(0, len(ids), outbox.BATCH):
        queue.wake("service.tasks.deliver", list(ids[start_ : start_ + outbox.BATCH]))


def states() -> dict[str, int]:
    """Return the number of mails in each state."""
    counted = select(OutboxMessage.state, func.count()).group_by(OutboxMessage.state)
    found = {state.value: count for state, count in db.session.execute(counted)}
    db.session.rollback()
    return found
