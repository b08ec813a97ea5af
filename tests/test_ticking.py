"""The clock's round: each step once, nobody held back, hints that can be lost."""

from datetime import UTC, date, datetime, timedelta
from threading import Thread

import pytest
import time_machine
from sqlalchemy import select

from service import ticking
from service.actions import departures, protocols
from service.actions.departures import Facts
from service.extensions import db, queue
from service.models import Departure, Enrolment, MailState, OutboxMessage
from tests import builders

THEN = "2026-11-21T12:00:00Z"


def some_departures(count: int) -> None:
    """Departures that ended on 20 November, recorded on the 19th."""
    with time_machine.travel("2026-11-19T12:00:00Z", tick=False):
        for _number in range(count):
            facts = Facts(service="SEO", end_on=date(2026, 11, 20))
            departures.record(builders.a_contact(), facts)
        db.session.commit()


def steps() -> list[str]:
    """The steps that are written, in order."""
    return list(db.session.scalars(select(OutboxMessage.step).order_by(OutboxMessage.id)))


def test_a_round_advances_more_departures_than_one_chunk_holds(session, monkeypatch):
    monkeypatch.setattr(protocols, "CHUNK", 3)
    monkeypatch.setattr(protocols.due, "__defaults__", (3,))
    some_departures(7)
    with time_machine.travel(THEN, tick=False):
        tally = ticking.tick()

    assert tally.written == 14


def test_a_second_clock_does_nothing_while_the_first_is_at_it(session):
    some_departures(1)
    with time_machine.travel(THEN, tick=False):
        assert ticking.leases.take(ticking.NAME, "first", ticking.LEASE)
        db.session.commit()
        assert ticking.tick("second") is None

    assert steps() == []


def test_a_clock_that_died_is_followed_by_another_within_a_minute(session):
    some_departures(1)
    with time_machine.travel(THEN, tick=False) as clock:
        ticking.leases.take(ticking.NAME, "dead", ticking.LEASE)
        db.session.commit()
        clock.shift(60)
        assert ticking.tick("next").written == 2


def test_clocks_that_tick_at_once_write_each_step_once(app, session):
    some_departures(5)
    with time_machine.travel(THEN, tick=False):

        def clock(name: str) -> None:
            with app.app_context():
                for _round in range(3):
                    ticking.tick(name)

        clocks = [Thread(target=clock, args=[f"clock {number}"]) for number in range(4)]
        for thread in clocks:
            thread.start()
        for thread in clocks:
            thread.join(60)

    assert len(steps()) == 10
    assert len(set(db.session.scalars(select(OutboxMessage.key)))) == 10


def test_a_clock_that_steps_back_a_day_sends_nothing_twice(session):
    some_departures(1)
    for moment in (THEN, "2026-11-20T12:00:00Z", "2026-11-21T13:00:00Z", "2026-11-22T12:00:00Z"):
        with time_machine.travel(moment, tick=False):
            ticking.tick()

    assert sorted(steps()) == ["survey_invitation", "thank_you"]


def test_one_departure_that_fails_holds_nobody_back_and_is_not_hidden(session, monkeypatch):
    some_departures(3)
    plan = protocols.plan

    def broken_for_one(situation, at):
        if situation.departure.id == 2:
            raise RuntimeError("a bug")
        return plan(situation, at)

    monkeypatch.setattr(protocols, "plan", broken_for_one)
    with time_machine.travel(THEN, tick=False):
        with pytest.raises(ExceptionGroup):
            ticking.tick()
        set_aside = db.session.scalars(
            select(Enrolment).join(Departure).where(Departure.id == 2)
        ).one()
        assert set_aside.next_at == datetime.now(UTC) + timedelta(hours=1)

    assert len(steps()) == 4


def test_a_round_hints_at_what_nobody_hinted_at(session, redis_url):
    queue.jobs.connection.flushall()
    some_departures(1)
    with time_machine.travel(THEN, tick=False):
        ticking.tick()
        queue.jobs.connection.flushall()
        assert ticking.tick().hinted == 1
        assert ticking.tick().hinted == 0  # the first hint still waits

    assert {row.state for row in db.session.scalars(select(OutboxMessage))} == {MailState.queued}


def test_a_clock_that_is_told_to_end_leaves_the_rest_to_the_next(session):
    some_departures(1)
    with time_machine.travel(THEN):
        assert ticking.tick(is_stopping=lambda: True) == ticking.Tally()
        assert ticking.tick().written == 2
