"""The benchmark's client of the sink, and the senders that a figure is compared with."""

import json
import smtplib
import socket
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from email import message_from_string, policy
from pathlib import Path
from subprocess import PIPE
from typing import Any

import flask_mail
from flask import Flask

from benchmarks._sink import Counts
from tests.processes import start, stop

ROOT = Path(__file__).resolve().parent.parent
SENDER, RECIPIENT = "team@norte.example", "contacto@cliente.example"


class SinkAway(RuntimeError):
    """The expected mails did not arrive."""


class Sink:
    """A client of a running benchmarks/_sink.py."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.connection = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.file = self.connection.makefile("rb")
        self.file.readline()

    def configure(self, *, delay: float = 0.0, pipelining: bool = True, keep: int = 0) -> None:
        """Set the sink's options and reset its counts."""
        self._ask("XSET " + json.dumps({"delay": delay, "pipelining": pipelining, "keep": keep}))

    def counts(self) -> Counts:
        """Return the counts since `configure`."""
        return Counts(**self._ask("XSTAT"))

    def log(self) -> dict[str, float]:
        """Return the arrival of each mail, in seconds since the epoch, by its Message-ID."""
        return {message_id: at for at, message_id in self._ask("XLOG")}

    def kept(self) -> list[bytes]:
        """Return the mails kept, as bytes that can be sent again."""
        return [mail.encode("latin-1") for mail in self._ask("XKEPT")]

    def wait_for(self, mails: int, seconds: float = 100) -> Counts:
        """Return the counts once `mails` have arrived; raises SinkAway after `seconds`."""
        deadline = time.monotonic() + seconds
        while (counts := self.counts()).mails < mails:
            if time.monotonic() > deadline:
                raise SinkAway(f"{counts.mails} of {mails} mails came in {seconds:.0f} s")
            time.sleep(0.02)
        return counts

    def watch(self, mails: int, seconds: float) -> Counts:
        """Return the counts once `mails` have arrived, or `seconds` after the first one."""
        deadline = time.monotonic() + seconds + 30
        while (counts := self.counts()).mails < mails:
            if counts.mails and time.time() > counts.first_at + seconds:
                break
            if time.monotonic() > deadline:
                raise SinkAway("no mail came")
            time.sleep(0.02)
        return counts

    def _ask(self, line: str) -> Any:
        self.connection.sendall(line.encode() + b"\r\n")
        return json.loads(self.file.readline())


@contextmanager
def sink() -> Iterator[Sink]:
    """Run a sink and yield its client."""
    process = start([sys.executable, "-m", "benchmarks._sink"], stdout=PIPE, cwd=ROOT)
    try:
        yield Sink(int(process.stdout.readline()))
    finally:
        stop(process)
        process.stdout.close()


def per_second(count: int, action: Callable[[], object]) -> float:
    """Return the rate per second of an `action` that does `count` things."""
    began = time.perf_counter()
    action()
    return count / (time.perf_counter() - began)


def by_smtplib(port: int, mails: Sequence[bytes]) -> None:
    """Send prepared mails with smtplib over one connection."""
    with smtplib.SMTP("127.0.0.1", port, "bench.test") as session:
        for mail in mails:
            session.sendmail(SENDER, [RECIPIENT], mail)


def by_flask_mail(port: int, mails: Sequence[bytes]) -> None:
    """Send the same texts with Flask-Mail over one connection."""
    app = Flask("plain")
    app.config.update(MAIL_SERVER="127.0.0.1", MAIL_PORT=port, MAIL_DEFAULT_SENDER=SENDER)
    mail = flask_mail.Mail(app)
    subject, text, html = _parts(mails[0])
    with app.app_context(), mail.connect() as connection:
        for _ in mails:
            connection.send(flask_mail.Message(subject, [RECIPIENT], body=text, html=html))


def _parts(mail: bytes) -> tuple[str, str, str]:
    message = message_from_string(mail.decode(), policy=policy.default)
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    return str(message["Subject"]), text.get_content(), html.get_content()


def median(figures: Sequence[float]) -> float:
    """Return the median of `figures`."""
    return statistics.median(figures)


def percentile(figures: Sequence[float], share: float) -> float:
    """Return the figure below or at which `share` (0-1) of `figures` lie."""
    ordered = sorted(figures)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
