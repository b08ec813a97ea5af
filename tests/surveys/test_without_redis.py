"""Answers while Redis is away: kept and thanked for at once, whether it refuses or says nothing."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from service.extensions import db, queue
from service.models import Response
from tests.builders import a_company, a_departure, a_member, an_invitation
from tests.live import free_port
from tests.surveys.survey_links import WHOLE, mailed_link, send

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
SOON = 2.5  # seconds, on a busy machine; two timeouts of 0.3 seconds are in it


class Silent:
    """A server that accepts connections, and never answers."""

    def __init__(self, listening: socket.socket) -> None:
        self.listening, self.accepted = listening, list[socket.socket]()

    def accept(self) -> None:
        """Accept until the socket is closed."""
        with suppress(OSError):
            while True:
                self.accepted.append(self.listening.accept()[0])


@contextmanager
def a_silent_server() -> Iterator[Silent]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = Silent(listening)
        thread = threading.Thread(target=server.accept)
        thread.start()
        try:
            yield server
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()
            for each in server.accepted:
                each.close()


def answered_within(app, count: int = 1) -> float:
    """Return the seconds that one answer took, the slowest of `count`; all are kept."""
    a_company()
    links = [
        mailed_link(an_invitation(departure=a_departure(responsible=a_member())))
        for _ in range(count)
    ]
    db.session.commit()
    took = []
    for link in links:
        began = time.monotonic()
        assert send(app.test_client(), link, **WHOLE).status_code == 303
        took.append(time.monotonic() - began)
    assert db.session.query(Response).count() == count
    db.session.rollback()
    return max(took)


def test_a_redis_that_refuses_delays_no_answer(remade, session):
    app = remade(redis_url=f"redis://127.0.0.1:{free_port()}/0")
    with app.app_context():
        assert answered_within(app) < SOON


def test_a_redis_that_never_answers_delays_no_answer_and_is_left_alone_for_a_while(remade, session):
    with a_silent_server() as silent:
        port = silent.listening.getsockname()[1]
        app = remade(redis_url=f"redis://127.0.0.1:{port}/0")
        with app.app_context():
            assert answered_within(app) < SOON
            asked = len(silent.accepted)
            assert not any(queue.wake("service.tasks.deliver", [number]) for number in range(10))
            assert len(silent.accepted) == asked, "each request would wait for it again"
            queue.jobs.connection.close()


def test_a_connection_that_broke_costs_no_hint(app, valkey_client):
    assert queue.wake("service.tasks.deliver", [1])
    valkey_client.client_kill_filter(skipme=True)  # as when Redis was started again
    assert queue.wake("service.tasks.deliver", [1])
