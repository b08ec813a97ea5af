"""The results page says what can be read, and every figure leads to its rows."""

import csv
import io
from datetime import date, timedelta

import pytest
import time_machine
from openpyxl import load_workbook

from service.clock import now
from service.models import Reason, Recovery, Role
from tests.builders import (
    a_client,
    a_company,
    a_contact,
    a_departure,
    a_member,
    a_response,
    added,
    an_invitation,
    logged_in,
)

NOVEMBER = date(2026, 11, 10)


@pytest.fixture(autouse=True)
def _in_november():
    with time_machine.travel("2026-11-22T12:00:00Z", tick=True):
        yield


@pytest.fixture
def member(client, session):
    a_company(language="en")
    return logged_in(client, a_member(role=Role.viewer, language="en"))


@pytest.fixture
def exporter(client, session):
    a_company(language="en")
    return logged_in(client, a_member(role=Role.member, language="en"))


def answered(end_on=NOVEMBER, *, name=None, service="SEO", guessed=(), **answer):
    contact = a_contact(client=a_client(**({"name": name} if name else {})))
    departure = a_departure(end_on=end_on, service=service, reasons=set(guessed), contact=contact)
    return a_response(invitation=an_invitation(departure=departure), **answer)


def test_nine_answers_are_too_few_to_read(member, session):
    for _ in range(9):
        answered(score=10)
    session.commit()
    page = member.get("/results").text
    assert "too few to read" in page
    assert "n = 9" in page
    assert "+100" not in page


def test_ten_answers_give_a_score_with_n_and_interval(member, session):
    for score in (10, 10, 10, 10, 9, 9, 8, 7, 3, 2):
        answered(score=score, satisfaction=4)
    session.commit()
    page = member.get("/results").text
    assert "+40" in page
    assert "n = 10 · 95% sure: −13 to +74" in page


def test_figures_link_to_the_departures_they_count(member, session):
    answered(score=2)
    session.commit()
    page = member.get("/results?service=SEO").text
    assert "/departures?since=2025-12-01&amp;service=SEO&amp;score=detractor" in page
    assert "/departures?since=2025-12-01&amp;service=SEO&amp;answered=yes" in page


def test_the_plain_address_shows_twelve_months(member, session):
    answered(date(2025, 11, 30), name="Hace un año y más")
    answered(date(2025, 12, 1), name="Este año")
    session.commit()
    page = member.get("/results").text
    assert "Este año" in page
    assert "Hace un año y más" not in page
    assert "Hace un año y más" in member.get("/results?period=all").text


def test_service_and_dates_narrow_everything_on_the_page(member, session):
    answered(name="Bodegas", service="SEO", valued_most="El trato")
    answered(name="Óptica", service="Diseño web", to_improve="Los plazos")
    session.commit()
    page = member.get("/results?service=SEO").text
    assert "El trato" in page
    assert "Los plazos" not in page
    assert "Diseño web" in page, "the other service can still be chosen"
    assert "El trato" not in member.get("/results?until=2026-10-01").text


@pytest.mark.parametrize(
    "query",
    [
        "since=31/02/2026",
        "until=x",
        "since=2026-03-01&until=2026-01-01",
        "service=%00%F0%9F%98%80",
        "period=x",
        "since=",
    ],
)
def test_odd_filters_are_answered_with_a_page(member, query):
    assert member.get(f"/results?{query}").status_code == 200
    assert member.get(f"/results/churn?{query}").status_code == 200


def test_reasons_of_the_team_and_of_clients_are_in_one_table(member, session):
    answered(guessed={Reason.price}, reasons={Reason.customer_service})
    session.commit()
    page = member.get("/results").text
    assert page.index("Customer service") < page.index("Price")


def test_what_clients_wrote_is_shown_as_text(member, session):
    answered(name="<b>Bodegas</b>", comment="<script>alert(1)</script>", valued_most="<img src=x>")
    session.commit()
    page = member.get("/results").text
    assert "<script>alert" not in page
    assert "<img src=x>" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_a_page_without_departures_says_what_will_be_here(member):
    page = member.get("/results").text
    assert "No departures in this period" in page


def test_what_needs_a_person_today_is_said_first(member, session):
    assert "waits for you today" not in member.get("/results").text
    added(Recovery(departure=answered(score=2).departure, opened_at=now() - timedelta(days=5)))
    session.commit()
    page = member.get("/results").text
    assert "1 thing waits for you today" in page
    assert "1 of them late" in page


def test_it_takes_a_fixed_number_of_statements(member, session, statements):
    for _ in range(3):
        answered(score=9, valued_most="x", to_improve="y", reasons={Reason.price})
    session.commit()
    few = statements(lambda: member.get("/results"))
    for _ in range(20):
        answered(score=9, valued_most="x", to_improve="y", reasons={Reason.price})
    session.commit()
    assert statements(lambda: member.get("/results")) == few <= 21


@pytest.fixture
def statements(app):
    from sqlalchemy import event

    from service.extensions import db

    def count(act):
        seen = []

        def note(_connection, _cursor, statement, *_more):
            seen.append(statement)

        event.listen(db.engine, "before_cursor_execute", note)
        act()
        event.remove(db.engine, "before_cursor_execute", note)
        return len([text for text in seen if text.lstrip().upper().startswith("SELECT")])

    return count


def test_the_matrix_can_be_downloaded_as_csv(exporter, session):
    answered(name="Peña, S.L.", comment="=1+1")
    session.commit()
    with exporter.post("/results/matrix.csv") as answer:
        assert answer.headers["Content-Disposition"].endswith("departures-2026-11-22.csv")
        rows = list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"))))
    assert (rows[0]["Client"], rows[0]["Comment"]) == ("Peña, S.L.", "'=1+1")


def test_the_matrix_can_be_downloaded_for_excel(exporter, session):
    answered(name="Peña, S.L.")
    answered(date(2024, 1, 1))
    session.commit()
    with exporter.post("/results/matrix.xlsx") as answer:
        sheet = load_workbook(io.BytesIO(answer.data)).active
    assert sheet.max_row == 2, "the export has the filters of the page"
    assert sheet.cell(2, 1).value == "Peña, S.L."


def test_no_other_file_is_offered(exporter):
    assert exporter.post("/results/matrix.pdf").status_code == 404


def test_a_viewer_gets_no_export_and_is_offered_none(member, session):
    answered()
    session.commit()
    assert "matrix." not in member.get("/results").text
    assert member.post("/results/matrix.csv").status_code == 403


def test_an_export_is_no_page_to_be_opened(exporter):
    assert 'action="/results/matrix.csv?' in exporter.get("/results").text
    assert exporter.get("/results/matrix.csv").status_code == 405


def test_churn_is_shown_by_month(member, session):
    for _ in range(11):
        a_client()
    answered(date(2026, 10, 3))
    answered(date(2026, 9, 3))
    session.commit()
    page = member.get("/results/churn").text
    assert "October 2026" in page
    assert "8.33%" in page
