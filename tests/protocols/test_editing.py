"""Protocols as a provider changes them: what is saved, refused, and never sent again."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from random import Random

import pytest
import time_machine
from sqlalchemy import func, select

from service.departures.actions import departures
from service.departures.actions.departures import Facts
from service.errors import Conflict, Refused
from service.extensions import db
from service.models import (
    Departure,
    Enrolment,
    EnrolmentState,
    Event,
    EventKind,
    MailKind,
    MailState,
    MailText,
    OutboxMessage,
    Protocol,
    ProtocolVersion,
    Reason,
)
from service.models.steps import Anchor, Step, Unit
from service.protocols.actions import editing, enrolments, progress
from service.protocols.queries import protocols
from service.protocols.queries.changes import What, impact
from service.protocols.rules.built_ins import (
    BUILT_INS,
    CLOSING,
    DEFAULT,
    REMINDER_1,
    SURVEY,
    THANK_YOU,
)
from service.protocols.rules.step_checks import check
from tests.builders import a_company, a_contact, a_member, a_protocol, added

START = "2026-11-02T12:00:00Z"
OWN = Step("own_text-a", MailKind.own_text, Anchor.notice, 2, time(9), 5, title="A word")


@pytest.fixture
def protocol(session):
    """A company with one protocol, the default; the clock stands at noon of 2 November."""
    a_company()
    with time_machine.travel(START, tick=False) as clock:
        protocol = a_protocol(is_default=True)
        protocol.clock, protocol.by = clock, a_member()
        db.session.commit()
        yield protocol


def leaving(**more) -> Departure:
    """A departure recorded now that ends on the 20th."""
    return departures.record(a_contact(), Facts(service="SEO", end_on=date(2026, 11, 20), **more))


def save(protocol: Protocol, *steps: Step) -> bool:
    done = editing.save_steps(protocol, steps, by=protocol.by, was=protocol.number)
    db.session.commit()
    return done


def tick() -> None:
    """Do what the clock does, and have everything that is written go at once."""
    progress.advance(progress.due(datetime.now(UTC)))
    for mail in mails():
        if mail.state is MailState.queued:
            mail.state, mail.ended_at = MailState.sent, datetime.now(UTC)
    db.session.commit()


def mails() -> list[OutboxMessage]:
    query = select(OutboxMessage).order_by(OutboxMessage.id)
    return list(db.session.scalars(query.execution_options(populate_existing=True)))


def enrolment_of(departure: Departure) -> Enrolment:
    return progress.locked(departure).enrolment


def test_a_saved_change_is_a_version_and_has_the_active_ones_asked_at_once(protocol):
    departure = leaving()
    tick()
    assert enrolment_of(departure).next_at > datetime.now(UTC)
    later = replace(SURVEY, count=2, unit=Unit.weeks)

    assert save(protocol, THANK_YOU, later) is True
    assert save(protocol, THANK_YOU, later) is False, "the same steps are no version"

    assert protocol.number == 2
    assert enrolment_of(departure).next_at == datetime.now(UTC)
    kept = db.session.scalars(select(ProtocolVersion)).all()
    assert [(row.number, row.steps, row.provider_id) for row in kept] == [
        (2, (THANK_YOU, later), protocol.by.id)
    ]
    assert editing.steps_of_version(protocol, 2) == (THANK_YOU, later)
    assert editing.steps_of_version(protocol, 9) is None


def test_of_two_who_edit_the_same_the_second_is_told(protocol):
    was = protocol.number
    save(protocol, THANK_YOU)
    with pytest.raises(Conflict):
        editing.save_steps(protocol, (SURVEY,), by=protocol.by, was=was)
    assert protocol.steps == (THANK_YOU,)
    seen = editing.seen(protocol)
    editing.change(protocol, "Uno", ["SEO"], [Reason.price], was=seen)
    with pytest.raises(Conflict):
        editing.change(protocol, "Otro", [], [], was=seen)
    assert (protocol.name, protocol.services, protocol.reasons) == ("Uno", "SEO", "price")


def test_steps_with_something_wrong_are_not_saved(protocol):
    with pytest.raises(Refused):
        save(protocol, replace(SURVEY, count=-1))
    assert protocol.number == 1


def test_who_has_finished_stays_finished_and_who_is_stopped_stays_stopped(protocol):
    finished, stopped = leaving(), leaving()
    enrolments.stop(stopped, protocol.by)
    enrolment_of(finished).state = EnrolmentState.finished
    save(protocol, THANK_YOU, OWN)

    assert enrolment_of(finished).state is EnrolmentState.finished
    assert enrolment_of(stopped).state is EnrolmentState.stopped
    assert enrolment_of(stopped).next_at is None


def test_a_mail_that_waits_and_has_become_early_is_taken_back_until_its_new_day(protocol):
    departure = leaving()
    protocol.clock.move_to("2026-11-21T12:00:00Z")
    progress.advance_one(departure)
    assert [mail.step for mail in mails()] == ["thank_you", "survey_invitation"]
    save(protocol, THANK_YOU, replace(SURVEY, count=5))

    assert [mail.step for mail in mails()] == ["thank_you"]
    protocol.clock.move_to("2026-11-25T12:00:00Z")
    tick()
    assert [mail.step for mail in mails()][1:] == ["survey_invitation"]


def test_a_mail_that_may_have_arrived_is_not_taken_back(protocol):
    departure = leaving()
    protocol.clock.move_to("2026-11-21T12:00:00Z")
    progress.advance_one(departure)
    mails()[1].doubts = 1
    save(protocol, THANK_YOU, replace(SURVEY, count=5))

    assert [mail.step for mail in mails()] == ["thank_you", "survey_invitation"]


@pytest.mark.parametrize("seed", range(3))
def test_however_the_steps_are_changed_nobody_gets_one_twice(protocol, seed):
    random = Random(seed)
    pool = [*BUILT_INS[DEFAULT], OWN, replace(OWN, name="own_text-b", count=9)]
    other = a_protocol(steps=BUILT_INS["short"])
    other.by = protocol.by
    for _each in range(3):
        leaving()
    for hour in range(60):
        protocol.clock.move_to(datetime.fromisoformat(START) + timedelta(hours=13 * hour))
        steps = [
            replace(step, count=random.randint(1, 9), is_on=random.random() < 0.8)
            for step in random.sample(pool, random.randint(1, len(pool)))
        ]
        if not check(steps):
            save(random.choice([protocol, other]), *steps)
        departure = random.choice(db.session.scalars(select(Departure)).all())
        enrolments.put_on(departure, random.choice([protocol, other]), protocol.by)
        tick()

    query = select(OutboxMessage.departure_id, OutboxMessage.step, func.count())
    sent = query.where(OutboxMessage.state == MailState.sent)
    counts = db.session.execute(sent.group_by(OutboxMessage.departure_id, OutboxMessage.step)).all()
    assert counts
    assert [row for row in counts if row[2] > 1] == []


def test_after_a_week_of_downtime_the_stale_expire_and_the_rest_go_in_order(protocol):
    save(protocol, THANK_YOU, OWN, replace(OWN, name="own_text-b", count=4, stale_after=2), SURVEY)
    leaving()
    protocol.clock.move_to("2026-11-21T12:00:00Z")
    tick()
    states = [(mail.step, mail.state.value, mail.skip_reason) for mail in mails()]

    assert [(step, state) for step, state, _reason in states] == [
        ("thank_you", "skipped"),
        ("own_text-a", "skipped"),
        ("own_text-b", "skipped"),
        ("survey_invitation", "sent"),
    ]
    assert {reason.value for _step, _state, reason in states if reason} == {"expired"}


def test_a_departure_put_on_another_protocol_gets_what_it_has_not_had(protocol):
    other = a_protocol(name="Corto", steps=(THANK_YOU, OWN))
    departure = leaving()
    protocol.clock.move_to("2026-11-03T12:00:00Z")
    tick()
    assert enrolments.put_on(departure, other, protocol.by) is True
    assert enrolments.put_on(departure, other, protocol.by) is False
    protocol.clock.move_to("2026-11-04T12:00:00Z")
    tick()

    assert [mail.step for mail in mails()] == ["thank_you", "own_text-a"]
    query = select(Event.detail, Event.provider_id)
    told = db.session.execute(query.where(Event.kind == EventKind.protocol_changed)).all()
    assert told == [("Corto", protocol.by.id)]
    other.deleted_at = datetime.now(UTC)
    enrolments.put_on(departure, protocol, protocol.by)
    with pytest.raises(Refused):
        enrolments.put_on(departure, other, protocol.by)


def test_a_person_may_pause_and_it_says_who_did(protocol):
    departure = leaving()
    assert enrolments.pause(departure, protocol.by) is True
    assert enrolments.pause(departure, protocol.by) is False
    protocol.clock.move_to("2026-11-03T12:00:00Z")
    tick()
    assert mails() == []
    enrolments.resume(departure, protocol.by)
    tick()
    assert [mail.step for mail in mails()] == ["thank_you"]
    query = select(Event.kind, Event.provider_id).order_by(Event.id)
    query = query.where(Event.kind != EventKind.recorded)
    assert [kind.value for kind, by in db.session.execute(query) if by == protocol.by.id] == [
        "protocol_paused",
        "protocol_resumed",
    ]


def test_a_copy_has_the_steps_and_texts_and_sends_nobody_anything_again(protocol):
    added(
        MailText(protocol_id=protocol.id, place="thank_you", language="es", subject="A", body="B")
    )
    copy = editing.create("Copia", protocol, protocol.by)
    empty = editing.create("Vacío", None, protocol.by)

    assert (copy.steps, empty.steps) == (protocol.steps, ())
    assert [row.position for row in protocols.choices()] == [0, 1, 2]
    text = db.session.scalars(select(MailText).where(MailText.protocol_id == copy.id)).one()
    assert (text.place, text.subject, text.body) == ("thank_you", "A", "B")


def test_there_is_one_default_and_the_order_of_the_rules_is_the_one_chosen(protocol):
    second, third = a_protocol(position=1), a_protocol(position=2)
    editing.make_default(second)
    db.session.expire_all()
    assert [row.is_default for row in protocols.choices()] == [False, True, False]
    editing.move(third, -1)
    assert [row.id for row in protocols.choices()] == [protocol.id, third.id, second.id]
    editing.move(protocol, 9)
    assert [row.id for row in protocols.choices()] == [third.id, second.id, protocol.id]


def test_before_it_is_saved_it_is_told_whom_a_change_touches_and_how(protocol):
    waiting, ended = leaving(), leaving()
    enrolments.pause(ended, protocol.by)
    gone = leaving()
    enrolment_of(gone).state = EnrolmentState.stopped
    steps = (replace(THANK_YOU, count=3), SURVEY, replace(REMINDER_1, count=4), OWN)
    found = impact(protocol, (*steps, CLOSING))

    told = {(change.step.name, change.what, change.days): many for change, many in found.counted}
    assert found.count == found.is_in_it == 2
    assert told[("thank_you", What.later, 2)] == 2
    assert told[("own_text-a", What.new, 0)] == 2
    assert told[("survey_reminder_1", What.otherwise, 0)] == 2
    assert told[("door_open-1m", What.never, 0)] == 2
    assert not any(name in ("survey_invitation", "closing_letter") for name, *_rest in told)
    assert {line.departure.id for line in found.page.lines} == {waiting.id, ended.id}
    assert not db.session.new, "asking writes nothing"
    assert impact(protocol, protocol.steps).count == 0


def test_what_has_gone_is_not_told_to_come_again(protocol):
    leaving()
    protocol.clock.move_to("2026-11-03T12:00:00Z")
    tick()
    found = impact(protocol, (replace(THANK_YOU, count=9), *protocol.steps[1:]))

    assert found.count == 0
