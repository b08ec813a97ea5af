"""Lists as spreadsheets in Spain and elsewhere write them."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from service.models import Reason
from tests.imports.lists import DATA, reading_of

LISTS = ["clientes-excel-es.csv", "clientes-en.csv", "clientes.xlsx"]


@pytest.mark.parametrize("name", LISTS)
def test_a_real_list_is_read_whole(name):
    reading = reading_of((DATA / name).read_bytes())

    assert [(problem.line, problem.reason) for problem in reading.problems] == []
    assert len(reading.rows) == 30
    carballo = next(row for row in reading.rows if row.client == "Quesería O Carballo")
    assert carballo.end_on == date(2026, 6, 28)
    assert carballo.monthly_value == Decimal("250.50")
    assert carballo.reasons == {Reason.cheaper_competitor, Reason.budget_cut}


def test_the_three_spellings_of_one_list_say_the_same():
    spanish, english, workbook = (
        [replace(row, line=0) for row in reading_of((DATA / name).read_bytes()).rows]
        for name in LISTS
    )

    assert spanish == english == workbook


def test_a_row_is_named_by_the_line_where_it_starts():
    rows = reading_of((DATA / "clientes-excel-es.csv").read_bytes()).rows

    lines = {row.client: row.line for row in rows}
    assert lines["Festival Jazz & Co"] == 8  # its notes go on in line 9
    assert lines["Quesería O Carballo"] == 10


def test_quotes_and_line_breaks_inside_texts_are_kept():
    rows = reading_of((DATA / "clientes-excel-es.csv").read_bytes()).rows

    found = {row.client: row.notes for row in rows}
    assert found["Festival Jazz & Co"] == "Proyecto pausado\nhablar en otoño"
    assert found["Bodegas Ruy Díaz"] == 'Pagos siempre al día; "ejemplar".'
    assert "Kiosko 7; Prensa" in found


def test_a_bad_list_is_refused_line_by_line():
    reading = reading_of((DATA / "clientes-con-errores.csv").read_bytes())

    assert reading.rows == []
    assert [(p.line, p.column, p.typed) for p in reading.problems] == [
        (2, "Email", "contacto705 arroba daz.example"),
        (3, "Fin", "31/02/2026"),
        (4, "Cliente", ""),
        (5, "Motivos", "precio|mal_tiempo"),
        (6, "Cuota", "mil"),
        (6, "Fin", "01/01/2020"),
        (6, "Aviso", "01/06/2020"),
    ]
