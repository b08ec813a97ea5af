"""One of many does a job at a time."""

from datetime import timedelta

import time_machine

from service import named_leases
from service.extensions import db

MINUTE = timedelta(minutes=1)


def test_only_one_holds_a_lease(session):
    assert named_leases.take("tick", "one", MINUTE)
    assert not named_leases.take("tick", "two", MINUTE)


def test_its_holder_may_renew_it(session):
    assert named_leases.take("tick", "one", MINUTE)
    assert named_leases.take("tick", "one", MINUTE)


def test_a_lease_that_ran_out_goes_to_who_asks_next(session):
    with time_machine.travel("2026-11-22T10:00:00Z", tick=False) as clock:
        assert named_leases.take("tick", "one", MINUTE)
        clock.shift(60)
        assert named_leases.take("tick", "two", MINUTE)
        assert not named_leases.take("tick", "one", MINUTE)


def test_a_lease_that_is_given_back_is_free_at_once(session):
    named_leases.take("tick", "one", MINUTE)
    named_leases.give_back("tick", "two")
    assert not named_leases.take("tick", "two", MINUTE)

    named_leases.give_back("tick", "one")
    assert named_leases.take("tick", "two", MINUTE)


def test_a_holder_whose_clock_ran_a_day_ahead_does_not_stop_the_work_for_a_day(session):
    with time_machine.travel("2026-11-23T10:00:00Z", tick=False):
        assert named_leases.take("tick", "one", MINUTE)
    with time_machine.travel("2026-11-22T10:00:00Z", tick=False):
        assert named_leases.take("tick", "two", MINUTE)


def test_two_sessions_never_both_hold_it(app, database):
    assert named_leases.take("tick", "one", MINUTE)
    db.session.commit()
    with app.app_context():
        assert not named_leases.take("tick", "two", MINUTE)
        db.session.rollback()
