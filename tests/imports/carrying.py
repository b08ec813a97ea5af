"""Carry lists out in a test, and look at what came of it."""

from datetime import timedelta

from sqlalchemy import select

from service.clock import today
from service.extensions import db
from service.imports import actions as imports
from service.imports import queries
from service.imports.rules import read
from service.models import Client, Contact, Departure, Enrolment, Event
from tests.imports.lists import HEADER, table_of

COLUMNS = f"{HEADER};servicio;fin"
TODAY = today("Europe/Madrid")


def a_day(ago: int) -> str:
    """Return the day that many days ago, as a list writes it."""
    return (TODAY - timedelta(days=ago)).isoformat()


def imported(text: str | bytes, **options):
    """Import a list and return what it came to."""
    return carried_out(read(table_of(text), queries.references()), **options)


def carried_out(reading, **options):
    """Import what was read, in one transaction that is left open, and return what it came to."""
    staged = imports.stage(reading, **options)
    imports.publish(staged)
    db.session.expire_all()
    return staged.plan


def planned(text: str | bytes, **options):
    """Return what a list would come to."""
    return imports.plan(read(table_of(text), queries.references()), **options)


def everything(session) -> list[list[tuple]]:
    """Return every row that an import may touch."""
    session.flush()
    tables = [Client.__table__, Contact.__table__, Departure.__table__, Enrolment.__table__]
    return [
        [tuple(row) for row in session.execute(select(table).order_by(*table.primary_key))]
        for table in (*tables, Event.__table__)
    ]


def the(session, table):
    """Return the only row of a table."""
    return session.scalars(select(table)).one()
