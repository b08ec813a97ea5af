"""Lists of departures: what the address asks for, in any order, in a fixed number of queries."""

from datetime import date, timedelta

import pytest
from sqlalchemy import event

from service.clients import queries as clients
from service.clock import now
from service.departures.queries import departures
from service.departures.queries.departures import Query
from service.extensions import db
from service.models import Reason, Recovery, Stage
from service.paging import PER_PAGE
from tests import builders


def names(**asked) -> list[str]:
    """The clients of the first page."""
    return [line.departure.client.name for line in departures.page(Query(**asked)).lines]


@pytest.fixture
def three(session):
    """Three departures that differ in everything."""
    ana = builders.a_contact(
        client=builders.a_client(name="Árbol 100%"), name="Ana", email="Ana@arbol.example"
    )
    first = builders.a_departure(
        contact=ana,
        service="SEO",
        notice_on=date(2026, 1, 10),
        end_on=date(2026, 2, 1),
        reasons={Reason.price},
    )
    second = builders.a_departure(
        contact=builders.a_contact(client=builders.a_client(name="Bosque_1")),
        service="Web",
        notice_on=date(2026, 3, 10),
        end_on=None,
        stage=Stage.handover,
    )
    third = builders.a_departure(
        contact=builders.a_contact(client=builders.a_client(name="Cala")),
        service="Web",
        notice_on=date(2026, 2, 10),
        end_on=date(2026, 4, 1),
        stage=Stage.returned,
        is_history=True,
    )
    builders.a_response(
        invitation=builders.an_invitation(departure=first), score=9, reasons={Reason.in_house}
    )
    builders.an_invitation(departure=second)
    builders.a_response(
        invitation=builders.an_invitation(departure=third), score=4, submitted_at=None
    )
    builders.added(Recovery(departure=third))
    return first, second, third


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, ["Bosque_1", "Cala", "Árbol 100%"]),
        ({"q": "ÁRBOL"}, ["Árbol 100%"]),
        ({"q": "ana@"}, ["Árbol 100%"]),
        ({"q": "0%"}, ["Árbol 100%"]),
        ({"q": "_1"}, ["Bosque_1"]),
        ({"q": "%"}, ["Árbol 100%"]),
        ({"q": "web"}, ["Bosque_1", "Cala"]),
        ({"q": "nobody"}, []),
        ({"state": "open"}, ["Bosque_1", "Árbol 100%"]),
        ({"state": "over"}, ["Cala"]),
        ({"state": "handover"}, ["Bosque_1"]),
        ({"state": "history"}, ["Cala"]),
        ({"state": "recovery"}, ["Cala"]),
        ({"state": "'; DROP TABLE"}, ["Bosque_1", "Cala", "Árbol 100%"]),
        ({"service": "SEO"}, ["Árbol 100%"]),
        ({"since": date(2026, 2, 2)}, ["Cala"]),
        ({"until": date(2026, 2, 1)}, ["Árbol 100%"]),
        ({"answered": "yes"}, ["Árbol 100%"]),
        ({"answered": "no"}, ["Bosque_1", "Cala"]),
        ({"score": "promoter"}, ["Árbol 100%"]),
        ({"score": "9"}, ["Árbol 100%"]),
        ({"score": "detractor"}, []),  # a partial answer does not count
        ({"score": "99"}, []),
        ({"score": "NaN"}, ["Bosque_1", "Cala", "Árbol 100%"]),
        ({"reason": "price"}, ["Árbol 100%"]),
        ({"reason": "in_house"}, ["Árbol 100%"]),
        ({"reason": "other"}, []),
        ({"sort": "client"}, ["Bosque_1", "Cala", "Árbol 100%"]),
        ({"sort": "notice_on"}, ["Árbol 100%", "Cala", "Bosque_1"]),
        ({"sort": "end_on"}, ["Árbol 100%", "Cala", "Bosque_1"]),
        ({"sort": "-end_on"}, ["Cala", "Árbol 100%", "Bosque_1"]),
        ({"sort": "-score"}, ["Árbol 100%", "Cala", "Bosque_1"]),
        ({"sort": "password"}, ["Bosque_1", "Cala", "Árbol 100%"]),
    ],
)
def test_the_list_holds_what_is_asked_for(three, asked, expected):
    assert names(**asked) == expected


def test_pages_follow_one_another_and_past_the_last_comes_the_last(session):
    contact = builders.a_contact()
    for number in range(PER_PAGE + 3):
        builders.a_departure(contact=contact, notice_on=date(2026, 1, 1) + timedelta(number))

    first, second = departures.page(Query()), departures.page(Query(page=2))
    assert (len(first.lines), len(second.lines)) == (PER_PAGE, 3)
    assert (second.count, second.pages) == (PER_PAGE + 3, 2)
    assert departures.page(Query(page=99)).page == 2
    assert departures.page(Query(page=-5)).page == 1
    seen = {line.departure.id for line in (*first.lines, *second.lines)}
    assert len(seen) == PER_PAGE + 3


def test_a_page_costs_the_same_queries_however_long_it_is(session):
    responsible = builders.a_member()

    def cost() -> int:
        db.session.flush()
        db.session.expunge_all()
        statements: list[str] = []

        def note(_conn, _cursor, statement, *_rest):
            statements.append(statement)

        event.listen(db.engine, "before_cursor_execute", note)
        try:
            for line in departures.page(Query()).lines:
                assert line.departure.client.name
                assert line.departure.contact.email
                assert line.departure.responsible.name
        finally:
            event.remove(db.engine, "before_cursor_execute", note)
        return len(statements)

    builders.a_departure(responsible_id=responsible.id)
    few = cost()
    for _number in range(20):
        builders.a_departure(responsible_id=responsible.id)
    assert cost() == few


def test_services_to_choose_from_are_those_that_ended(three):
    assert list(clients.services()) == ["SEO", "Web"]


def test_the_moment_of_the_answer_stands_beside_the_score(three):
    line = departures.page(Query(q="árbol")).lines[0]
    assert line.score == 9
    assert line.answered_at is not None
    assert line.answered_at <= now()
