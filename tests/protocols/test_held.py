"""Mails that somebody holds back: they never go by themselves, and end at their own time."""

from datetime import date, timedelta

import pytest
import time_machine
from sqlalchemy import select

from service.departures.actions import departures, returns
from service.departures.actions.departures import Facts
from service.departures.queries import timeline
from service.errors import Conflict, Refused
from service.extensions import db
from service.models import (
    Departure,
    Enrolment,
    Invitation,
    MailState,
    OutboxMessage,
    ReturnReason,
    SkipReason,
    Stage,
)
from service.protocols.actions import enrolments, held, progress
from tests.builders import a_company, a_contact, a_member, logged_in
from tests.pages import send
from tests.rounds import a_round

MONDAY = "2026-11-02T11:00:00Z"


@pytest.fixture
def clock(session):
    """Monday noon in the company's zone."""
    a_company(language="en")
    with time_machine.travel(MONDAY, tick=False) as clock:
        yield clock


@pytest.fixture
def farewell(clock):
    """A departure that ends on the 3rd, whose thank-you and survey come in the next days."""
    departure = departures.record(a_contact(), Facts(end_on=date(2026, 11, 3)))
    db.session.commit()
    return departure


def mails_of(departure: Departure) -> dict[str, OutboxMessage]:
    query = select(OutboxMessage).where(OutboxMessage.departure_id == departure.id)
    rows = db.session.scalars(query.execution_options(populate_existing=True))
    return {row.step: row for row in rows}


def held_survey(departure: Departure) -> OutboxMessage:
    """The survey of a departure, held."""
    assert held.hold(departure, {"survey_invitation"}, a_member()) == 1
    db.session.commit()
    return mails_of(departure)["survey_invitation"]


def test_a_held_mail_never_goes_by_itself_and_what_follows_waits_for_it(farewell, clock):
    survey = held_survey(farewell)
    clock.shift(timedelta(days=10))
    a_round()

    found = mails_of(farewell)
    assert found["survey_invitation"].state is MailState.held
    assert set(found) == {"thank_you", "survey_invitation"}, "no reminder of what did not go"
    assert db.session.scalars(select(Invitation)).all() == [], "nor a link that nobody got"
    assert survey.expires_at == survey.due_at + timedelta(days=14)


def test_one_that_waits_in_the_outbox_can_be_held_and_one_that_is_being_sent_cannot(
    farewell, clock
):
    clock.shift(timedelta(days=2))
    a_round()
    mails_of(farewell)["thank_you"].state = MailState.sending
    db.session.commit()

    assert held.hold(farewell, {"thank_you", "survey_invitation"}, a_member()) == 1
    found = mails_of(farewell)
    assert found["survey_invitation"].state is MailState.held
    assert found["thank_you"].state is MailState.sending


def test_one_that_is_let_go_goes_on_its_day_with_its_link(farewell, clock):
    survey = held_survey(farewell)
    held.release(survey, a_member())

    assert survey.state is MailState.queued
    assert survey.due_at.isoformat() == "2026-11-04T09:00:00+00:00", "its day is still to come"
    assert survey.expires_at > survey.due_at
    assert db.session.scalars(select(Invitation)).one().departure_id == farewell.id


def test_one_that_is_let_go_after_its_day_is_due_at_once(farewell, clock):
    survey = held_survey(farewell)
    clock.shift(timedelta(days=8))
    held.release(survey, a_member())

    assert survey.due_at.isoformat() == "2026-11-10T11:00:00+00:00"


def test_one_that_is_sent_now_goes_whatever_the_hour(farewell, clock):
    survey = held_survey(farewell)
    clock.move_to("2026-11-03T01:41:00Z")
    held.send_now(survey, a_member())

    assert survey.state is MailState.queued
    assert survey.due_at.isoformat() == "2026-11-03T01:41:00+00:00"
    assert survey.context["by_hand"] is True


def test_one_that_is_left_out_can_be_put_back(farewell):
    survey = held_survey(farewell)
    held.drop(survey, a_member())
    assert (survey.state, survey.skip_reason) == (MailState.skipped, SkipReason.by_provider)

    enrolments.put_back(farewell, "survey_invitation", a_member())
    assert "survey_invitation" not in mails_of(farewell)


@pytest.mark.parametrize("act", [held.release, held.send_now, held.drop])
def test_of_two_who_decide_the_second_is_told(farewell, act):
    survey = held_survey(farewell)
    act(survey, a_member())
    with pytest.raises(Conflict):
        held.release(survey, a_member())


def test_one_that_nobody_lets_go_ends_at_its_time_with_a_reason_of_its_own(farewell, clock):
    survey = held_survey(farewell)
    clock.move_to(survey.expires_at - timedelta(seconds=1))
    a_round()
    assert mails_of(farewell)["survey_invitation"].state is MailState.held
    clock.shift(timedelta(seconds=2))
    a_round()

    ended = mails_of(farewell)["survey_invitation"]
    assert (ended.state, ended.skip_reason) == (MailState.skipped, SkipReason.held_too_long)
    told = [item.why for item in timeline.of(farewell) if item.step == "survey_invitation"]
    assert told == ["It was held back, and nobody let it go in time."]


def test_a_client_who_came_back_or_a_stop_ends_what_is_held(farewell):
    survey = held_survey(farewell)
    facts = returns.Facts(date(2026, 11, 2), ReturnReason.own_need)
    returns.record(farewell, facts, was=Stage.notice, by=a_member(), sends_thanks=False)

    db.session.refresh(survey)
    assert (survey.state, survey.skip_reason) == (MailState.skipped, SkipReason.returned)


def test_a_stopped_or_paused_farewell_lets_nothing_go_that_was_held(farewell):
    survey = held_survey(farewell)
    enrolments.pause(farewell, a_member())
    db.session.refresh(survey)
    assert survey.state is MailState.held, "a pause ends nothing"
    with pytest.raises(Refused):
        held.release(survey, a_member())


def test_the_list_counts_what_is_held_and_lets_it_go(client, farewell):
    marta = a_member(language="en")
    held.hold(farewell, {"survey_invitation", "thank_you"}, marta)
    page = logged_in(client, marta)

    assert "2 mails are held back" in page.get("/").text
    there = "/deliveries?state=held"
    assert "Nov 18, 2026" in page.get(there).text, "by when one has to decide"
    survey = mails_of(farewell)["survey_invitation"].public_id
    for button in ("release", "now", "drop"):
        assert f"/deliveries/{survey}/{button}" in page.get(there).text
    send(page, f"/deliveries/{survey}/release", {"from": there}, page=there)
    assert mails_of(farewell)["survey_invitation"].state is MailState.queued
    assert "1 mail is held back" in page.get("/").text


def test_nothing_is_held_and_the_list_says_what_would_stand_there(client, session):
    a_company(language="en")
    page = logged_in(client, a_member(language="en"))
    assert "Nothing is held back" in page.get("/deliveries?state=held").text


def test_nothing_is_written_before_its_hour_whatever_happens_meanwhile(farewell, clock):
    hour = db.session.scalars(select(Enrolment)).one().enrolled_at + timedelta(hours=1)
    clock.shift(timedelta(minutes=10))
    farewell.end_on, farewell.notice_on = date(2026, 11, 1), date(2026, 10, 20)
    enrolments.wait_until(farewell, hour)
    enrolments.recount(farewell)
    progress.revive_selected(select(Departure.id))
    db.session.commit()
    a_round()
    assert progress.advance_one(farewell) == []
    assert mails_of(farewell) == {}

    clock.move_to(hour)
    a_round()
    assert "thank_you" in mails_of(farewell)
