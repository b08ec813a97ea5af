"""What was done can be undone within its hour, as a whole; nothing of it leaves before."""

from datetime import date, timedelta
from threading import Barrier, Thread

import pytest
import time_machine
from sqlalchemy import func, select

from service import scheduler
from service.clients.actions import clients
from service.departures.actions import acts, departures, returns
from service.departures.actions.acts import Choice
from service.departures.actions.departures import Facts
from service.errors import Conflict, Refused
from service.extensions import db
from service.models import (
    Act,
    Client,
    Contact,
    Departure,
    Enrolment,
    EnrolmentState,
    Event,
    EventKind,
    MailState,
    OutboxMessage,
    Return,
    ReturnReason,
    Stage,
)
from service.protocols.actions import enrolments, held
from tests import builders
from tests.rounds import a_round

ENDED = date(2026, 11, 1)  # so that the thank-you and the survey are owed already
FACTS = Facts(service="SEO", notice_on=date(2026, 10, 1), end_on=ENDED)


@pytest.fixture
def clock(session):
    """A Monday at noon in the company's zone."""
    builders.a_company(language="en")
    with time_machine.travel("2026-11-02T11:00:00Z", tick=False) as clock:
        yield clock


@pytest.fixture
def marta(clock):
    return builders.a_member(name="Marta Ruiz")


@pytest.fixture
def departure(marta):
    """A departure that was recorded just now, of a client that was new with it."""
    client = clients.find_or_add("Bodegas Ruy Díaz")
    contact = clients.contact_at(
        client, name="Ruy Díaz", email="ruy@daz.example", language="es", source="page"
    )
    db.session.flush()
    made = {"client": client.id, "contact": contact.id}
    departure = acts.record(contact, FACTS, by=marta, made=made)
    db.session.commit()
    return departure


def the_act() -> Act:
    return db.session.scalars(select(Act).order_by(Act.id.desc())).first()


def mails() -> dict[str, OutboxMessage]:
    query = select(OutboxMessage).order_by(OutboxMessage.id)
    rows = db.session.scalars(query.execution_options(populate_existing=True))
    return {row.step: row for row in rows if row.step}


def count(model) -> int:
    return db.session.scalar(select(func.count()).select_from(model))


def enrolment() -> Enrolment:
    query = select(Enrolment).execution_options(populate_existing=True)
    return db.session.scalars(query).one()


def undone(act: Act, by) -> None:
    acts.undo(act, by)
    db.session.commit()


def test_nothing_leaves_within_the_hour_and_then_it_goes(departure, clock):
    clock.shift(timedelta(minutes=59))
    a_round()
    enrolments.recount(departure)
    a_round()
    assert mails() == {}

    clock.shift(timedelta(minutes=2))
    a_round()
    assert mails()["thank_you"].state is MailState.queued


def test_with_now_only_the_first_mail_goes_at_once_whatever_the_hour(marta, clock):
    clock.move_to("2026-11-01T01:41:00Z")
    acts.record(builders.a_contact(), FACTS, by=marta, choice=Choice(is_now=True))

    assert set(mails()) == {"thank_you"}
    assert mails()["thank_you"].due_at.isoformat() == "2026-11-01T01:41:00+00:00"
    assert mails()["thank_you"].context["by_hand"] is True


def test_what_was_held_on_the_panel_is_held_and_now_sends_the_next_one(marta):
    choice = Choice(frozenset({"thank_you"}), is_now=True)
    acts.record(builders.a_contact(), FACTS, by=marta, choice=choice)

    states = {name: mail.state for name, mail in mails().items()}
    assert states == {"thank_you": MailState.held, "survey_invitation": MailState.queued}


def test_a_recorded_departure_is_undone_with_all_that_was_new_with_it(departure, marta, clock):
    held.hold(departure, {"survey_invitation"}, marta)
    clock.shift(timedelta(minutes=59, seconds=59))
    undone(the_act(), marta)

    for model in (Departure, Enrolment, OutboxMessage, Contact, Client):
        assert count(model) == 0, model
    assert the_act().undone_by_id == marta.id


def test_a_client_that_was_there_before_stays(marta):
    contact = builders.a_contact()
    acts.record(contact, FACTS, by=marta)
    undone(the_act(), marta)
    assert (count(Departure), count(Contact), count(Client)) == (0, 1, 1)


def test_a_new_client_that_something_else_hangs_on_stays(departure, marta):
    builders.a_departure(contact=departure.contact)
    undone(the_act(), marta)
    assert (count(Departure), count(Contact), count(Client)) == (1, 1, 1)


def test_after_the_hour_it_cannot_be_undone_and_says_what_to_do(departure, marta, clock):
    clock.shift(timedelta(minutes=60))
    with pytest.raises(Refused, match="pause or stop"):
        acts.undo(the_act(), marta)


def test_once_a_mail_has_left_it_cannot_be_undone(departure, marta, clock):
    mail = enrolments.send_now(departure, "thank_you", marta)
    mail.state, mail.ended_at = MailState.sent, mail.due_at
    db.session.commit()
    with pytest.raises(Refused, match="already gone"):
        acts.undo(the_act(), marta)
    db.session.rollback()
    assert the_act().undone_at is None
    assert count(Departure) == 1


def test_pressed_by_two_it_is_undone_once_and_the_second_reads_by_whom(departure, marta):
    act = the_act()
    undone(act, marta)
    with pytest.raises(Conflict, match="Marta Ruiz undid it already"):
        acts.undo(act, builders.a_member(name="Jon"))


def test_of_two_at_the_same_moment_one_undoes_it(app, departure, marta):
    act_id, marta_id = the_act().id, marta.id
    db.session.commit()
    together, said = Barrier(2), []

    def press() -> None:
        with app.app_context():
            act, me = db.session.get_one(Act, act_id), db.session.get_one(type(marta), marta_id)
            db.session.rollback()
            together.wait()
            try:
                undone(act, me)
                said.append("undone")
            except Conflict:
                db.session.rollback()
                said.append("told")

    people = [Thread(target=press) for _ in range(2)]
    for person in people:
        person.start()
    for person in people:
        person.join()
    assert sorted(said) == ["told", "undone"]
    assert count(Departure) == 0


def test_what_was_done_later_is_undone_first(departure, marta):
    first = the_act()
    acts.move(departure, Stage.closed, was=Stage.notice, by=marta)
    db.session.commit()
    with pytest.raises(Refused, match="Undo that first"):
        acts.undo(first, marta)
    db.session.rollback()

    undone(the_act(), marta)
    undone(first, marta)
    assert count(Departure) == 0


def old_departure(marta) -> Departure:
    """A departure recorded long before what is done to it now, and its mails of then sent."""
    with time_machine.travel("2026-10-30T11:00:00Z", tick=False):
        facts = Facts(service="SEO", end_on=date(2026, 12, 1))
        departure = departures.record(builders.a_contact(), facts, by=marta)
        db.session.commit()
    return departure


def test_a_closing_is_undone_with_its_day_and_the_letter_never_goes(marta, clock):
    departure = old_departure(marta)
    acts.move(departure, Stage.closed, was=Stage.notice, by=marta)
    db.session.commit()
    a_round()
    assert "closing_letter" not in mails()
    undone(the_act(), marta)
    assert (departure.stage, departure.closed_at) == (Stage.notice, None)

    clock.shift(timedelta(days=5))
    a_round()
    assert "closing_letter" not in mails()
    kinds = select(Event.kind).where(Event.departure_id == departure.id).order_by(Event.id)
    assert db.session.scalars(kinds).all()[-1] is EventKind.undone


def test_a_return_that_was_taken_back_is_a_return_again(marta):
    departure = old_departure(marta)
    facts = returns.Facts(date(2026, 11, 1), ReturnReason.own_need, note="volvieron")
    returns.record(departure, facts, was=Stage.notice, by=marta, sends_thanks=False)
    db.session.commit()
    acts.move(departure, Stage.handover, was=Stage.returned, by=marta)
    db.session.commit()
    assert count(Return) == 0

    undone(the_act(), marta)
    assert departure.stage is Stage.returned
    assert departure.handover_on is None
    assert db.session.scalars(select(Return)).one().note == "volvieron"
    assert enrolment().state is EnrolmentState.stopped


def test_a_change_of_protocol_is_undone(marta):
    departure, other = old_departure(marta), builders.a_protocol()
    acts.put_on(departure, other, marta)
    db.session.commit()
    undone(the_act(), marta)
    assert enrolment().protocol_id is None


@pytest.mark.parametrize("before", [EnrolmentState.paused, EnrolmentState.stopped])
def test_mails_that_went_on_stand_still_again(marta, clock, before):
    departure = old_departure(marta)
    act = enrolments.pause if before is EnrolmentState.paused else enrolments.stop
    act(departure, marta)
    acts.resume(departure, marta)
    db.session.commit()
    assert enrolment().state is EnrolmentState.active
    undone(the_act(), marta)

    assert (enrolment().state, enrolment().next_at) == (before, None)
    clock.shift(timedelta(days=5))
    a_round()
    assert mails() == {}


def test_history_whose_mails_were_started_is_history_again(marta):
    contact = builders.a_contact()
    facts = Facts(service="SEO", notice_on=date(2026, 1, 1), end_on=date(2026, 2, 1))
    departure = departures.record(contact, facts, by=marta)
    acts.resume(departure, marta)
    db.session.commit()
    assert not departure.is_history
    undone(the_act(), marta)
    assert departure.is_history
    assert count(Enrolment) == 0


def test_mails_that_wait_already_do_not_leave_within_the_hour_either(marta, clock):
    departure = old_departure(marta)
    a_round()
    assert mails()["thank_you"].state is MailState.queued
    acts.move(departure, Stage.conversation, was=Stage.notice, by=marta)
    assert mails()["thank_you"].due_at.isoformat() == "2026-11-02T12:00:00+00:00"


def test_acts_are_forgotten_by_the_clock_a_day_after_their_hour(departure, clock):
    clock.shift(timedelta(hours=24, minutes=59))
    scheduler.tick()
    assert count(Act) == 1
    clock.shift(timedelta(minutes=2))
    scheduler.tick()
    assert count(Act) == 0
