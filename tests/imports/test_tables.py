"""What is a table, where its columns are, and what is said when they are not."""

import io
import zipfile

import pytest

from service.imports.rules import reading as reading_module
from tests.imports.lists import (
    HEADER,
    WHO,
    reading_of,
    the_problem,
    the_row,
)

COLUMNS = HEADER.split(";")
CELLS = WHO.split(";")


def reasons(reading) -> str:
    """Return all that is wrong, as one text."""
    return "\n".join(problem.reason for problem in reading.problems)


@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
def test_each_delimiter_is_recognised_by_the_header(delimiter):
    text = f"{HEADER};cuota\n{WHO};{'90.50'}\n".replace(";", delimiter)

    assert str(the_row(reading_of(text)).monthly_value) == "90.50"


def test_decimal_commas_do_not_make_a_semicolon_list_a_comma_list():
    rows = "".join(f"Cliente {n};Ana;a{n}@b.es;1,50;2,50;3,50\n" for n in range(9))

    assert len(reading_of(f"{HEADER};cuota;coste captación;margen\n{rows}").rows) == 9


def test_the_hint_that_excel_writes_on_top_is_heeded():
    row = the_row(reading_of(f"sep=;\r\n{HEADER}\r\n{WHO}\r\n"))

    assert row.line == 3


def test_headers_may_come_in_any_order_case_and_accents():
    row = the_row(
        reading_of("TELEFONO,e-mail, CLIENTE ,Coste Captación,Contacto\n1,a@b.es,X,2,Ana\n")
    )

    assert (row.phone, row.client, row.acquisition_cost) == ("1", "X", 2)


def test_lines_without_anything_are_passed_over():
    row = the_row(reading_of(f"\n\n{HEADER}\n;;\n   ;;\n{WHO}\n\n;;\n"))

    assert row.line == 6


def test_a_title_may_stand_above_the_header():
    row = the_row(reading_of(f"Clientes 2026;;\n{HEADER}\n{WHO}\n"))

    assert row.line == 3


def test_a_missing_column_is_named():
    problem = the_problem(reading_of("client;contact\nX;Ana\n"))

    assert "“email” is missing" in problem.reason


def test_an_unknown_column_is_told_what_it_resembles():
    problem = the_problem(reading_of(f"{HEADER};responsible person\n{WHO};x\n"))

    assert problem.column == "responsible person"
    assert "Did you mean “responsible / responsable”?" in problem.reason


def test_an_unknown_column_like_no_other_is_told_all_names():
    problem = the_problem(reading_of(f"{HEADER};NIF\n{WHO};x\n"))

    assert problem.line == 1
    assert "keep_in_touch / mantener_contacto" in problem.reason


def test_a_column_that_comes_twice_is_refused_in_both_languages():
    problem = the_problem(reading_of(f"{HEADER};cliente\n{WHO};Y\n"))

    assert "“client” and “cliente” are the same column" in problem.reason


def test_a_list_without_header_is_told_the_names_it_needs():
    problem = the_problem(reading_of(f"{WHO}\n"))

    assert problem.line == 1
    assert "begins with “Café Río”" in problem.reason
    assert "“client / cliente”" in problem.reason


def test_a_cell_beyond_the_header_is_refused():
    problem = the_problem(reading_of(f"{HEADER};cuota\n{WHO};90;50\n"))

    assert (problem.line, problem.typed) == (2, "50")
    assert "column without a name" in problem.reason


def test_a_header_alone_is_an_empty_list():
    assert "no client below" in the_problem(reading_of(HEADER)).reason


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf", b"\n\n  \r\n", b"\xff\xfe"])
def test_an_empty_file_is_said_to_be_empty(data):
    assert "empty" in reasons(reading_of(data)) or "header" in reasons(reading_of(data))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"%PDF-1.7 ...", "PDF"),
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "old Excel file"),
        (b"<!DOCTYPE html><table><tr><td>client</td></tr></table>", "web page"),
        (b"\xef\xbb\xbf\n<html xmlns:x='excel'>", "web page"),
        (b"PK\x03\x04 and then nothing", "damaged"),
        (b"Rar!\x1a\x07", "RAR"),
    ],
)
def test_a_file_that_is_no_table_is_called_by_its_name(data, said):
    assert said in the_problem(reading_of(data)).reason


@pytest.mark.parametrize(
    ("name", "said"),
    [("word/document.xml", "zip"), ("content.xml", ".ods"), ("xl/workbook.bin", ".xlsb")],
)
def test_a_zip_that_is_no_workbook_is_refused(name, said):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, "x")

    assert said in the_problem(reading_of(file.getvalue())).reason


def test_a_quotation_mark_without_end_is_named_by_its_line():
    problem = the_problem(reading_of(f'{HEADER}\n{WHO}\nX;"Ana;a@b.es\nY;Eva;e@b.es\n'))

    assert (problem.line, "has no end" in problem.reason) == (3, True)


def test_text_after_a_closing_quotation_mark_is_named_by_its_line():
    problem = the_problem(reading_of(f'{HEADER}\n"Bar" Pepe;Ana;a@b.es\n'))

    assert (problem.line, "after the closing one" in problem.reason) == (2, True)


def test_more_rows_than_a_file_may_have_are_refused(monkeypatch):
    monkeypatch.setattr(reading_module, "MOST_ROWS", 3)
    rows = "".join(f"Cliente {n};Ana;a{n}@b.es\n" for n in range(4))

    assert the_problem(reading_of(f"{HEADER}\n{rows}")).line == 5


def test_two_hundred_problems_are_kept_and_the_rest_counted():
    rows = "".join(f"Cliente {n};Ana;arroba\n" for n in range(250))

    problems = reading_of(f"{HEADER}\n{rows}").problems

    assert (problems.count, len(list(problems)), problems.more) == (250, 200, 50)


def test_a_text_that_looks_like_a_formula_stays_text():
    assert the_row(reading_of(f"{HEADER}\n=1+1;Ana;a@b.es\n")).client == "=1+1"
