"""A long list takes no more questions to the database than a short one."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import event

from service.clock import today
from service.extensions import db
from service.imports import queries
from service.imports.rules import read
from service.spreadsheets.tables import Table
from tests.imports.carrying import carried_out
from tests.imports.lists import HEADER, table_of

TODAY = today("Europe/Madrid")


def a_list(length: int, end_on: str, phone: str = "600") -> Table:
    """Return a list of clients who all leave."""
    rows = "".join(
        f"Cliente {n};Ana {n};a{n}@b.example;SEO;{end_on};{phone};90;price\n" for n in range(length)
    )
    return table_of(f"{HEADER};servicio;fin;teléfono;cuota;motivos\n{rows}")


@contextmanager
def statements() -> Iterator[list[str]]:
    """Gather what is asked of the database meanwhile."""
    asked: list[str] = []

    def note(_connection, _cursor, statement, _parameters, _context, _many) -> None:
        asked.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(db.engine, "before_cursor_execute", note)


@pytest.mark.parametrize("round_", ["new", "same", "changed"])
def test_no_query_is_asked_once_a_row(session, round_):
    def count(length: int) -> int:
        if round_ != "new":
            carried_out(read(a_list(length, str(TODAY)), queries.references()))
        end_on = str(TODAY + timedelta(days=9)) if round_ == "changed" else str(TODAY)
        phone = "601" if round_ == "changed" else "600"
        reading = read(a_list(length, end_on, phone), queries.references())
        session.expunge_all()
        with statements() as asked:
            carried_out(reading)
        session.rollback()
        return len(asked)

    assert count(200) <= count(10)
