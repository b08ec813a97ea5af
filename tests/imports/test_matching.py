"""Departures of a list are told from those already recorded: nobody is said goodbye to twice."""

from datetime import UTC, datetime, time, timedelta

import time_machine
from sqlalchemy import select

from service.departures.actions import departures
from service.models import (
    Departure,
    Enrolment,
    Event,
    EventKind,
    MailKind,
    OutboxMessage,
    Reason,
    Stage,
)
from tests.builders import a_client, a_company, a_contact, a_departure, a_member
from tests.imports.carrying import COLUMNS, TODAY, a_day, imported, the
from tests.imports.lists import HEADER, WHO
from tests.rounds import a_round


def test_a_new_end_date_moves_the_departure_and_asks_its_protocol_again(session):
    imported(f"{HEADER};servicio;aviso\n{WHO};SEO;{a_day(9)}\n")
    enrolment = the(session, Enrolment)
    enrolment.next_at = None
    session.flush()

    done = imported(f"{HEADER};servicio;aviso;fin\n{WHO};SEO;{a_day(9)};{a_day(1)}\n")

    assert (done.departures.created, done.departures.updated) == (0, 1)
    assert the(session, Departure).end_on == TODAY - timedelta(days=1)
    assert the(session, Enrolment).next_at is not None
    kinds = session.scalars(select(Event.kind).order_by(Event.id)).all()
    assert kinds == [EventKind.recorded, EventKind.changed]


def test_a_mail_that_waits_and_has_become_early_is_written_anew_on_its_new_day(session):
    a_company()
    text = f"{HEADER};servicio;aviso;fin;motivos\n{WHO};SEO;{a_day(9)};"
    imported(f"{text}{a_day(2)};price\n")
    session.commit()

    def written() -> set[MailKind]:
        return set(session.scalars(select(OutboxMessage.kind)))

    noon = datetime.combine(TODAY, time(11), UTC)
    with time_machine.travel(noon, tick=False) as clock:
        for _day in range(14):  # a mail a working day
            clock.shift(timedelta(days=1))
            a_round()
            if MailKind.survey_invitation in written():
                break
        before = written()
        assert MailKind.survey_invitation in before

        imported(f"{text}{a_day(-40)};other|in_house\n")
        session.commit()
        assert MailKind.survey_invitation not in written()
        assert the(session, Departure).reasons == {Reason.other, Reason.in_house}
        clock.shift(timedelta(hours=2))
        a_round()
        assert written() <= before - {MailKind.survey_invitation}


def test_a_moved_end_of_a_departure_under_way_is_no_second_departure(session):
    imported(f"{COLUMNS}\nA;Ana;a@b.es;SEO;{a_day(-10)}\n")

    done = imported(f"{COLUMNS}\nA;Ana;a@b.es;SEO;{a_day(-40)}\n")

    assert (done.departures.created, done.departures.updated) == (0, 1)


def test_a_client_who_leaves_again_has_a_second_departure(session):
    imported(f"{COLUMNS}\nA;Ana;a@b.es;SEO;{a_day(400)}\n")

    done = imported(f"{COLUMNS}\nA;Ana;a@b.es;SEO;{a_day(1)}\n")

    assert done.departures.created == 1


def test_a_departure_that_was_kept_back_is_not_recorded_anew(session):
    text = f"{COLUMNS}\nA;Ana;a@b.es;SEO;{a_day(1)}\n"
    imported(text)
    departures.move(the(session, Departure), Stage.retained, was=Stage.notice, by=a_member())

    assert imported(text).changes_nothing


def test_a_departure_recorded_by_hand_is_recognised(session):
    contact = a_contact(client=a_client(name="A"), email="a@b.es", name="Ana")
    a_departure(contact=contact, service="SEO", end_on=TODAY)

    done = imported(f"{COLUMNS}\nA;Ana;a@b.es;seo;{a_day(0)}\n")

    assert (done.departures.created, done.starts) == (0, [])


def test_a_departure_with_another_contact_is_not_recorded_twice(session):
    contact = a_contact(client=a_client(name="A"), email="a@b.es")
    a_departure(contact=contact, service="SEO", end_on=TODAY)

    done = imported(f"{COLUMNS}\nA;Eva;e@b.es;SEO;{a_day(0)}\n")

    assert (done.departures.created, done.contacts.created) == (0, 1)
    assert [warning.typed for warning in done.reading.warnings] == ["e@b.es"]


def test_two_contacts_of_a_list_each_get_a_departure(session):
    text = f"{COLUMNS}\nA;Ana;a@b.es;SEO;{a_day(0)}\nA;Eva;e@b.es;SEO;{a_day(0)}\n"

    assert imported(text).departures.created == 2
    assert imported(text).changes_nothing


def test_two_services_of_one_client_are_two_departures(session):
    text = f"{COLUMNS}\nA;Ana;a@b.es;SEO;{a_day(0)}\nA;Ana;a@b.es;Web;{a_day(0)}\n"

    assert imported(text).departures.created == 2
    assert imported(text).changes_nothing
