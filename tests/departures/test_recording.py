"""Recording, changing and moving departures: defaults, refusals, two people at once."""

from datetime import date, timedelta
from decimal import Decimal
from threading import Barrier, Thread

import pytest
from sqlalchemy import func, select

from service.clients.actions import clients
from service.clock import today
from service.departures.actions import departures
from service.departures.actions.departures import Facts
from service.errors import Conflict, Refused
from service.extensions import db
from service.models import (
    Client,
    Departure,
    Enrolment,
    Event,
    EventKind,
    OutboxMessage,
    Reason,
    Stage,
)
from service.protocols.actions import enrolments, progress
from tests import builders

TODAY = today("Europe/Madrid")


def recorded(**facts) -> Departure:
    """A departure of a new client."""
    return departures.record(builders.a_contact(), Facts(service="SEO", **facts))


@pytest.mark.parametrize(
    ("end_on", "notice_on"),
    [
        (None, TODAY),
        (TODAY + timedelta(30), TODAY),
        (TODAY - timedelta(3), TODAY - timedelta(3)),
    ],
)
def test_a_notice_that_is_not_told_is_today_or_the_end(session, end_on, notice_on):
    assert recorded(end_on=end_on).notice_on == notice_on


def test_an_end_before_the_notice_is_refused(session):
    with pytest.raises(Refused):
        recorded(notice_on=TODAY, end_on=TODAY - timedelta(1))


@pytest.mark.parametrize(("days", "is_history"), [(30, False), (31, True), (4000, True)])
def test_what_ended_more_than_thirty_days_ago_is_history(session, days, is_history):
    departure = recorded(end_on=TODAY - timedelta(days))

    assert departure.is_history is is_history
    assert (departure.stage is Stage.closed) is is_history
    assert db.session.scalar(select(func.count()).select_from(Enrolment)) == (not is_history)


def test_who_records_may_say_that_it_is_no_history(session):
    facts = Facts(end_on=TODAY - timedelta(400))
    departure = departures.record(builders.a_contact(), facts, is_history=False)
    assert not departure.is_history


def test_only_what_differs_counts_as_a_change(session):
    marta = builders.a_member()
    departure = recorded(monthly_value=Decimal("100.00"), reasons=frozenset({Reason.price}))
    same = {"monthly_value": Decimal("100"), "reasons": {Reason.price}, "service": "SEO"}

    assert not departures.change(departure, same, by=marta)
    assert departures.change(departure, {**same, "notes": "hola"}, by=marta)
    event = db.session.scalars(select(Event).where(Event.kind == EventKind.changed)).one()
    assert (event.detail, event.provider_id) == ("notes", marta.id)


def test_a_change_to_what_is_no_longer_so_is_refused_whole(session):
    marta = builders.a_member()
    departure = recorded()
    was = departures.seen(departure)
    departures.change(departure, {"notes": "first"}, by=marta, was=was)
    with pytest.raises(Conflict):
        departures.change(departure, {"notes": "second"}, by=marta, was=was)
    assert departure.notes == "first"


def test_an_end_moved_before_the_notice_is_refused(session):
    departure = recorded(notice_on=TODAY)
    with pytest.raises(Refused):
        departures.change(departure, {"end_on": TODAY - timedelta(1)}, by=builders.a_member())


def test_an_end_moved_far_into_the_past_mails_nobody(session):
    marta = builders.a_member()
    departure = recorded(notice_on=date(2020, 1, 1))
    departures.change(departure, {"end_on": date(2020, 2, 1)}, by=marta)

    assert departure.is_history
    assert progress.advance_one(departure) == []


def test_closing_is_dated_and_moving_back_undoes_it(session):
    marta = builders.a_member()
    departure = recorded()
    departures.move(departure, Stage.closed, was=Stage.notice, by=marta)
    assert departure.closed_at is not None
    departures.move(departure, Stage.handover, was=Stage.closed, by=marta)
    assert departure.closed_at is None


def test_a_departure_of_another_service_or_day_is_no_twin(session):
    departure = recorded(end_on=TODAY, notice_on=TODAY)
    client = departure.client

    assert departures.twin(client, Facts(service=" seo ", end_on=TODAY)) is departure
    assert departures.twin(client, Facts(service="Web", end_on=TODAY)) is None
    other_day = Facts(service="SEO", notice_on=date(2020, 1, 1), end_on=date(2020, 2, 1))
    assert departures.twin(client, other_day) is None
    departures.move(departure, Stage.returned, was=Stage.notice, by=builders.a_member())
    assert departures.twin(client, Facts(service="SEO", end_on=TODAY)) is None


def at_once(app, count: int, act) -> list[Exception]:
    """Run `act` in so many threads that start together; return what they raised."""
    start, raised = Barrier(count), []

    def run() -> None:
        with app.app_context():
            start.wait(20)
            try:
                act()
                db.session.commit()
            except Refused as refusal:
                db.session.rollback()
                raised.append(refusal)

    threads = [Thread(target=run) for _number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return raised


def test_people_who_record_the_same_at_once_record_it_once(app, session):
    builders.a_company()
    db.session.commit()
    facts = Facts(service="SEO", end_on=TODAY)

    def record() -> None:
        client = clients.find_or_add("Bodegas Ruy")
        if departures.twin(client, facts) is None:
            contact = clients.contact_at(
                client, name="Ana", email="ana@ruy.example", language="es", source="test"
            )
            departures.record(contact, facts)

    at_once(app, 6, record)

    assert db.session.scalar(select(func.count()).select_from(Client)) == 1
    assert db.session.scalar(select(func.count()).select_from(Departure)) == 1


def test_people_who_send_the_same_mail_at_once_send_it_once(app, session):
    marta = builders.a_member()
    departure = recorded(end_on=TODAY)
    found, by = departure.id, marta.id
    db.session.commit()

    def send() -> None:
        there = db.session.get_one(Departure, found)
        enrolments.send_now(there, "thank_you", db.session.get_one(type(marta), by))

    refusals = at_once(app, 6, send)

    assert len(refusals) == 5
    assert db.session.scalar(select(func.count()).select_from(OutboxMessage)) == 1


def test_people_who_move_it_at_once_move_it_once(app, session):
    marta = builders.a_member()
    departure = recorded(end_on=TODAY)
    found, by = departure.id, marta.id
    db.session.commit()

    def move() -> None:
        there = db.session.get_one(Departure, found)
        person = db.session.get_one(type(marta), by)
        departures.move(there, Stage.conversation, was=Stage.notice, by=person)

    assert len(at_once(app, 6, move)) == 5
    moved = select(func.count()).where(Event.kind == EventKind.stage_changed)
    assert db.session.scalar(moved) == 1
