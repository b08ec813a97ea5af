"""The clock: compared with every server that has one, and told apart from having compared none."""

from dataclasses import replace
from datetime import timedelta

import pytest
import time_machine

from service.clock import now
from service.doctor import clocks
from service.doctor.cases import Clock, Evidence
from service.doctor.findings import State
from service.extensions import db, queue
from tests.doctor.cases import a_case, said


def found(offsets=(), *, elsewhere=True, case=None):
    here = now()
    seen = [
        Clock(f"server {at}", here + timedelta(seconds=at), here, is_elsewhere=elsewhere)
        for at in offsets
    ]
    (finding,) = clocks.check(case or a_case(), Evidence(clocks=seen))
    return finding


@pytest.mark.parametrize(
    ("offset", "state"),
    [
        (5, State.good),
        (-59, State.good),
        (61, State.warning),
        (-300, State.warning),
        (900, State.bad),
    ],
)
def test_a_clock_that_is_off_is_said_with_how_much(offset, state):
    finding = found([offset, 1])
    assert finding.state is state
    if state is not State.good:
        assert str(abs(offset)) in said(finding)
        assert ("behind" in said(finding)) == (offset > 0)


def test_clocks_that_may_be_our_own_prove_nothing():
    assert found([0], elsewhere=False).state is State.unknown
    assert found([100], elsewhere=False).state is State.warning


def test_without_any_other_clock_nothing_is_known():
    assert found().state is State.unknown


def test_the_database_and_redis_are_asked(app):
    is_postgres = db.engine.dialect.name == "postgresql"
    case = replace(a_case(), redis=queue.jobs.connection, engine=db.engine if is_postgres else None)
    assert "Redis" in said(found(case=case))
    assert ("PostgreSQL" in said(found(case=case))) == is_postgres
    with time_machine.travel(now() + timedelta(hours=1)):
        assert found(case=case).state is State.bad
