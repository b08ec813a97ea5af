"""The clock's round: each step once, nobody held back, hints that can be lost."""

from datetime import date
from threading import Thread

import time_machine
from sqlalchemy import select

from service import named_leases, scheduler, tasks
from service.departures.actions import departures
from service.departures.actions.departures import Facts
from service.extensions import db, queue
from service.models import MailState, OutboxMessage
from service.protocols import jobs as advancing
from tests import builders
from tests.rounds import a_round

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


def test_a_second_clock_does_nothing_while_the_first_is_at_it(session):
    some_departures(1)
    with time_machine.travel(THEN, tick=False):
        assert named_leases.take(scheduler.NAME, "first", scheduler.LEASE)
        db.session.commit()
        assert scheduler.tick("second") is None

    assert steps() == []


def test_a_clock_that_died_is_followed_by_another_within_a_minute(session):
    some_departures(1)
    with time_machine.travel(THEN, tick=False) as clock:
        named_leases.take(scheduler.NAME, "dead", scheduler.LEASE)
        db.session.commit()
        clock.shift(60)
        assert scheduler.tick("next").due == 1


def test_clocks_and_workers_that_are_at_it_at_once_write_each_step_once(app, session):
    some_departures(5)
    with time_machine.travel(THEN, tick=False):

        def clock(name: str) -> None:
            with app.app_context():
                for _round in range(3):
                    scheduler.tick(name)
                    advancing.advance_all()

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
            a_round()

    assert sorted(steps()) == ["survey_invitation", "thank_you"]


def test_a_round_hints_at_mails_that_nobody_hinted_at(session, redis_url):
    queue.jobs.connection.flushall()
    some_departures(1)
    with time_machine.travel(THEN, tick=False):
        advancing.advance_all()
        queue.jobs.connection.flushall()
        assert scheduler.tick() == scheduler.Tally(hinted=1)
        assert scheduler.tick() == scheduler.Tally()  # the first hint still waits

    assert {row.state for row in db.session.scalars(select(OutboxMessage))} == {MailState.queued}


def test_a_round_hints_at_the_departures_that_are_due_until_they_are_advanced(session, redis_url):
    queue.jobs.connection.flushall()
    some_departures(3)
    with time_machine.travel(THEN, tick=False):
        assert scheduler.tick() == scheduler.Tally(due=3, hinted=1)
        queue.jobs.connection.flushall()  # a hint can be lost
        assert scheduler.tick() == scheduler.Tally(due=3, hinted=1)
        assert steps() == []
        tasks.advance(*queue.jobs.jobs[0].args)
        queue.jobs.connection.flushall()
        assert scheduler.tick().due == 0

    assert len(steps()) == 6


def test_hints_at_departures_do_not_pile_up_while_no_worker_comes(session, redis_url):
    queue.jobs.connection.flushall()
    some_departures(1)
    with time_machine.travel(THEN, tick=False):
        for _round in range(40):
            scheduler.tick()

    assert queue.waiting() == scheduler.LONG_QUEUE
