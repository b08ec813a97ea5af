"""What a worker writes for departures whose time has come: all of it, and nobody held back."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from service import tasks
from service.extensions import db, queue
from service.models import Departure, Enrolment
from service.protocols import jobs as advancing
from service.protocols.actions import progress
from tests.test_scheduler import THEN, some_departures, steps


@pytest.fixture
def chunks_of_three(monkeypatch):
    """Three enrolments a chunk."""
    monkeypatch.setattr(progress, "_DUE", progress._DUE.limit(3))


@pytest.fixture
def a_bug(monkeypatch):
    """A protocol that cannot be planned: that of departure 2."""
    plan = progress.plan

    def broken_for_one(situation, at):
        if situation.departure.id == 2:
            raise RuntimeError("a bug")
        return plan(situation, at)

    monkeypatch.setattr(progress, "plan", broken_for_one)


def work() -> int:
    """Run the hints at departures as a worker does, those they leave too; return how many."""
    for count in range(10):
        job = next((job for job in queue.jobs.jobs if job.func_name.endswith(".advance")), None)
        if job is None:
            return count
        job.delete()
        tasks.advance(*job.args)
    raise AssertionError("there is no end to it")


def test_one_hint_has_all_advanced_that_are_due_a_chunk_a_job(session, chunks_of_three):
    queue.jobs.connection.flushall()
    some_departures(7)
    with time_machine.travel(THEN, tick=False):
        queue.wake("service.tasks.advance", advancing.left())
        assert work() == 3

    assert len(steps()) == 14


def test_a_hint_at_those_who_are_advanced_already_goes_on_with_the_others(session, chunks_of_three):
    queue.jobs.connection.flushall()
    some_departures(4)
    with time_machine.travel(THEN, tick=False):
        late = advancing.left()
        tasks.advance(late)
        queue.jobs.connection.flushall()
        tasks.advance(late)
        assert work() == 1

    assert len(steps()) == 8


def test_one_departure_that_fails_holds_nobody_back_and_is_not_hidden(
    session, chunks_of_three, a_bug
):
    queue.jobs.connection.flushall()
    some_departures(4)
    with time_machine.travel(THEN, tick=False):
        with pytest.raises(ExceptionGroup):
            tasks.advance(advancing.left())
        assert work() == 1
        set_aside = db.session.scalars(
            select(Enrolment).join(Departure).where(Departure.id == 2)
        ).one()
        assert set_aside.next_at == datetime.now(UTC) + timedelta(hours=1)

    assert len(steps()) == 6


def test_a_database_that_is_away_sets_nobody_aside_and_is_not_asked_again_at_once(
    session, monkeypatch
):
    queue.jobs.connection.flushall()
    some_departures(2)

    def away(_ids):
        raise OperationalError("COMMIT", {}, Exception("gone"))

    with time_machine.travel(THEN, tick=False):
        due = advancing.left()
        with monkeypatch.context() as patched:
            patched.setattr(progress, "advance", away)
            with pytest.raises(OperationalError):
                tasks.advance(due)
        db.session.rollback()
        assert queue.waiting() == 0
        assert advancing.left() == due


def test_all_at_once_tells_of_failures_when_the_others_are_done(session, chunks_of_three, a_bug):
    some_departures(7)
    with time_machine.travel(THEN, tick=False), pytest.raises(ExceptionGroup):
        advancing.advance_all()

    assert len(steps()) == 12


def test_who_is_due_later_is_left_alone_though_there_is_a_hint(session):
    some_departures(2)
    with time_machine.travel(THEN, tick=False):
        first, second = advancing.left()
        db.session.get_one(Enrolment, second).next_at = datetime.now(UTC) + timedelta(minutes=1)
        db.session.commit()
        tasks.advance([first, second])

    assert len(steps()) == 2
