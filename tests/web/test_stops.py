"""A web server that is told to end finishes the answers in hand."""

import http.client
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
from sqlalchemy import select

from service.config import Settings
from service.models import Response
from tests import forked
from tests.builders import a_company, an_invitation
from tests.live import environment_of, free_port
from tests.processes import private_directory, wait_until
from tests.surveys.survey_links import mailed_link

PROMISE = 10  # seconds from SIGTERM to the end


def begun(port: int, link: str) -> tuple[http.client.HTTPConnection, bytes]:
    """Send the first half of an answer; returns the connection and the other half."""
    body = urlencode({"action": "send", "score": "9", "comment": "Volveremos a hablar"}).encode()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.putrequest("POST", link)
    connection.putheader("Content-Type", "application/x-www-form-urlencoded")
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body[:20])
    return connection, body[20:]


@pytest.mark.parametrize("database", ["sqlite"])
@pytest.mark.parametrize("tell", [os.kill, os.killpg], ids=["the master", "all its processes"])
def test_an_answer_that_is_half_here_when_the_server_is_told_to_end_is_kept(
    settings, session, tell
):
    a_company()
    link = mailed_link(an_invitation())
    session.commit()
    with a_web_server(settings) as (web, port, log):
        connection, rest = begun(port, link)
        urlopen(f"http://127.0.0.1:{port}/healthz").close()  # by now the first half is there, too
        tell(web.pid, signal.SIGTERM)
        wait_until(lambda: log.read_text().index("Handling signal: term"), web, log)
        connection.send(rest)
        assert connection.getresponse().status == 303
        connection.close()
        assert web.wait(PROMISE) == 0

    assert session.scalars(select(Response.score)).all() == [9]


@contextmanager
def a_web_server(settings: Settings) -> Iterator[tuple[forked.Forked, int, Path]]:
    """Yield a web server, in a process group of its own, with its port and its log."""
    port = free_port()
    address = f"127.0.0.1:{port}"
    command = ["-m", "gunicorn", "wsgi:app", "-b", address]
    with private_directory() as home:
        log = home / "log"
        web = forked.start(command, environment_of(settings, port), log)
        wait_until(lambda: urlopen(f"http://{address}/healthz").close(), web, log)
        yield web, port, log
        with suppress(ProcessLookupError):
            os.killpg(web.pid, signal.SIGKILL)
        web.wait()
