"""Measure the time of the survey's page on the server, and its bytes on the wire.

Time: GET /s/<token> against a Flask view that returns two letters, on the same gunicorn (one
worker, four threads), in turns, over one connection each; medians. Limit: 3 times. Bytes: the
compressed answer with its head. Limit: 14,336, the first flight of a connection.
"""

import http.client
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from flask import Flask
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from service.app import create_app
from service.clock import now
from service.current import sign
from service.extensions import db
from service.models import Invitation
from service.tokens import Purpose
from tests.builders import a_company, a_departure, a_member, a_question, an_invitation

ROOT = Path(__file__).resolve().parent.parent
REQUESTS = 1500
SLOWEST = 3.0  # times the bare view
LARGEST = 14 * 1024  # octets


def beside_a_bare_view() -> DispatcherMiddleware:
    """Return the service with a bare view beside it; gunicorn calls this."""
    bare = Flask("bare")
    bare.add_url_rule("/", "view", lambda: "ok")
    return DispatcherMiddleware(create_app(), {"/bare": bare})


def main() -> int:
    """Measure and print; return 1 when a limit is not kept."""
    with tempfile.TemporaryDirectory() as home:
        os.environ.update(DATA_DIR=home, SECRET_KEY="a key for benchmarks only")
        path = f"/s/{invited()}"
        with server() as port:
            bare, page = measured(port, "/bare/"), measured(port, path)
            times: dict[str, list[float]] = {"bare": [], "page": []}
            for _ in range(REQUESTS):
                times["bare"].append(next(bare)[0])
                seconds, octets = next(page)
                times["page"].append(seconds)
    return report(times, octets)


def invited() -> str:
    """Create a database with one open survey; return its token."""
    app = create_app()
    with app.app_context():
        db.create_all()
        a_company()
        a_question(), a_question()
        departure = a_departure(responsible=a_member())
        invitation: Invitation = an_invitation(
            departure=departure, closes_at=now() + timedelta(days=60)
        )
        db.session.commit()
        return sign(Purpose.survey, invitation.public_id)


@contextmanager
def server() -> Iterator[int]:
    """Run gunicorn as in production, with one worker; yield its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", "-b", f"127.0.0.1:{port}", "--log-level", "error"]
    process = subprocess.Popen(
        [*command, "benchmarks.survey_page:beside_a_bare_view()"], cwd=ROOT, env=os.environ
    )
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(20)


def measured(port: int, path: str) -> Iterator[tuple[float, int]]:
    """Yield the seconds and the octets of one GET after another, on one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    while True:
        began = time.perf_counter()
        connection.request("GET", path, headers={"Accept-Encoding": "gzip"})
        answer = connection.getresponse()
        body = answer.read()
        seconds = time.perf_counter() - began
        if answer.status != 200:
            raise SystemExit(f"GET {path}: {answer.status}")
        yield seconds, len(body) + len(str(answer.headers)) + len("HTTP/1.1 200 OK\r\n")


def report(times: dict[str, list[float]], octets: int) -> int:
    """Print the figures; return 1 when a limit is not kept."""
    bare, page = (statistics.median(times[name]) for name in ("bare", "page"))
    ratio = page / bare
    print(f"survey_page time: {page * 1e6:.0f} µs against {bare * 1e6:.0f} µs of a bare view")
    print(f"survey_page ratio: {ratio:.2f} (limit {SLOWEST:.0f})")
    print(f"survey_page octets: {octets} (limit {LARGEST})")
    return 0 if ratio <= SLOWEST and octets <= LARGEST else 1


if __name__ == "__main__":
    sys.exit(main())
