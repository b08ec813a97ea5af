"""The forecast follows each mail to the next, and equals what a clock that never stops does."""

from datetime import timedelta

from service.models import InvitationKind, SkipReason
from service.models.forecasts import forecast
from service.models.plans import plan
from tests.actions.test_plans import a_situation, an_answer, at

YEAR = timedelta(days=365)


def told(situation, now: str) -> list[tuple[str, str, SkipReason | None]]:
    found = forecast(situation, at(now), at(now) + YEAR)
    return [(item.step.name, f"{item.due_at:%FT%R}", item.reason) for item in found]


def test_a_year_is_foretold_as_if_each_mail_went_and_nobody_answered():
    assert told(a_situation(), "2026-11-02T12:00") == [
        ("thank_you", "2026-11-03T08:00", None),
        ("survey_invitation", "2026-11-21T09:00", None),
        ("survey_reminder_1", "2026-11-24T09:00", None),
        ("survey_reminder_2", "2026-11-28T09:00", None),
        ("door_open-1m", "2026-12-20T09:00", None),
        ("door_open-6m", "2027-05-20T08:00", None),
    ]


def test_what_was_answered_is_known_and_what_that_brings_is_foretold():
    situation = a_situation(response=an_answer("2026-11-22T10:00"))

    found = told(situation, "2026-11-22T11:00")
    assert ("testimonial_request", "2026-11-23T08:00", None) in found
    assert ("survey_reminder_1", "2026-11-25T09:00", SkipReason.answered) in found


def test_a_forecast_leaves_the_situation_as_it_was():
    situation = a_situation()
    told(situation, "2026-11-02T12:00")

    assert (situation.mails, situation.invitations) == ({}, {})
    assert InvitationKind.survey not in situation.invitations


def test_what_is_due_now_is_decided_as_the_clock_decides_it():
    situation, now = a_situation(), at("2026-12-01T12:00")

    due = {item.step.name: item.reason for item in plan(situation, now) if item.is_due(now)}
    told_now = {item.step.name: item.reason for item in forecast(situation, now, now)}
    assert due.items() <= told_now.items()
    assert due["thank_you"] is SkipReason.expired
