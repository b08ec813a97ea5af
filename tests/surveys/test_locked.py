"""A database that somebody holds locked: pages are served, and answers kept or given back."""

import http.client
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from urllib.parse import urlsplit

from sqlalchemy import text
from sqlalchemy.engine import make_url

from service.extensions import db
from tests.faults.people import comments, invited

PEOPLE = 10  # two and a half times as many as the server has threads
SOON = 5.0  # seconds on a busy machine; as long as the lock was held, before


@contextmanager
def nobody_can_write(settings):
    if settings.database_url.startswith("sqlite"):
        holder = sqlite3.connect(make_url(settings.database_url).database, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
    else:
        holder = db.engine.connect()
        holder.execute(text("LOCK TABLE responses IN EXCLUSIVE MODE"))
    try:
        yield
    finally:
        holder.rollback()
        holder.close()


def seconds_to_open(person, url: str) -> float:
    began = time.monotonic()
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    connection.request("GET", person.link)
    assert connection.getresponse().status == 200
    connection.close()
    return time.monotonic() - began


def test_while_nobody_can_write_pages_are_served_and_answers_given_back(live, settings, session):
    people = invited(PEOPLE)
    with ThreadPoolExecutor(PEOPLE) as fingers:
        with nobody_can_write(settings):
            pressed = [fingers.submit(person.answers, live.url) for person in people]
            opened = [seconds_to_open(people[0], live.url) for _ in range(5)]
            pages = [each.result(timeout=60) for each in pressed]
        assert max(opened) < SOON
        assert [page.status for page in pages] == [503] * PEOPLE
        assert all(person.words in page.text for person, page in zip(people, pages, strict=True))
        assert comments() == []
    assert [person.answers(live.url).status for person in people] == [303] * PEOPLE
    assert comments() == sorted(person.words for person in people)
