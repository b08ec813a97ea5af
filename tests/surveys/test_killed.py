"""A web server is killed while people answer: every acknowledged response is kept."""

import http.client
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.config import Settings
from service.models import Event, Response
from tests import forked
from tests.builders import a_company, an_invitation
from tests.live import environment_of, free_port
from tests.processes import private_directory, wait_until
from tests.surveys.survey_links import mailed_link

PEOPLE = 200
KILLS = 4


class Mortal:
    """A web server on one port that is killed without warning and started again."""

    def __init__(self, settings: Settings, home: Path) -> None:
        self.port, self.log = free_port(), home / "log"
        self.environment = environment_of(settings, self.port)

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = ["-m", "gunicorn", "wsgi:app", "-b", f"127.0.0.1:{self.port}"]
        self.process = forked.start(command, self.environment, self.log)
        address = f"http://127.0.0.1:{self.port}/healthz"
        wait_until(lambda: urlopen(address).close(), self.process, self.log)

    def kill(self) -> None:
        """Kill it with its workers, in the middle of whatever they do."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def answer(self, link: str, score: int) -> int | None:
        """Send an answer; the status, or None when the server was gone before it said one."""
        body = urlencode({"score": score, "comment": f"Soy {score}"})
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(
                "POST", link, body, {"Content-Type": "application/x-www-form-urlencoded"}
            )
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()


@pytest.fixture
def mortal(settings: Settings) -> Iterator[Mortal]:
    """Such a server, running."""
    with private_directory() as home:
        server = Mortal(settings, home)
        server.start()
        yield server
        server.kill()


@pytest.mark.long
def test_every_answer_that_was_acknowledged_is_there_after_the_server_was_killed(
    session: Session, mortal: Mortal
) -> None:
    a_company()
    links = [mailed_link(an_invitation()) for _ in range(PEOPLE)]
    session.commit()
    finished = threading.Event()

    def insist(number: int) -> None:
        """Press until somebody says thank you, as people do."""
        while mortal.answer(links[number], number % 11) != 303:
            assert not finished.wait(0.2)

    with ThreadPoolExecutor(8) as people:
        presses = [people.submit(insist, number) for number in range(PEOPLE)]
        for _ in range(KILLS):
            time.sleep(random.uniform(0.2, 1.0))
            mortal.kill()
            mortal.start()
        deadline = threading.Timer(120, finished.set)
        deadline.start()
        for press in presses:
            press.result()
        deadline.cancel()
    assert session.scalar(select(func.count()).select_from(Response)) == PEOPLE
    sent = session.scalar(select(func.count(Event.departure_id.distinct())))
    assert sent == PEOPLE
    session.rollback()
