"""An import keeps nobody waiting, and nobody sees a part of it, however it ends."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, timedelta

import pytest
from sqlalchemy import func, select

from service.bulkhead import bulkhead
from service.clock import now, today
from service.consent.actions import preferences
from service.database import reading as only_reading
from service.departures.actions import departures
from service.departures.actions.departures import Facts
from service.errors import Conflict
from service.extensions import db, one_connection
from service.imports import actions as imports
from service.imports import jobs, queries
from service.imports.actions import staging
from service.imports.actions import suppressions as lists
from service.imports.rules import read
from service.imports.rules import suppressions as of_suppressions
from service.mail.policy import suppressions
from service.models import (
    Client,
    Contact,
    Departure,
    Enrolment,
    Event,
    Response,
    Suppression,
    SuppressionChange,
    SuppressionReason,
)
from tests.builders import a_client, a_company, a_contact, a_departure, an_invitation
from tests.imports.lists import HEADER, WHO, table_of
from tests.live import ROOT, environment_of
from tests.processes import start
from tests.surveys.survey_links import mailed_link, send

TODAY = today("Europe/Madrid")
LEAVING = f"{HEADER};servicio;fin\n" + "".join(
    f"Cliente {n};Ana {n};a{n}@b.example;SEO;{TODAY}\n" for n in range(50)
)
KNOWN = f"{HEADER};servicio;fin;teléfono;mantener_contacto\n{WHO};SEO;{TODAY};601;sí\n"


def staged(text: str) -> imports.Staged:
    """Make a list ready."""
    return imports.stage(read(table_of(text), queries.references()))


def how_many(session, *tables) -> list[int]:
    """Count the rows of the tables, as others see them."""
    session.rollback()
    return [session.scalar(select(func.count()).select_from(table)) for table in tables]


def carried_out_while(text: str, happens) -> imports.Staged:
    """Carry a list out; between its two transactions something happens elsewhere."""

    def publish(made: imports.Staged) -> None:
        db.session.rollback()
        happens()
        imports.publish(made)

    return jobs.carry_out(lambda: staged(text), publish)


def test_a_client_answers_while_a_list_is_compared_and_nobody_sees_a_part_of_it(
    app, client, session
):
    a_company()
    link = mailed_link(an_invitation(departure=a_departure(), closes_at=now() + timedelta(days=9)))
    session.commit()
    seen = []

    def answer() -> None:
        with app.app_context():
            seen.append(send(client, link, score="9").status_code)
            seen.append(how_many(db.session, Client, Response))
            db.session.remove()

    def stage() -> imports.Staged:
        made = staged(LEAVING)
        with ThreadPoolExecutor(1) as another_thread:
            another_thread.submit(answer).result()
        return made

    jobs.carry_out(stage, imports.publish)

    assert seen == [303, [1, 1]]
    assert how_many(session, Client, Contact, Departure, Event) == [51, 51, 51, 51]
    assert how_many(session, Enrolment) == [50]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)  # the one with one writer
def test_who_waits_while_a_long_list_appears_is_not_refused(app, client, session, monkeypatch):
    a_company()
    link = mailed_link(an_invitation(departure=a_departure(), closes_at=now() + timedelta(days=9)))
    session.commit()
    monkeypatch.setattr(bulkhead, "places", 2)  # as in a web server of four threads
    monkeypatch.setattr(staging, "AT_ONCE", 25)
    answers, get_on = [], bulkhead.get_on

    def answer() -> int:
        with app.app_context():
            status = send(client, link, score="9").status_code
            db.session.remove()
            return status

    with ThreadPoolExecutor(1) as another_thread:

        def get_on_slowly() -> None:
            answers or answers.append(another_thread.submit(answer))
            time.sleep(0.3)
            get_on()

        monkeypatch.setattr(bulkhead, "get_on", get_on_slowly)
        jobs.carry_out(lambda: staged(LEAVING), imports.publish)

    assert answers[0].result() == 303


@pytest.mark.slow
def test_a_list_whose_import_is_killed_leaves_nothing_and_can_be_imported(
    session, settings, tmp_path
):
    a_company()
    session.commit()
    path = tmp_path / "list.csv"
    path.write_text(LEAVING)
    program = f"""
import sys, time
from service.app import create_app
from service.imports import actions as imports, jobs, queries
from service.imports.rules import read
from tests.imports.lists import table_of

def publish(staged):
    imports.publish(staged)
    print("there", flush=True)
    time.sleep(600)

with create_app().app_context():
    known = read(table_of(open({str(path)!r}).read()), queries.references())
    jobs.carry_out(lambda: imports.stage(known), publish)
"""
    process = start(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=environment_of(settings, 8000),
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"there\n"
    process.kill()
    process.wait(60)
    process.stdout.close()

    assert how_many(session, Client, Contact, Departure, Event, Enrolment) == [0] * 5
    session.rollback()
    assert jobs.carry_out(lambda: staged(LEAVING), imports.publish).plan.clients.created == 50
    assert how_many(session, Client, Departure, Enrolment) == [50, 50, 50]


def test_a_departure_recorded_meanwhile_is_not_recorded_twice(session):
    contact = a_contact(client=a_client(name="Café Río"), email="noa@rios.example")
    session.commit()

    def recorded() -> None:
        departures.record(contact, Facts(service="SEO", end_on=TODAY))
        session.commit()

    with pytest.raises(Conflict, match=r"Somebody|Alguien"):
        carried_out_while(KNOWN, recorded)

    assert how_many(session, Client, Departure) == [1, 1]
    session.rollback()
    assert carried_out_while(KNOWN, lambda: None).plan.departures.unchanged == 1


def test_a_client_recorded_meanwhile_stops_the_import(session):
    def recorded() -> None:
        a_client(name="Café Río")
        session.commit()

    with pytest.raises(Conflict):
        carried_out_while(KNOWN, recorded)

    assert how_many(session, Client, Departure) == [1, 0]


def test_a_contact_erased_meanwhile_stops_the_import(session):
    contact = a_contact(client=a_client(name="Café Río"), email="noa@rios.example")
    a_contact(client=contact.client, email="eva@rios.example")
    session.commit()

    def erased() -> None:
        session.delete(session.get(Contact, contact.id))
        session.commit()

    with pytest.raises(Conflict):
        carried_out_while(KNOWN, erased)

    assert how_many(session, Contact, Departure) == [1, 0]


def test_who_asks_for_no_more_mail_meanwhile_is_not_kept_in_touch(session):
    contact = a_contact(
        client=a_client(name="Café Río"), email="noa@rios.example", keep_in_touch=False
    )
    session.commit()

    def unsubscribed() -> None:
        preferences.unsubscribe(session.get(Contact, contact.id), "No more mail", "one-click")
        session.commit()

    with pytest.raises(Conflict):
        carried_out_while(KNOWN, unsubscribed)

    session.rollback()
    assert carried_out_while(KNOWN, lambda: None).plan.reading.warnings.count == 1
    assert session.get(Contact, contact.id).keep_in_touch is False


def test_an_address_that_came_on_the_list_meanwhile_stays_as_it_is(session):
    a_company()
    session.commit()
    rows = of_suppressions.read(
        table_of("email\nana@cruz.example\neva@cruz.example\n", of_suppressions.COLUMN_NAMES),
        UTC,
        now(),
    )

    def publish(made: lists.Staged) -> None:
        db.session.rollback()
        suppressions.add("ana@cruz.example", SuppressionReason.imported, detail="by hand")
        session.commit()
        lists.publish(made)

    jobs.carry_out(lambda: lists.stage(rows), publish)

    assert how_many(session, Suppression, SuppressionChange) == [2, 2]
    assert suppressions.find("ana@cruz.example").detail == "by hand"


def test_the_tables_of_an_import_end_with_it(session):
    carried_out_while(LEAVING, lambda: None)

    with one_connection(), only_reading(), pytest.raises(Exception, match="new_clients"):
        session.execute(select(func.count()).select_from(staging.NEW[Client]))
