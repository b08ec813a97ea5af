"""An install with some settings: its processes, a provider at its pages, and its outbox."""

import re
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from service.app import create_app
from service.clients.actions import samples
from service.clock import now
from service.deliveries.actions import inbound
from service.extensions import db
from service.mail.policy import suppressions
from service.models import (
    InboundSource,
    MailKind,
    MailState,
    OutboxMessage,
    Recovery,
    Stage,
    SuppressionReason,
)
from service.models.audiences import Audience, Who
from service.newsletters.actions import newsletters
from service.newsletters.rules import Frequency
from service.team.actions.passwords import hashed
from tests import forked
from tests.builders import (
    a_company,
    a_contact,
    a_departure,
    a_member,
    a_protocol,
    a_question,
    added,
)
from tests.live import free_port
from tests.pages import proof_in

PASSWORD = "a long way to say goodbye"
OWNER = "marta@norte.example"
A_REPLY = (
    b"From: ana@cruz.example\r\nTo: rebotes@norte.example\r\n"
    b"Subject: Una pregunta\r\n\r\n\xc2\xbfSigue en pie?\r\n"
)
DRAFT, PLANNED = "a-draft-of-newsletter", "a-planned-newsletter"
LIST = """client;contact;email;notice_on;end_on;service
Óptica Núñez;Íñigo Núñez;inigo@nunez.example;{day};{day};web
"""


class Install:
    """What somebody runs: web server, worker, clock and commands, with one environment."""

    def __init__(self, environment: dict[str, str], home: Path, stack: ExitStack) -> None:
        self.environment, self.home, self.stack = environment, home, stack
        self.log = home / "log"
        self.cookies: dict[str, str] = {}

    @property
    def port(self) -> int:
        return int(self.environment["PORT"])

    def start_all(self) -> None:
        """Start the three processes of production and wait until the web server answers."""
        bind = f"127.0.0.1:{self.port}"
        for words in (
            ["-m", "gunicorn", "wsgi:app", "-b", bind],
            ["worker.py"],
            ["worker.py", "clock"],
        ):
            process = forked.start(words, self.environment, self.log)
            self.stack.callback(forked.stop, process)
        self.wait_for(lambda: self.get("/healthz")[0] == 200, "the web server")

    def flask(self, *words: str) -> int:
        """Run a command to its end, and return its exit code."""
        return self.exit_code(self.start_flask(*words))

    def start_flask(self, *words: str) -> forked.Forked:
        """Start a command."""
        command = ["-m", "flask", "--app", "wsgi", *words]
        process = forked.start(command, self.environment, self.log)
        self.stack.callback(forked.stop, process)
        return process

    def exit_code(self, process: forked.Forked) -> int:
        """Wait for the end of a command and return its exit code."""
        try:
            return process.wait(120)
        except subprocess.TimeoutExpired:
            pytest.fail(f"it does not end: {self.said()}")

    def said(self) -> str:
        """Return what all its processes have said."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def wait_for(self, is_so, what: str, seconds: float = 60) -> None:
        """Wait until `is_so()`."""
        deadline = time.monotonic() + seconds
        while not is_so():
            assert time.monotonic() < deadline, f"{what} did not come: {self.said()[-4000:]}"
            time.sleep(0.05)

    def get(self, path: str) -> tuple[int, str]:
        """Open a page as the browser behind the proxy does; (0, "") when nobody answers."""
        return self._ask("GET", path)

    def post(self, path: str, **fields: str) -> tuple[int, str]:
        """Send the form of the page at `path`."""
        fields["csrf_token"] = proof_in(self.get(path)[1])
        return self._ask("POST", path, urlencode(fields))

    def _ask(self, method: str, path: str, body: str | None = None) -> tuple[int, str]:
        headers = {
            "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Forwarded-For": "192.0.2.7",
            "X-Forwarded-Proto": "https",
        }
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            for cookie in answer.headers.get_all("Set-Cookie") or ():
                name, value = cookie.split(";")[0].split("=", 1)
                self.cookies[name] = value
            return answer.status, answer.read().decode(errors="replace")
        except ConnectionRefusedError:
            return 0, ""
        finally:
            connection.close()

    def log_in(self) -> None:
        """Log the owner in through the page for it."""
        status, page = self.post("/login", email=OWNER, password=PASSWORD)
        assert status == 303, page

    def links_of(self, page: str) -> list[str]:
        """Return the paths of this service that a page leads to."""
        found = re.findall(r'(?:href|src)="(/[^"#]*)', page.replace("&amp;", "&"))
        return list(dict.fromkeys(found))

    def states(self, kind: str) -> list[str]:
        """Return the states of the mails of a kind, as the database has them."""
        url = self.environment["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://")
        engine = create_engine(url, poolclass=NullPool)
        query = text("SELECT state FROM outbox WHERE kind = :kind")
        with engine.connect() as connection:
            return list(connection.scalars(query, {"kind": kind}))


def seed(language: str) -> None:
    """Fill a new database with one of everything that a page shows; a process of its own does."""
    with create_app().app_context():
        a_company(language=language)
        owner = a_member(email=OWNER, language=language, password_hash=hashed(PASSWORD))
        samples.create(language, owner.id)
        a_protocol()
        a_question()
        a_contact(email="eva@cruz.example")
        departure = a_departure(stage=Stage.closed)
        added(Recovery(departure=departure))
        letter = {"key": "letter", "kind": MailKind.closing_letter, "language": language}
        over = {"state": MailState.sent, "due_at": now(), "ended_at": now()}
        added(OutboxMessage(contact=departure.contact, departure=departure, **letter, **over))
        suppressions.add("nobody@nunez.example", SuppressionReason.by_provider)
        inbound.receive(A_REPLY, InboundSource.pipe, ())
        draft, planned = (newsletters.create(name, owner) for name in ("Soria", "Teruel"))
        draft.public_id, planned.public_id = DRAFT, PLANNED
        for newsletter in (draft, planned):
            newsletter.texts = {language: {"subject": "Novedades", "body": "Hemos abierto."}}
            newsletter.audience = Audience(who=Who.all).as_json()
        db.session.flush()
        next_year = (now() + timedelta(days=365)).replace(tzinfo=None)
        was = planned.version
        newsletters.schedule(planned, next_year, Frequency.once, by=owner, was=was)
        db.session.commit()


def copy_of(database: Path, home: Path) -> str:
    """Copy a SQLite database into `home` and return its URL."""
    copy = home / "hasta-luego.sqlite3"
    with sqlite3.connect(database) as old, sqlite3.connect(copy) as new:
        old.backup(new)
    old.close()
    new.close()
    return f"sqlite:///{copy}"


@contextmanager
def installed(environment: dict[str, str], home: Path) -> Iterator[Install]:
    """Yield an install in `home` whose processes end with the test; what it said is shown then."""
    with ExitStack() as stack:
        install = Install({"PORT": str(free_port()), **environment}, home, stack)
        try:
            yield install
        finally:
            print(install.said()[-6000:])  # pytest shows it on a failure
