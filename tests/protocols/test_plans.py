"""When each step of the protocol comes, and why it does not: against a table of dates."""

from datetime import UTC, date, datetime, timedelta

import pytest

from service.business_hours import AT_ANY_HOUR
from service.models import (
    Client,
    Contact,
    Departure,
    Enrolment,
    EnrolmentState,
    Invitation,
    InvitationKind,
    MailState,
    OutboxMessage,
    Reason,
    Recovery,
    Response,
    SkipReason,
    Stage,
)
from service.protocols.rules.built_ins import BUILT_INS, DEFAULT
from service.protocols.rules.plans import Planned, ask_again_at, plan
from service.protocols.rules.situations import Situation

MADRID = "Europe/Madrid"


def at(text: str) -> datetime:
    """A moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def a_situation(
    notice_on: str = "2026-11-02",
    end_on: str | None = "2026-11-20",
    enrolled_at: str = "2026-11-02T12:00",
    zone: str = MADRID,
    **more: object,
) -> Situation:
    """A departure without a database, recorded on its day of notice."""
    departure = Departure(
        client=Client(name="Bodegas", is_sample=False),
        contact=Contact(keep_in_touch=True),
        stage=Stage.notice,
        notice_on=date.fromisoformat(notice_on),
        end_on=date.fromisoformat(end_on) if end_on else None,
        is_history=False,
    )
    enrolment = Enrolment(state=EnrolmentState.active, enrolled_at=at(enrolled_at))
    return Situation(departure, enrolment, zone, AT_ANY_HOUR, **more)


def sent(step: str, ended_at: str) -> OutboxMessage:
    """A mail of the protocol that went."""
    return OutboxMessage(step=step, state=MailState.sent, ended_at=at(ended_at), context={})


def an_answer(submitted_at: str | None, *reasons: Reason) -> Response:
    """An answer; partial without a moment."""
    response = Response(submitted_at=at(submitted_at) if submitted_at else None, score=9)
    response.reasons = set(reasons)
    return response


def step(situation: Situation, name: str, now: str) -> Planned:
    """What one step comes to."""
    return next(item for item in plan(situation, at(now)) if item.step.name == name)


@pytest.mark.parametrize(
    ("end_on", "zone", "expected"),
    [
        ("2026-11-20", MADRID, "2026-11-21T09:00"),  # ten o'clock in winter
        ("2026-07-20", MADRID, "2026-07-21T08:00"),  # ten o'clock in summer
        ("2026-03-28", MADRID, "2026-03-29T08:00"),  # the day that has 23 hours
        ("2026-10-24", MADRID, "2026-10-25T09:00"),  # the day that has 25
        ("2026-11-20", "Etc/GMT+12", "2026-11-21T22:00"),  # UTC-12
        ("2026-11-20", "Pacific/Kiritimati", "2026-11-20T20:00"),  # UTC+14
    ],
)
def test_the_survey_goes_the_day_after_the_end_at_ten_on_the_wall(end_on, zone, expected):
    situation = a_situation("2026-01-02", end_on, "2026-01-02T12:00", zone)

    assert step(situation, "survey_invitation", "2026-01-03T00:00").due_at == at(expected)


def test_the_thank_you_goes_the_day_after_the_notice_at_nine():
    assert step(a_situation(), "thank_you", "2026-11-02T12:00").due_at == at("2026-11-03T08:00")


@pytest.mark.parametrize("recorded", ["2026-11-21T06:00", "2026-11-21T12:00", "2026-12-10T12:00"])
def test_what_is_recorded_late_goes_at_once_in_the_order_of_the_steps(recorded):
    situation = a_situation(enrolled_at=recorded)

    due = [item.step.name for item in plan(situation, at(recorded)) if item.is_due(at(recorded))]

    assert due == ["thank_you", "survey_invitation"]


@pytest.mark.parametrize(
    ("sent_at", "first", "second"),
    [
        ("2026-11-21T09:01", "2026-11-24T09:00", "2026-11-28T09:00"),
        ("2026-03-27T09:01", "2026-03-30T08:00", "2026-04-03T08:00"),  # across 29 March
        ("2026-10-23T08:01", "2026-10-26T09:00", "2026-10-30T09:00"),  # across 25 October
        ("2026-11-21T23:30", "2026-11-25T09:00", "2026-11-29T09:00"),  # after midnight in Madrid
    ],
)
def test_reminders_count_from_the_day_the_invitation_went(sent_at, first, second):
    situation = a_situation("2026-01-02", "2026-01-10")
    situation.mails["survey_invitation"] = sent("survey_invitation", sent_at)

    assert step(situation, "survey_reminder_1", "2026-01-11T00:00").due_at == at(first)
    assert step(situation, "survey_reminder_2", "2026-01-11T00:00").due_at == at(second)


def test_reminders_wait_until_the_invitation_went():
    situation = a_situation()
    waiting = OutboxMessage(step="survey_invitation", state=MailState.queued, context={})

    assert step(situation, "survey_reminder_1", "2026-11-03T00:00").is_waiting
    situation.mails["survey_invitation"] = waiting
    assert step(situation, "survey_reminder_1", "2026-11-21T12:00").is_waiting


def test_a_skipped_invitation_takes_its_reminders_and_the_testimonial_with_it():
    situation = a_situation()
    situation.mails["survey_invitation"] = OutboxMessage(
        step="survey_invitation", state=MailState.skipped, skip_reason=SkipReason.suppressed
    )

    assert step(situation, "survey_reminder_2", "2026-11-22T00:00").reason is SkipReason.suppressed
    request = step(situation, "testimonial_request", "2026-11-22T00:00")
    assert request.reason is SkipReason.not_answered


def test_without_an_end_only_the_thank_you_is_planned():
    moments = [item.due_at for item in plan(a_situation(end_on=None), at("2026-11-02T12:00"))]

    assert moments == [at("2026-11-03T08:00"), *[None] * 8]


def test_an_answer_stops_the_reminders_and_brings_the_testimonial_the_day_after():
    situation = a_situation(response=an_answer("2026-11-22T10:00"))
    situation.mails["survey_invitation"] = sent("survey_invitation", "2026-11-21T09:01")

    now = "2026-11-22T11:00"
    assert step(situation, "survey_reminder_1", now).reason is SkipReason.answered
    assert step(situation, "testimonial_request", now).due_at == at("2026-11-23T08:00")
    assert step(situation, "testimonial_reminder", now).is_waiting


def test_a_partial_answer_is_still_reminded_of():
    situation = a_situation(response=an_answer(None))
    situation.mails["survey_invitation"] = sent("survey_invitation", "2026-11-21T09:01")

    assert step(situation, "survey_reminder_1", "2026-11-22T00:00").reason is None


@pytest.mark.parametrize("reason", [Reason.customer_service, Reason.deliverable_quality])
@pytest.mark.parametrize("side", ["provider", "client"])
def test_no_testimonial_is_asked_for_when_either_side_names_quality(reason, side):
    situation = a_situation(response=an_answer("2026-11-22T10:00"))
    named = situation.departure if side == "provider" else situation.response
    named.reasons = {reason, Reason.price}

    request = step(situation, "testimonial_request", "2026-11-22T11:00")
    assert request.reason is SkipReason.quality_reason


def test_no_testimonial_is_asked_for_while_a_recovery_is_open():
    situation = a_situation(response=an_answer("2026-11-22T10:00"), recovery=Recovery())

    now = "2026-11-22T11:00"
    assert step(situation, "testimonial_request", now).reason is SkipReason.recovery_open
    situation.recovery.closed_at = at(now)
    assert step(situation, "testimonial_request", now).reason is None


def test_a_low_score_alone_keeps_no_testimonial_from_being_asked_for():
    situation = a_situation(response=an_answer("2026-11-22T10:00", Reason.price))
    situation.response.score = 3

    assert step(situation, "testimonial_request", "2026-11-22T11:00").reason is None


def test_a_testimonial_is_reminded_of_once_while_it_is_open():
    situation = a_situation(response=an_answer("2026-11-22T10:00"))
    situation.mails["testimonial_request"] = sent("testimonial_request", "2026-11-23T08:00")
    now = "2026-11-23T09:00"

    assert step(situation, "testimonial_reminder", now).due_at == at("2026-11-28T08:00")
    situation.testimonial_at = at("2026-11-23T08:30")
    assert step(situation, "testimonial_reminder", now).reason is SkipReason.testimonial_given


def test_an_unanswered_survey_that_closed_ends_the_wait_for_a_testimonial():
    link = Invitation(kind=InvitationKind.survey, closes_at=at("2027-01-20T09:00"))
    situation = a_situation(invitations={InvitationKind.survey: link})
    situation.mails["survey_invitation"] = sent("survey_invitation", "2026-11-21T09:01")

    assert step(situation, "testimonial_request", "2027-01-20T08:59").is_waiting
    request = step(situation, "testimonial_request", "2027-01-20T09:00")
    assert request.reason is SkipReason.not_answered


@pytest.mark.parametrize("entry", BUILT_INS[DEFAULT], ids=lambda entry: entry.name)
def test_a_step_that_an_outage_kept_too_long_expires(entry):
    situation = a_situation(response=None)
    situation.mails["survey_invitation"] = sent("survey_invitation", "2026-11-21T09:01")
    situation.mails["testimonial_request"] = sent("testimonial_request", "2026-11-23T08:00")
    situation.departure.closed_at = at("2026-11-19T10:00")
    situation.mails.pop(entry.name, None)
    if entry.name == "testimonial_request":
        situation.response = an_answer("2026-11-22T10:00")
    due_at = step(situation, entry.name, "2026-11-02T12:00").due_at
    stale_at = due_at + entry.lasts

    in_time, too_late = f"{stale_at - timedelta(minutes=1):%FT%T}", f"{stale_at:%FT%T}"
    assert step(situation, entry.name, in_time).reason is None
    assert step(situation, entry.name, too_late).reason is SkipReason.expired


def test_an_outage_never_sends_both_reminders_at_once():
    situation = a_situation()
    situation.mails["survey_invitation"] = sent("survey_invitation", "2026-11-21T09:01")

    for hour in range(24 * 20):
        moment = at("2026-11-21T10:00") + timedelta(hours=hour)
        going = [item for item in plan(situation, moment) if item.is_due(moment)]
        names = {item.step.name for item in going if item.reason is None}
        assert not {"survey_reminder_1", "survey_reminder_2"} <= names


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"stage": Stage.retained}, SkipReason.retained),
        ({"stage": Stage.returned}, SkipReason.returned),
        ({"is_history": True}, SkipReason.history),
    ],
)
def test_nothing_goes_to_a_client_who_stays_came_back_or_is_history(change, reason):
    situation = a_situation()
    for name, value in change.items():
        setattr(situation.departure, name, value)

    assert {item.reason for item in plan(situation, at("2026-11-21T12:00"))} == {reason}


def test_nothing_goes_while_the_protocol_is_stopped():
    situation = a_situation()
    situation.enrolment.state = EnrolmentState.stopped

    reasons = {item.reason for item in plan(situation, at("2026-11-21T12:00"))}
    assert reasons == {SkipReason.protocol_stopped}


def test_what_waits_for_the_world_is_asked_again_at_its_own_time_of_day():
    link = Invitation(kind=InvitationKind.survey, closes_at=at("2027-01-20T09:00"))
    situation = a_situation(invitations={InvitationKind.survey: link})
    situation.mails["thank_you"] = sent("thank_you", "2026-11-03T08:00")
    situation.mails["survey_invitation"] = OutboxMessage(
        step="survey_invitation", state=MailState.sending, context={}
    )

    assert ask_again_at(situation, at("2026-11-21T10:00")) == at("2026-11-22T08:00")
    assert ask_again_at(situation, at("2026-11-22T08:30")) == at("2026-11-22T09:00")


def test_a_departure_without_an_end_is_not_asked_again_after_its_thank_you():
    situation = a_situation(end_on=None)
    situation.mails["thank_you"] = sent("thank_you", "2026-11-03T08:00")

    assert ask_again_at(situation, at("2026-11-04T00:00")) is None
