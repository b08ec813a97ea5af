"""The protocol on a database: what is written, once, with its link, its thread and its reason."""

from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from sqlalchemy import event, select

from service.departures.actions import departures
from service.departures.actions.departures import Facts
from service.errors import Conflict, Refused
from service.extensions import db
from service.mail.policy import suppressions
from service.models import (
    Enrolment,
    EnrolmentState,
    Event,
    EventKind,
    Invitation,
    InvitationKind,
    MailState,
    OutboxMessage,
    Reason,
    Recovery,
    SkipReason,
    Stage,
    SuppressionReason,
    SuppressionScope,
)
from service.protocols.actions import enrolments, progress
from service.protocols.queries import forecasts, situations
from tests import builders

NOTICE = "2026-11-02T12:00:00Z"


def recorded(end_on: date | None = date(2026, 11, 20), **more):
    """A departure recorded now, on its protocol."""
    contact = more.pop("contact", None) or builders.a_contact()
    facts = Facts(service="SEO", end_on=end_on, **more)
    return departures.record(contact, facts)


def rows(departure) -> list[tuple[str, MailState, SkipReason | None]]:
    """The mails of the protocol that are written down, in order."""
    query = select(OutboxMessage).where(OutboxMessage.departure_id == departure.id)
    mails = db.session.scalars(query.order_by(OutboxMessage.id))
    return [(mail.step, mail.state, mail.skip_reason) for mail in mails]


def tick() -> list[OutboxMessage]:
    """Advance everything that is to be asked now."""
    return progress.advance(progress.due(datetime.now(UTC)))


def send(departure, step: str) -> OutboxMessage:
    """Say that a written mail went now."""
    query = select(OutboxMessage).where(
        OutboxMessage.departure_id == departure.id, OutboxMessage.step == step
    )
    mail = db.session.scalars(query).one()
    mail.state, mail.ended_at = MailState.sent, datetime.now(UTC)
    db.session.flush()
    return mail


def send_all(mails: list[OutboxMessage]) -> None:
    """Say that what was written to go went now."""
    for mail in mails:
        if mail.state is MailState.queued:
            mail.state, mail.ended_at = MailState.sent, datetime.now(UTC)
    db.session.flush()


def on(day: str):
    """Noon of a day (UTC), standing still."""
    return time_machine.travel(f"{day}T12:00:00Z", tick=False)


def test_a_whole_farewell_without_an_answer(session):
    with on("2026-11-02"):
        recorded()
        assert tick() == []
    for day in range(1, 90):
        moment = datetime(2026, 11, 2, 12, tzinfo=UTC) + timedelta(days=day)
        with time_machine.travel(moment, tick=False):
            send_all(tick())

    mails = db.session.scalars(select(OutboxMessage).order_by(OutboxMessage.id)).all()
    assert [(mail.step, f"{mail.due_at:%FT%R}") for mail in mails] == [
        ("thank_you", "2026-11-03T08:00"),
        ("survey_invitation", "2026-11-21T09:00"),
        ("survey_reminder_1", "2026-11-24T09:00"),
        ("survey_reminder_2", "2026-11-28T09:00"),
        ("door_open-1m", "2026-12-20T09:00"),
    ]
    enrolment = db.session.scalars(select(Enrolment)).one()
    assert f"{enrolment.next_at:%FT%R}" == "2027-05-20T08:00", "the door is open for months"


def test_a_closed_departure_whose_last_mail_went_is_finished(session):
    with on("2026-11-02"):
        departure = recorded()
        departures.move(departure, Stage.closed, was=Stage.notice, by=builders.a_member())
        send_all(tick())
    days = ("2026-11-21", "2026-11-24", "2026-11-28", "2026-12-20", "2027-01-21", "2027-05-20")
    for day in (*days, "2027-05-22"):  # the day after its last mail went
        with on(day):
            send_all(tick())

    assert [step for step, state, _ in rows(departure) if state is MailState.sent] == [
        "closing_letter",
        "survey_invitation",
        "survey_reminder_1",
        "survey_reminder_2",
        "door_open-1m",
        "door_open-6m",
    ]
    enrolment = db.session.scalars(select(Enrolment)).one()
    assert (enrolment.state, enrolment.next_at) == (EnrolmentState.finished, None)


def test_a_whole_farewell_with_an_answer_and_no_testimonial(session):
    with on("2026-11-02"):
        departure = recorded()
    for day in range(1, 40):
        moment = datetime(2026, 11, 2, 12, tzinfo=UTC) + timedelta(days=day)
        with time_machine.travel(moment, tick=False):
            send_all(tick())
            if day == 20:
                invitation = db.session.scalars(select(Invitation)).one()
                builders.a_response(invitation=invitation)

    assert rows(departure) == [
        ("thank_you", MailState.sent, None),
        ("survey_invitation", MailState.sent, None),
        ("testimonial_request", MailState.sent, None),
        ("survey_reminder_1", MailState.skipped, SkipReason.answered),
        ("survey_reminder_2", MailState.skipped, SkipReason.answered),
        ("testimonial_reminder", MailState.sent, None),
    ]


def test_advancing_twice_writes_each_mail_once(session):
    with on("2026-11-21"):
        departure = recorded()
        enrolment = db.session.scalars(select(Enrolment)).one()
        progress.advance([enrolment.id])
        progress.advance([enrolment.id])
        progress.advance_one(departure)

    assert [step for step, _state, _reason in rows(departure)] == [
        "thank_you",
        "survey_invitation",
    ]


def test_the_invitation_makes_its_link_and_the_thank_you_none(session):
    with on("2026-11-02"):
        departure = recorded()
    with on("2026-11-03"):
        tick()
        assert db.session.scalars(select(Invitation)).all() == []
    with on("2026-11-21"):
        tick()
        link = db.session.scalars(select(Invitation)).one()

    assert (link.departure_id, link.kind) == (departure.id, InvitationKind.survey)
    assert link.closes_at == datetime(2027, 1, 20, 12, tzinfo=UTC)


def test_a_reminder_is_threaded_under_the_invitation(session):
    with on("2026-11-21"):
        departure = recorded()
        tick()
        invitation = send(departure, "survey_invitation")
    with on("2026-11-24"):
        (reminder,) = tick()

    assert reminder.kind == "survey_reminder_1"
    assert reminder.reply_to_message_id == invitation.id


def test_a_suppressed_contact_gets_rows_that_say_so_and_no_link(session):
    contact = builders.a_contact()
    suppressions.add(
        contact.email, SuppressionReason.hard_bounce, scope=SuppressionScope.everything
    )
    with on("2026-11-21"):
        departure = recorded(contact=contact)
        planned = {item.reason for item in forecasts.foretold(situations.of(departure))[:2]}
        tick()

    assert planned == {SkipReason.suppressed}
    assert {reason for _s, _st, reason in rows(departure)} == {SkipReason.suppressed}
    assert db.session.scalars(select(Invitation)).all() == []


def test_after_a_month_of_downtime_stale_mails_expire_with_their_reason(session):
    with on("2026-11-02"):
        departure = recorded()
    with on("2026-12-21"):
        tick()

    assert rows(departure) == [
        ("thank_you", MailState.skipped, SkipReason.expired),
        ("survey_invitation", MailState.skipped, SkipReason.expired),
        ("door_open-1m", MailState.queued, None),
    ]


def test_after_a_week_of_downtime_one_reminder_goes_and_one_expires(session):
    with on("2026-11-21"):
        departure = recorded()
        tick()
        send(departure, "survey_invitation")
    with on("2026-11-28"):
        tick()

    assert rows(departure)[2:] == [
        ("survey_reminder_1", MailState.skipped, SkipReason.expired),
        ("survey_reminder_2", MailState.queued, None),
    ]


def test_a_later_end_moves_what_has_not_been_written(session):
    marta = builders.a_member()
    with on("2026-11-19"):
        departure = recorded()
        tick()
        departures.change(departure, {"end_on": date(2026, 12, 20)}, by=marta)
    with on("2026-11-21"):
        assert [mail.step for mail in tick()] == ["thank_you"]
    with on("2026-12-21"):
        assert [mail.step for mail in tick()] == ["survey_invitation"]


def test_a_later_end_takes_back_a_mail_that_still_waits_to_go(session):
    marta = builders.a_member()
    with on("2026-11-21"):
        departure = recorded()
        tick()
        send(departure, "thank_you")
        departures.change(departure, {"end_on": date(2026, 12, 20)}, by=marta)
        tick()

    assert rows(departure) == [("thank_you", MailState.sent, None)]
    with on("2026-12-21"):
        assert [mail.step for mail in tick()] == ["survey_invitation"]


def test_a_later_end_never_sends_again_what_went(session):
    marta = builders.a_member()
    with on("2026-11-21"):
        departure = recorded()
        tick()
        send(departure, "survey_invitation")
        departures.change(departure, {"end_on": date(2026, 12, 20)}, by=marta)
    with on("2026-12-21"):
        tick()

    assert [step for step, _s, _r in rows(departure)].count("survey_invitation") == 1


def test_an_end_that_is_told_late_brings_the_survey_at_once(session):
    marta = builders.a_member()
    with on("2026-11-02"):
        departure = recorded(end_on=None)
    with on("2026-11-03"):
        tick()
    with on("2026-12-10"):
        departures.change(departure, {"end_on": date(2026, 11, 20)}, by=marta)
        assert [mail.step for mail in tick()] == ["survey_invitation"]


def test_history_is_on_no_protocol_until_somebody_says_so(session):
    marta = builders.a_member()
    with on("2026-11-22"):
        departure = recorded(end_on=date(2026, 10, 22))
        assert departure.is_history
        assert tick() == []
        enrolments.resume(departure, marta)
        assert [mail.step for mail in tick()] == ["thank_you", "survey_invitation", "door_open-1m"]


def test_what_ended_thirty_days_ago_is_not_history_yet(session):
    with on("2026-11-22"):
        assert not recorded(end_on=date(2026, 10, 23)).is_history


def test_a_stopped_protocol_sends_nothing_and_goes_on_when_resumed(session):
    marta = builders.a_member()
    with on("2026-11-21"):
        departure = recorded()
        tick()
        enrolments.stop(departure, marta)
        enrolments.stop(departure, marta)
        assert {reason for _s, _st, reason in rows(departure)} == {SkipReason.protocol_stopped}
        assert tick() == []
        enrolments.resume(departure, marta)
        enrolments.send_now(departure, "survey_invitation", marta)

    kinds = [event.kind for event in db.session.scalars(select(Event).order_by(Event.id))]
    assert kinds == [
        EventKind.recorded,
        EventKind.protocol_stopped,
        EventKind.protocol_resumed,
        EventKind.step_sent_now,
    ]


def test_a_step_that_is_skipped_by_hand_stays_skipped_until_put_back(session):
    marta = builders.a_member()
    with on("2026-11-02"):
        departure = recorded()
        enrolments.skip(departure, "thank_you", marta)
    with on("2026-11-03"):
        assert tick() == []
        enrolments.put_back(departure, "thank_you", marta)
        assert [mail.step for mail in tick()] == ["thank_you"]


def test_a_step_sent_by_hand_is_not_sent_again_when_its_day_comes(session):
    marta = builders.a_member()
    with on("2026-11-02"):
        departure = recorded()
        mail = enrolments.send_now(departure, "survey_invitation", marta)
        assert mail.due_at == datetime.now(UTC)
    with on("2026-11-21"):
        tick()

    assert [step for step, _s, _r in rows(departure)] == ["survey_invitation", "thank_you"]


def test_a_skipped_mail_can_still_be_sent_by_hand_and_brings_its_reminders(session):
    marta = builders.a_member()
    with on("2026-11-02"):
        departure = recorded()
        enrolments.skip(departure, "survey_invitation", marta)
    with on("2026-11-25"):
        tick()
        mail = enrolments.send_now(departure, "survey_invitation", marta)
        mail.state, mail.ended_at = MailState.sent, datetime.now(UTC)
    with on("2026-11-28"):
        assert [mail.step for mail in tick()] == ["survey_reminder_1"]


def test_two_people_who_send_a_step_at_once_send_it_once(session):
    marta = builders.a_member()
    with on("2026-11-02"):
        departure = recorded()
        enrolments.send_now(departure, "thank_you", marta)
        with pytest.raises(Conflict):
            enrolments.send_now(departure, "thank_you", marta)

    assert len(rows(departure)) == 1


def test_a_testimonial_can_be_asked_for_by_hand_when_quality_was_named(session):
    marta = builders.a_member()
    with on("2026-11-21"):
        departure = recorded(reasons=frozenset({Reason.deliverable_quality}))
        tick()
        with pytest.raises(Refused):
            enrolments.send_now(departure, "testimonial_request", marta)  # nobody answered yet
        invitation = db.session.scalars(select(Invitation)).one()
        builders.a_response(invitation=invitation)
        recovery = builders.added(Recovery(departure=departure))
        with pytest.raises(Refused):
            enrolments.send_now(departure, "testimonial_request", marta)
        recovery.closed_at = datetime.now(UTC)
        assert (
            enrolments.send_now(departure, "testimonial_request", marta).state is MailState.queued
        )


def test_nobody_can_send_a_reminder_of_what_never_went(session):
    with on("2026-11-02"):
        departure = recorded()
        with pytest.raises(Refused):
            enrolments.send_now(departure, "survey_reminder_1", builders.a_member())


@pytest.mark.parametrize("database", ["postgresql"])  # SQLite lets one writer in at a time
def test_two_workers_share_the_work_on_a_database_that_can_lock(app, database):
    with on("2026-11-21"):
        recorded()
        db.session.commit()
        first = progress.take(datetime.now(UTC))
        with app.app_context():
            second = progress.take(datetime.now(UTC))
            db.session.rollback()

    assert (len(first), len(second)) == (1, 0)


def test_a_chunk_of_enrolments_costs_the_same_few_queries_however_many(session):
    with on("2026-11-02"):
        for _number in range(3):
            recorded()
        few = queries_of_a_tick()
        for _number in range(20):
            recorded()
        db.session.execute(select(Enrolment).limit(1))
        many = queries_of_a_tick()

    assert many <= few + 1


def queries_of_a_tick() -> int:
    """How many selects a tick makes when nothing is due."""
    seen: list[str] = []

    def note(_conn, _cursor, statement, *_rest):
        if statement.startswith("SELECT"):
            seen.append(statement)

    db.session.flush()
    db.session.expire_all()
    event.listen(db.engine, "before_cursor_execute", note)
    try:
        tick()
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    return len(seen)
