"""A step's day: delays in days, weeks and months, moved to an allowed weekday; and its JSON."""

import json
from dataclasses import replace
from datetime import date, time
from pathlib import Path
from runpy import run_path

import pytest

from service.models import MailKind
from service.models.steps import Anchor, Condition, Step, Unit, from_json, to_json
from service.protocols.rules.built_ins import BUILT_INS, THANK_YOU


@pytest.mark.parametrize(
    ("anchor", "count", "unit", "expected"),
    [
        ("2026-11-20", 0, Unit.days, "2026-11-20"),
        ("2026-11-20", 3, Unit.weeks, "2026-12-11"),
        ("2027-01-31", 1, Unit.months, "2027-02-28"),  # no 31st: the last one
        ("2028-01-31", 1, Unit.months, "2028-02-29"),
        ("2027-08-31", 6, Unit.months, "2028-02-29"),
        ("2028-02-29", 12, Unit.months, "2029-02-28"),
    ],
)
def test_a_delay_is_counted_as_a_calendar_does(anchor, count, unit, expected):
    step = replace(THANK_YOU, count=count, unit=unit)

    assert step.day_after(date.fromisoformat(anchor)) == date.fromisoformat(expected)


def test_a_day_that_is_not_allowed_moves_to_the_next_one_that_is():
    weekdays = replace(THANK_YOU, weekdays=frozenset({0, 1, 2, 3, 4}))

    assert weekdays.day_after(date(2026, 11, 20)) == date(2026, 11, 23)  # Saturday: Monday
    assert weekdays.day_after(date(2026, 11, 22)) == date(2026, 11, 23)


def test_steps_are_kept_and_read_back_as_they_are():
    step = Step(
        "thank_you",
        MailKind.thank_you,
        Anchor.step,
        2,
        time(9, 5),
        7,
        Unit.months,
        after="survey_invitation",
        weekdays=frozenset({0, 6}),
        only_if=(Condition.keep_in_touch,),
        is_on=False,
        title="Ñandú",
    )

    assert from_json(to_json([step])) == (step,)


@pytest.mark.parametrize("code", BUILT_INS)
def test_the_migration_writes_the_built_in_protocols_as_they_are(code):
    file = Path(__file__).parents[2] / "migrations" / "versions" / "0003_protocols.py"
    written = dict(run_path(str(file))["BUILT_INS"])

    assert from_json(json.dumps(written[code])) == BUILT_INS[code]
