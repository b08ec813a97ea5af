"""The export has every column, in files that cannot run anything and lose nothing silently."""

import csv
import io
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from flask_babel import force_locale
from openpyxl import load_workbook

from service.departures.queries.filters import DepartureFilters
from service.exports import delimited, excel
from service.exports.tables import Table
from service.imports.rules.columns import Column as ImportColumn
from service.models import (
    Answer,
    MailKind,
    Question,
    QuestionKind,
    Reason,
    Return,
    ReturnReason,
    Stage,
    Testimonial,
    TestimonialState,
)
from service.results.queries import export
from tests.builders import a_departure, a_member, a_response, added, an_invitation

MADRID = ZoneInfo("Europe/Madrid")


def rows_of(language="en", filters=None):
    with force_locale(language):
        table = export.matrix(filters or DepartureFilters(), MADRID, language)
        return [dict(zip(table.head, row, strict=True)) for row in table.rows]


def saved(write, table):
    file = io.BytesIO()
    write(table, file)
    file.seek(0)
    return file


def test_a_row_holds_context_reasons_of_both_sides_scores_and_worth(session):
    departure = a_departure(
        end_on=date(2026, 3, 10),
        reasons={Reason.price},
        responsible=a_member(email="marta@norte.example"),
        monthly_value=Decimal("240.00"),
    )
    a_response(
        invitation=an_invitation(departure=departure),
        score=9,
        reasons={Reason.in_house, Reason.needs_changed},
        to_improve="Nada",
    )
    row = rows_of()[0]
    assert row["Client"] == departure.client.name
    assert row["Responsible"] == "marta@norte.example"
    assert (row["End on"], row["Monthly value"]) == (date(2026, 3, 10), Decimal("240.00"))
    assert row["Reasons"] == "Price"
    assert row["Reasons the client gave"] == "Needs changed | Taken in-house"
    assert (row["Score"], row["To improve"]) == (9, "Nada")


def test_a_departure_without_an_answer_has_its_row_too(session):
    a_departure()
    row = rows_of()[0]
    assert row["Score"] is None
    assert row["Wants to keep in touch"] is None


def test_a_partial_response_is_not_exported(session):
    a_response(score=3, submitted_at=None, reasons={Reason.price}, comment="aún no")
    row = rows_of()[0]
    assert (row["Score"], row["Reasons the client gave"], row["Comment"]) == (None, "", None)


def test_custom_questions_are_the_last_columns_with_their_options_as_text(session):
    question = added(
        Question(
            kind=QuestionKind.many,
            text={"es": "¿Qué usabas?", "en": "What did you use?"},
            options={"es": ["Blog", "Tienda"], "en": ["Blog", "Shop"]},
        )
    )
    response = a_response()
    added(Answer(response_id=response.id, question_id=question.id, value=[0, 1]))
    row = rows_of("es")[0]
    assert list(row)[-1] == "¿Qué usabas?"
    assert row["¿Qué usabas?"] == "Blog | Tienda"


def test_a_withdrawn_testimonial_leaves_the_export(session):
    testimonial = added(Testimonial(departure=a_departure(), quote="Un lujo", language="es"))
    assert rows_of()[0]["Quote"] == "Un lujo"
    testimonial.state = TestimonialState.withdrawn
    session.flush()
    assert rows_of()[0]["Quote"] is None


def test_what_led_to_a_return_is_in_the_row(session):
    came_back = Return(
        departure=a_departure(stage=Stage.returned),
        returned_on=date(2026, 11, 20),
        service="Web",
        reason=ReturnReason.our_contact,
        mail_kind=MailKind.survey_invitation,
        was=Stage.closed,
        note="=1+1",
    )
    added(came_back)
    row = rows_of()[0]
    assert (row["Came back on"], row["Came back for"]) == (date(2026, 11, 20), "Web")
    assert row["What brought them back"] == "We had kept in touch"
    assert (row["Mail that led to it"], row["Note on the return"]) == ("Survey", "=1+1")


def test_chunks_lose_no_row_and_repeat_none(session, monkeypatch):
    monkeypatch.setattr(export, "CHUNK", 2)
    names = [a_departure().client.name for _ in range(5)]
    assert [row["Client"] for row in rows_of()] == names


def test_only_departures_of_the_period_are_exported(session):
    a_departure(end_on=date(2026, 3, 31))
    a_departure(end_on=date(2026, 4, 1))
    assert len(rows_of(filters=DepartureFilters(until=date(2026, 3, 31)))) == 1


@pytest.mark.parametrize("language", ["en", "es"])
def test_an_import_knows_the_columns_that_it_shares_with_the_export(session, language):
    a_departure()
    from service.imports.rules.columns import NAMES
    from service.spreadsheets.tables import normalized

    known = {NAMES[normalized(name)] for name in rows_of(language)[0] if normalized(name) in NAMES}
    assert known == set(ImportColumn)


@pytest.mark.parametrize(
    "text", ["=1+1", "+34 600", "-2", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1"]
)
def test_no_csv_cell_is_a_formula(text):
    file = saved(delimited.write, Table(["Client"], 1, iter([[text]])))
    rows = list(csv.reader(io.TextIOWrapper(file, "utf-8-sig", newline="")))
    assert rows[1] == ["'" + text]


def test_csv_keeps_accents_lines_and_numbers_as_they_are():
    cells = ["Peña, S.L.", 'dijo "sí"\ny se fue', Decimal("-5.00"), date(2026, 3, 1), None]
    file = saved(delimited.write, Table(list("abcde"), 1, iter([cells])))
    assert file.read(3) == b"\xef\xbb\xbf"
    rows = list(csv.reader(io.TextIOWrapper(file, "utf-8", newline="")))
    assert rows[1] == ["Peña, S.L.", 'dijo "sí"\ny se fue', "-5.00", "2026-03-01", ""]


def sheet_of(app, cells):
    with app.test_request_context():
        file = saved(excel.write, Table([f"c{n}" for n in range(len(cells))], 1, iter([cells])))
    return load_workbook(file).active


def test_excel_shows_what_was_typed_and_computes_nothing(app):
    sheet = sheet_of(app, ["=1+1", "https://example.com", "0034"])
    assert [cell.value for cell in sheet[2]] == ["=1+1", "https://example.com", "0034"]
    assert [cell.data_type for cell in sheet[2]] == ["s", "s", "s"]
    assert sheet.cell(2, 2).hyperlink is None


def test_excel_gets_dates_and_numbers(app):
    moment = datetime(2026, 3, 10, 9, 30, tzinfo=MADRID)
    sheet = sheet_of(app, [date(2026, 3, 10), moment, 9, Decimal("240.50"), None])
    day, at, *numbers = [cell.value for cell in sheet[2]][:4]
    assert (day.isoformat(), at.isoformat()) == ("2026-03-10T00:00:00", "2026-03-10T09:30:00")
    assert numbers == [9, 240.5]


@pytest.mark.parametrize("letter", ["a", "ñ", "😀"])
def test_a_text_too_long_for_excel_is_cut_with_a_mark(app, letter):
    value = sheet_of(app, [letter * 40_000]).cell(2, 1).value
    assert value.startswith(letter * 100)
    assert value.endswith("]")
    assert len(value.encode("utf-16-le")) // 2 <= excel.LONGEST
