"""Many posts at once, and servers that are down: one response, and nothing typed is lost."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, func, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from service.extensions import db, limiter
from service.models import Event, Invitation, MailKind, OutboxMessage, Recovery, Response
from service.web import limits
from tests.builders import a_company, a_departure, a_member, an_invitation
from tests.surveys.survey_links import WHOLE, mailed_link, save, send


@pytest.fixture
def invitation(session: Session) -> Invitation:
    """An invitation to a survey whose departure has a responsible."""
    a_company()
    made = an_invitation(departure=a_departure(responsible=a_member()))
    session.commit()
    return made


def together(app: Flask, press: Callable[[FlaskClient, int], int], times: int) -> Counter[int]:
    """Press `times` times, twenty at once, each in another browser; count the statuses."""

    def one(number: int) -> int:
        with app.app_context():
            return press(app.test_client(), number)

    with ThreadPoolExecutor(20) as people:
        return Counter(people.map(one, range(times)))


def how_many(session: Session, model: type) -> int:
    session.rollback()
    return session.scalar(select(func.count()).select_from(model))


def test_a_hundred_presses_at_once_are_one_answer_and_one_follow_up(
    app: Flask, invitation: Invitation, session: Session
) -> None:
    link, answers = mailed_link(invitation), {**WHOLE, "score": "2"}
    session.rollback()
    statuses = together(app, lambda person, _: send(person, link, **answers).status_code, 100)
    assert statuses == {303: 100}
    assert how_many(session, Response) == 1
    assert how_many(session, Recovery) == 1
    assert sorted(session.scalars(select(OutboxMessage.kind))) == [
        MailKind.alert_low_score,
        MailKind.answer_received,
    ]
    assert Counter(session.scalars(select(Event.kind))) == {"answer_sent": 1, "recovery_opened": 1}


def test_twenty_different_answers_at_once_keep_one_whole(
    app: Flask, invitation: Invitation, session: Session
) -> None:
    link = mailed_link(invitation)
    session.rollback()
    statuses = together(
        app,
        lambda person, n: (
            send(person, link, score="9", comment=f"Soy {n}", to_improve=f"{n}").status_code
        ),
        20,
    )
    assert statuses == {303: 1, 409: 19}
    response = session.scalars(select(Response)).one()
    assert response.comment == f"Soy {response.to_improve}"


def test_saving_and_sending_at_once_end_sent(
    app: Flask, invitation: Invitation, session: Session
) -> None:
    link = mailed_link(invitation)
    session.rollback()
    presses = (save, send)
    statuses = together(
        app, lambda person, n: presses[n % 2](person, link, score="9").status_code, 20
    )
    assert statuses == {303: 20}
    assert session.scalars(select(Response)).one().submitted_at is not None


def test_changing_on_many_devices_at_once_keeps_one_whole(
    app: Flask, invitation: Invitation, session: Session, client: FlaskClient
) -> None:
    address = send(client, mailed_link(invitation), score="9").location
    session.rollback()
    statuses = together(
        app,
        lambda person, n: (
            send(
                person, address, score="9", comment=f"Soy {n}", to_improve=f"{n}", version="1"
            ).status_code
        ),
        20,
    )
    assert statuses == {303: 1, 409: 19}
    session.rollback()
    response = session.scalars(select(Response)).one()
    assert response.comment == f"Soy {response.to_improve}"
    assert response.version == 2


@contextmanager
def locked(app: Flask) -> Iterator[None]:
    """Lock the database so that nobody can write, and let the service give up at once."""
    if db.engine.dialect.name == "sqlite":
        file = make_url(app.config["SQLALCHEMY_DATABASE_URI"]).database
        holder = sqlite3.connect(file, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
    else:
        holder = db.engine.connect()
        holder.execute(text("LOCK TABLE responses IN ACCESS EXCLUSIVE MODE"))
    try:
        yield
    finally:
        holder.rollback()
        holder.close()


@pytest.fixture
def impatient(app: Flask) -> Iterator[None]:
    """Make every connection give up on a lock at once instead of after ten seconds."""
    words = {
        "sqlite": "PRAGMA busy_timeout=50",
        "postgresql": "SET lock_timeout = '50ms'",
    }[db.engine.dialect.name]

    def hurry(connection: object, *_: object) -> None:
        cursor = connection.cursor()
        cursor.execute(words)
        cursor.close()

    event.listen(db.engine, "checkout", hurry)
    yield
    event.remove(db.engine, "checkout", hurry)
    db.session.remove()
    db.engine.dispose()


@pytest.mark.usefixtures("impatient")
def test_a_locked_database_is_a_friendly_503_that_keeps_what_was_typed(
    app: Flask, client: FlaskClient, invitation: Invitation, session: Session
) -> None:
    link = mailed_link(invitation)
    session.rollback()
    with locked(app):
        page = send(client, link, **{**WHOLE, "comment": "No me pierdas"})
    assert page.status_code == 503
    assert int(page.headers["Retry-After"]) > 0
    assert "No me pierdas" in page.text
    assert page.text.count(" checked") == 7
    assert how_many(session, Response) == 0
    assert send(client, link, **WHOLE).status_code == 303


def test_without_any_database_the_page_keeps_what_was_typed(
    app: Flask, client: FlaskClient, invitation: Invitation, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = mailed_link(invitation)
    db.session.rollback()

    def away(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    db.engine.dispose()
    monkeypatch.setattr(db.engine.dialect, "connect", away)
    monkeypatch.setattr(db.engine.dialect, "loaded_dbapi", sqlite3, raising=False)
    shown, sent = client.get(link), send(client, link, comment="Sigo aquí", q_7="Y yo")
    for page in (shown, sent):
        assert page.status_code == 503
        assert "Retry-After" in page.headers
    assert "Sigo aquí" in sent.text
    assert 'name="q_7" value="Y yo"' in sent.text


def test_without_redis_every_answer_is_kept_and_thanked(
    remade: Callable[..., Flask], invitation: Invitation, session: Session
) -> None:
    link = mailed_link(invitation)
    session.rollback()
    other = remade(redis_url="redis://127.0.0.1:1/0")
    with other.app_context():
        person = other.test_client()
        sent = send(person, link, **WHOLE)
        assert sent.status_code == 303
        assert person.get(sent.location).status_code == 200
    assert how_many(session, Response) == 1


def test_too_many_posts_keep_what_was_typed(
    client: FlaskClient, invitation: Invitation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "PER_LINK", "3/minute")
    link = mailed_link(invitation)
    limiter.reset()
    statuses = [save(client, link, score="99", comment="Con prisa").status_code for _ in range(3)]
    page = save(client, link, score="99", comment="Con prisa")
    limiter.reset()
    assert statuses == [422, 422, 422]
    assert page.status_code == 429
    assert "Con prisa" in page.text
