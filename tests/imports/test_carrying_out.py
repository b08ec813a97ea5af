"""A list becomes clients, contacts and departures: whole or not at all, and twice is once."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import func, select

from service.consent.actions import preferences
from service.departures.actions import departures
from service.errors import Refused
from service.models import (
    Client,
    Contact,
    Departure,
    Enrolment,
    Event,
    OutboxMessage,
    Reason,
    Stage,
)
from tests.builders import a_client, a_company, a_contact, a_member
from tests.imports.carrying import COLUMNS, TODAY, a_day, everything, imported, planned, the
from tests.imports.lists import DATA, HEADER, WHO


def test_a_real_list_comes_in_whole(session):
    done = imported((DATA / "clientes-excel-es.csv").read_bytes())

    assert (done.clients.created, done.contacts.created, done.departures.created) == (30, 30, 10)
    munoz = session.scalars(select(Client).where(Client.name == "Muñoz Abogados, S.L.P.")).one()
    assert (munoz.group, munoz.service, munoz.monthly_value, munoz.margin) == (
        "Grupo Ría",
        "SEO",
        Decimal("1250.75"),
        Decimal(60),
    )
    (contact,) = munoz.contacts
    assert (contact.name, contact.keep_in_touch, contact.language) == ("Raquel Muñoz", False, "es")
    departure = session.scalars(select(Departure).where(Departure.client == munoz)).one()
    assert departure.end_on == date(2026, 10, 14)
    assert departure.reasons == {Reason.deliverable_quality, Reason.ended_by_us}
    assert (departure.service, departure.source, departure.contact) == ("SEO", "import", contact)


@pytest.mark.parametrize("again", ["clientes-excel-es.csv", "clientes-en.csv", "clientes.xlsx"])
def test_the_same_list_twice_changes_nothing(session, again):
    imported((DATA / "clientes-excel-es.csv").read_bytes())
    before = everything(session)
    session.expire_all()

    done = imported((DATA / again).read_bytes())

    assert done.changes_nothing
    assert (done.clients.unchanged, done.departures.unchanged, done.starts) == (30, 10, [])
    assert everything(session) == before


def test_a_list_with_one_bad_row_changes_nothing(session):
    with pytest.raises(Refused):
        imported(f"{HEADER}\n{WHO}\nX;Ana;arroba\n")

    assert session.scalar(select(func.count(Client.id))) == 0


def test_a_plan_says_what_comes_and_writes_nothing(session):
    found = planned((DATA / "clientes-en.csv").read_bytes())

    assert (found.clients.created, found.departures.created) == (30, 10)
    assert session.scalar(select(func.count(Client.id))) == 0


def test_what_ended_more_than_thirty_days_ago_is_history(session):
    done = imported(f"{COLUMNS}\nA;Ana;a@b.es;SEO;{a_day(30)}\nB;Eva;e@b.es;SEO;{a_day(31)}\n")

    assert (done.history, [start.client for start in done.starts]) == (1, ["A"])
    enrolled = session.scalars(select(Enrolment)).one()
    assert enrolled.departure.client.name == "A"
    rows = session.execute(select(Departure.is_history, Departure.stage).order_by(Departure.id))
    assert rows.all() == [(False, Stage.notice), (True, Stage.closed)]


def test_the_protocol_can_be_started_since_an_earlier_day(session):
    done = imported(
        f"{COLUMNS}\nA;Ana;a@b.es;SEO;{a_day(90)}\nB;Eva;e@b.es;SEO;{a_day(91)}\n",
        protocol_since=TODAY - timedelta(days=90),
    )

    assert [start.client for start in done.starts] == ["A"]


def test_the_protocol_can_be_started_for_fewer(session):
    done = imported(f"{COLUMNS}\nA;Ana;a@b.es;SEO;{a_day(3)}\n", protocol_since=TODAY)

    assert (done.starts, done.history) == ([], 1)


def test_history_can_be_started_by_importing_it_again_since_a_day(session):
    text = f"{COLUMNS}\nA;Ana;a@b.es;SEO;{a_day(90)}\n"
    imported(text)

    done = imported(text, protocol_since=TODAY - timedelta(days=100))

    assert len(done.starts) == 1
    assert the(session, Departure).is_history is False
    assert the(session, Enrolment).departure_id == the(session, Departure).id
    assert imported(text, protocol_since=TODAY - timedelta(days=100)).changes_nothing


def test_a_departure_of_a_list_is_recorded_as_one_by_hand(session):
    member = a_member()
    facts = departures.Facts(service="SEO", end_on=TODAY, reasons=frozenset({Reason.price}))
    by_hand = departures.record(a_contact(), facts, by=member)
    imported(f"{COLUMNS};motivos\nA;Ana;a@b.es;SEO;{a_day(0)};price\n", by=member)
    from_list = session.scalars(select(Departure).where(Departure.id != by_hand.id)).one()

    differing = {"id", "public_id", "client_id", "contact_id", "recorded_at", "source"}
    for column in {column.name for column in Departure.__table__.columns} - differing:
        assert getattr(by_hand, column) == getattr(from_list, column), column
    assert by_hand.reasons == from_list.reasons
    one, other = (
        session.scalars(select(Event).where(Event.departure_id == row.id)).one()
        for row in (by_hand, from_list)
    )
    assert (one.kind, one.provider_id) == (other.kind, other.provider_id)
    begun = session.scalars(select(Enrolment)).all()
    assert {row.departure_id for row in begun} == {by_hand.id, from_list.id}
    assert begun[0].state == begun[1].state
    assert begun[1].next_at is not None


def test_an_import_itself_writes_no_mail(session):
    imported(f"{COLUMNS}\nA;Ana;a@b.es;SEO;{a_day(1)}\n")

    assert session.scalar(select(func.count(OutboxMessage.id))) == 0


def test_a_client_without_end_has_no_departure(session):
    imported(f"{HEADER}\n{WHO}\n")

    assert session.scalar(select(func.count(Departure.id))) == 0
    assert the(session, Contact).keep_in_touch is True


def test_a_departure_in_the_future_is_recorded(session):
    done = imported(f"{COLUMNS}\nA;Ana;a@b.es;SEO;{a_day(-60)}\n")

    assert len(done.starts) == 1
    assert the(session, Departure).notice_on == TODAY


def test_a_notice_without_end_is_a_departure(session):
    imported(f"{HEADER};aviso\n{WHO};{a_day(2)}\n")

    departure = the(session, Departure)
    assert (departure.end_on, departure.notice_on) == (None, TODAY - timedelta(days=2))


def test_clients_are_matched_whatever_the_case_and_space_but_not_the_accents(session):
    a_client(name="CAFÉ  RÍO")

    done = imported(f"{HEADER}\ncafé río;Noa;n@b.es\ncafe rio;Noa;n@b.es\n")

    assert (done.clients.created, done.clients.updated) == (1, 1)


def test_what_the_file_says_wins_and_what_it_leaves_empty_stays(session):
    client = a_client(name="Café Río", service="SEO", group="Ría", notes="habla catalán")
    contact = a_contact(client=client, email="noa@rios.example", phone="600", name="Noa")

    done = imported(f"{HEADER};servicio;grupo;notas;teléfono;cuota\n{WHO};Web;;;601;90\n")

    assert (done.clients.updated, done.contacts.updated) == (1, 1)
    assert (client.service, client.group, client.notes) == ("Web", "Ría", "habla catalán")
    assert (client.monthly_value, contact.phone, contact.name) == (90, "601", "Noa Ríos")


def test_a_new_contact_of_a_known_client_is_added(session):
    contact = a_contact(client=a_client(name="Café Río"), email="otra@rios.example")

    done = imported(f"{HEADER}\n{WHO}\n")

    assert (done.clients.created, done.contacts.created) == (0, 1)
    session.expire_all()
    assert [row.email for row in contact.client.contacts] == [
        "otra@rios.example",
        "noa@rios.example",
    ]


def test_one_address_at_two_clients_is_two_contacts(session):
    done = imported(f"{HEADER}\nX;Ana;a@b.es\nY;Ana;a@b.es\n")

    assert (done.clients.created, done.contacts.created) == (2, 2)


def test_the_source_of_an_address_is_kept(session):
    imported(f"{HEADER}\n{WHO}\n", source="import: clientes.csv")

    assert the(session, Contact).source == "import: clientes.csv"


def test_a_contact_without_language_speaks_the_company_s(session):
    a_company(language="en")

    imported(f"{HEADER}\n{WHO}\n")

    assert the(session, Contact).language == "en"


def test_a_responsible_is_set_by_address(session):
    member = a_member(email="marta@norte.example")

    imported(f"{HEADER};responsable;fin\n{WHO};Marta@norte.example;{a_day(1)}\n")

    assert the(session, Client).responsible_id == member.id
    assert the(session, Departure).responsible is member


def test_reasons_are_understood_by_their_spanish_and_english_labels(session):
    imported(f"{HEADER};motivos;fin\n{WHO};precio|Values or fit;{a_day(1)}\n")

    assert the(session, Departure).reasons == {Reason.price, Reason.values_fit}


def test_keep_in_touch_is_not_turned_on_again_for_who_unsubscribed(session):
    contact = a_contact(client=a_client(name="Café Río"), email="noa@rios.example")
    contact.keep_in_touch = False
    preferences.unsubscribe(contact, "No more mail", "one-click")

    done = imported(f"{HEADER};mantener_contacto\n{WHO};sí\n")

    assert contact.keep_in_touch is False
    assert [warning.line for warning in done.reading.warnings] == [2]
    assert contact.newsletter is False


def test_keep_in_touch_is_turned_on_when_only_the_provider_had_turned_it_off(session):
    contact = a_contact(
        client=a_client(name="Café Río"), email="noa@rios.example", keep_in_touch=False
    )

    imported(f"{HEADER};mantener_contacto\n{WHO};sí\n")

    assert contact.keep_in_touch is True


def test_a_real_client_is_not_put_behind_the_name_of_a_sample_one(session):
    a_client(name="Café Río", is_sample=True)

    found = planned(f"{HEADER}\n{WHO}\n")

    assert [(problem.line, problem.typed) for problem in found.reading.problems] == [
        (2, "Café Río")
    ]


def test_what_a_client_has_now_comes_from_the_row_without_departure(session):
    imported(f"{COLUMNS}\nA;Ana;a@b.es;SEO;{a_day(0)}\nA;Ana;a@b.es;Web;\n")

    assert the(session, Client).service == "Web"
    assert the(session, Departure).service == "SEO"
