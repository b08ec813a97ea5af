"""Imports beside other things that happen at the same time, and what the clock makes of them."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import time_machine
from sqlalchemy import func, select

from service.clock import now, today
from service.errors import Conflict
from service.extensions import db
from service.imports import actions as imports
from service.imports import jobs, queries
from service.imports.rules import read
from service.models import Client, Departure, Enrolment, MailKind, OutboxMessage
from tests.builders import a_company
from tests.imports.carrying import carried_out
from tests.imports.lists import DATA, HEADER, WHO, table_of
from tests.rounds import a_round

TODAY = today("Europe/Madrid")


def test_two_people_who_import_the_same_list_at_once_import_it_once(app, session):
    a_company()
    session.commit()
    data = (DATA / "clientes-en.csv").read_bytes()
    together = Barrier(2, timeout=60)

    def carry_out(_person: int) -> int | None:
        with app.app_context():
            reading = read(table_of(data), queries.references())
            db.session.rollback()
            together.wait()
            try:
                return jobs.carry_out(
                    lambda: imports.stage(reading), imports.publish
                ).plan.departures.created
            except Conflict:
                return None

    with ThreadPoolExecutor(2) as people:
        created = set(people.map(carry_out, range(2)))

    assert 10 in created
    assert created <= {10, 0, None}  # the other finds it done, or is told that it changed
    assert session.scalar(select(func.count(Client.id))) == 30
    assert session.scalar(select(func.count(Departure.id))) == 10


def test_the_clock_writes_the_mails_of_those_whose_protocol_starts_only(session):
    a_company()
    rows = f"A;Ana;a@b.example;SEO;{TODAY - timedelta(days=1)}\n" + (
        f"B;Eva;e@b.example;SEO;{TODAY - timedelta(days=60)}\n"
    )
    carried_out(read(table_of(f"{HEADER};servicio;fin\n{rows}{WHO};;\n"), queries.references()))
    session.commit()

    with time_machine.travel(now() + timedelta(hours=1, minutes=1)):  # till then all can be undone
        a_round()

    found = session.scalars(select(OutboxMessage)).all()
    assert {mail.contact.email for mail in found} == {"a@b.example"}
    assert {MailKind.thank_you, MailKind.survey_invitation} >= {mail.kind for mail in found}
    assert session.scalar(select(func.count(Enrolment.id))) == 1
