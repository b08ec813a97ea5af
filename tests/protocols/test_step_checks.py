"""What is wrong with a sequence of steps is told; what passes never trips the plan."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest
from flask import Flask
from flask_babel import Babel
from hypothesis import given, settings
from hypothesis import strategies as st

from service.business_hours import AT_ANY_HOUR
from service.models import Client, Contact, Departure, Enrolment, EnrolmentState, MailKind, Stage
from service.models.steps import EVERY_DAY, NATURES, Anchor, Step, Unit
from service.protocols.rules.built_ins import (
    BUILT_INS,
    CLOSING,
    DEFAULT,
    DOOR_OPEN,
    REMINDER_1,
    REMINDER_2,
    SURVEY,
    TESTIMONIAL,
    THANK_YOU,
)
from service.protocols.rules.plans import ask_again_at, is_finished, plan
from service.protocols.rules.situations import Situation
from service.protocols.rules.step_checks import check

OWN = Step("own_text-a", MailKind.own_text, Anchor.end, 3, time(9), 5, title="A word")


@pytest.fixture(scope="module", autouse=True)
def words() -> Iterator[None]:
    """A page to say the sentences on: nothing else of the service is needed."""
    app = Flask(__name__)
    Babel(app)
    with app.test_request_context():
        yield


def faults_of(*steps: Step) -> list[tuple[str, str]]:
    return [(fault.step, fault.field) for fault in check(steps)]


@pytest.mark.parametrize("code", BUILT_INS)
def test_the_built_in_protocols_have_nothing_wrong(code):
    assert check(BUILT_INS[code]) == []


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (
            (
                replace(OWN, anchor=Anchor.step, after="own_text-b"),
                replace(OWN, name="own_text-b", anchor=Anchor.step, after="own_text-a"),
            ),
            [("own_text-a", "anchor"), ("own_text-b", "anchor")],
        ),
        ((replace(OWN, anchor=Anchor.step, after="own_text-a"),), [("own_text-a", "anchor")]),
        ((replace(OWN, anchor=Anchor.step, after="gone"),), [("own_text-a", "anchor")]),
        ((replace(SURVEY, is_on=False), REMINDER_1), [("survey_reminder_1", "anchor")]),
        ((SURVEY, replace(REMINDER_1, anchor=Anchor.end)), [("survey_reminder_1", "anchor")]),
        (
            (SURVEY, REMINDER_1, replace(REMINDER_2, after="survey_reminder_1")),
            [("survey_reminder_2", "anchor")],
        ),
        ((replace(SURVEY, anchor=Anchor.answer),), [("survey_invitation", "anchor")]),
        (
            (
                replace(OWN, anchor=Anchor.answer),
                replace(SURVEY, anchor=Anchor.step, after="own_text-a"),
            ),
            [("survey_invitation", "anchor")],
        ),
        ((SURVEY, replace(TESTIMONIAL, anchor=Anchor.end)), [("testimonial_request", "anchor")]),
        ((TESTIMONIAL,), [("testimonial_request", "anchor")]),
        ((THANK_YOU, replace(THANK_YOU, name="thank_you-2")), [("thank_you", "kind")]),
        ((OWN, OWN), [("", "")]),
        ((replace(OWN, title=" "),), [("own_text-a", "title")]),
        ((replace(OWN, title="x" * 81),), [("own_text-a", "title")]),
        ((replace(OWN, count=-1),), [("own_text-a", "count")]),
        ((replace(OWN, count=1831),), [("own_text-a", "count")]),
        ((replace(OWN, count=61, unit=Unit.months),), [("own_text-a", "count")]),
        (
            (SURVEY, REMINDER_1, replace(REMINDER_2, count=3)),  # not later than the first
            [("survey_reminder_2", "anchor")],
        ),
        (
            (SURVEY, replace(REMINDER_1, count=2, unit=Unit.weeks), REMINDER_2),
            [("survey_reminder_2", "anchor")],
        ),
        ((SURVEY, replace(REMINDER_1, count=0)), [("survey_reminder_1", "count")]),
        ((replace(OWN, weekdays=frozenset()),), [("own_text-a", "weekdays")]),
        ((replace(OWN, stale_after=0),), [("own_text-a", "stale_after")]),
        ((replace(OWN, stale_after=366),), [("own_text-a", "stale_after")]),
        (tuple(replace(OWN, name=f"own_text-{i}") for i in range(31)), [("", "")]),
    ],
)
def test_what_is_wrong_is_told_where_it_is(steps, expected):
    found = faults_of(*steps)

    assert found[: len(expected)] == expected
    assert all(fault.sentence for fault in check(steps))


def test_a_step_that_is_off_may_wait_for_one_that_is_off():
    off = [replace(step, is_on=False) for step in (SURVEY, REMINDER_1, TESTIMONIAL)]

    assert check([CLOSING, DOOR_OPEN, *off]) == []


def drawn_steps() -> st.SearchStrategy[list[Step]]:
    """Any sequence: names, anchors and delays that fit or do not."""
    names = ["own_text-a", "own_text-b", "own_text-c", *(kind.value for kind in NATURES)]
    step = st.builds(
        Step,
        name=st.sampled_from(names),
        kind=st.sampled_from(list(NATURES)),
        anchor=st.sampled_from(list(Anchor)),
        count=st.integers(-3, 2000),
        at=st.times(),
        stale_after=st.integers(-1, 400),
        unit=st.sampled_from(list(Unit)),
        after=st.sampled_from(["", *names]),
        weekdays=st.frozensets(st.integers(0, 6)),
        is_on=st.booleans(),
        title=st.sampled_from(["", "A word"]),
    )
    known = st.sampled_from(BUILT_INS[DEFAULT])
    moved = st.builds(
        lambda step, count, unit, days, after, anchor, is_on: replace(
            step,
            count=count,
            unit=unit,
            weekdays=days or EVERY_DAY,
            after=after or step.after,
            anchor=anchor or step.anchor,
            is_on=is_on,
        ),
        known,
        st.integers(0, 70),
        st.sampled_from(list(Unit)),
        st.frozensets(st.integers(0, 6)),
        st.sampled_from(["", "", "survey_invitation", "door_open-1m", "door_open-6m"]),
        st.sampled_from([None, None, *Anchor]),
        st.booleans(),
    )
    return st.lists(st.one_of(known, moved, step), max_size=6)


@given(
    steps=drawn_steps(),
    end_on=st.none() | st.dates(date(2026, 1, 1), date(2031, 12, 31)),
    after=st.integers(-400, 4000),
    zone=st.sampled_from(["Europe/Madrid", "Pacific/Kiritimati", "Etc/GMT+12", "Asia/Kathmandu"]),
)
@settings(max_examples=300)
def test_what_passes_never_makes_the_plan_loop_or_raise(steps, end_on, after, zone):
    if check(steps):
        return
    day = end_on or date(2028, 2, 29)
    departure = Departure(
        client=Client(name="Bodegas", is_sample=False),
        contact=Contact(keep_in_touch=True),
        stage=Stage.notice,
        notice_on=day,
        conversation_on=day,
        end_on=end_on,
        is_history=False,
    )
    enrolled_at = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    enrolment = Enrolment(state=EnrolmentState.active, enrolled_at=enrolled_at)
    situation = Situation(departure, enrolment, zone, AT_ANY_HOUR, tuple(steps))
    at = enrolled_at + timedelta(days=after)

    planned = plan(situation, at)

    assert [item.step for item in planned] == [step for step in steps if step.is_on]
    assert not is_finished(situation, at) or ask_again_at(situation, at) is None


@pytest.mark.parametrize(
    ("step", "end_on", "expected"),
    [
        # Madrid has no 02:30 on that day: an hour later by the wall, 01:30 in UTC.
        (replace(OWN, count=1, at=time(2, 30)), date(2027, 3, 27), "2027-03-28T01:30:00+00:00"),
        (replace(OWN, count=1, unit=Unit.months), date(2027, 1, 31), "2027-02-28T08:00:00+00:00"),
    ],
)
def test_a_time_or_a_day_that_is_not_there_has_one_beside_it(step, end_on, expected):
    assert check([step]) == []
    enrolled_at = datetime(2027, 1, 1, tzinfo=UTC)
    departure = Departure(
        client=Client(name="Bodegas", is_sample=False),
        contact=Contact(keep_in_touch=True),
        stage=Stage.notice,
        notice_on=date(2027, 1, 1),
        end_on=end_on,
        is_history=False,
    )
    enrolment = Enrolment(state=EnrolmentState.active, enrolled_at=enrolled_at)
    situation = Situation(departure, enrolment, "Europe/Madrid", AT_ANY_HOUR, (step,))

    assert plan(situation, enrolled_at)[0].due_at.isoformat() == expected
