"""One cell at a time: what is taken, and what is said about the rest."""

from datetime import date
from decimal import Decimal

import pytest

from service.models import Reason
from tests.imports.lists import HEADER, reading_of, the_problem, the_row, with_column


@pytest.mark.parametrize(
    ("typed", "day"),
    [
        ("22/11/2026", date(2026, 11, 22)),
        ("2026-11-22", date(2026, 11, 22)),
        ("3/4/2026", date(2026, 4, 3)),
        ("03/04/2026", date(2026, 4, 3)),
        ("03-04-2026", date(2026, 4, 3)),
        ("3.4.2026", date(2026, 4, 3)),
        ("2026-11-22 00:00:00", date(2026, 11, 22)),
        ("2026-11-22T00:00", date(2026, 11, 22)),
        ("29/02/2028", date(2028, 2, 29)),
    ],
)
def test_a_date_is_read_day_first(typed, day):
    assert the_row(with_column("end_on", typed)).end_on == day


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("31/02/2026", "no such day"),
        ("2026-02-30", "no such day"),
        ("00/01/2026", "no such day"),
        ("11/22/2026", "There is no month 22"),
        ("22/11/26", "four figures"),
        ("22/11/20261", "four figures"),
        ("01/01/0026", "between 1900 and 2100"),
        ("01/01/2126", "between 1900 and 2100"),
        ("mañana", "not a date"),
        ("46082", "not a date"),
        ("٢٢/١١/٢٠٢٦", "not a date"),
        ("2026-11-22 23:59", "not a date"),
    ],
)
def test_a_date_that_could_be_another_is_refused(typed, said):
    problem = the_problem(with_column("end_on", typed))

    assert (problem.line, problem.column, problem.typed) == (2, "end_on", typed)
    assert said in problem.reason


@pytest.mark.parametrize(
    ("typed", "amount"),
    [
        ("1.250,75", "1250.75"),
        ("1250.75", "1250.75"),
        ("1250,75", "1250.75"),
        ("1,250.75", "1250.75"),
        ("1.250", "1250.00"),
        ("1 250,75 €", "1250.75"),
        ("1\u00a0250,75", "1250.75"),
        ("€90", "90.00"),
        ("90 EUR", "90.00"),
        ("90,5", "90.50"),
        ("1.250.000", "1250000.00"),
        ("0", "0.00"),
        ("9999999999.99", "9999999999.99"),
    ],
)
def test_an_amount_is_read_with_either_decimal_sign(typed, amount):
    assert the_row(with_column("cuota", typed)).monthly_value == Decimal(amount)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("mil", "not an amount"),
        ("-90", "cannot be negative"),
        ("−90,50", "cannot be negative"),
        ("1.25.000", "not an amount"),
        ("0.250", "not an amount"),
        ("12,5,5", "not an amount"),
        ("90.555,1234", "not an amount"),
        ("NaN", "not an amount"),
        ("1e5", "not an amount"),
        ("$90", "not an amount"),
        ("99999999999", "too large"),
        ("٩٠", "not an amount"),
    ],
)
def test_an_amount_that_is_none_is_refused(typed, said):
    assert said in the_problem(with_column("cuota", typed)).reason


@pytest.mark.parametrize(("typed", "percent"), [("42,5", "42.5"), ("42.50 %", "42.5"), ("0", "0")])
def test_a_margin_is_a_percentage(typed, percent):
    assert the_row(with_column("margen", typed)).margin == Decimal(percent)


@pytest.mark.parametrize("typed", ["100,01", "-1", "101", "1000", "mucho", "12.345"])
def test_a_margin_goes_from_0_to_100(typed):
    assert "percentage" in the_problem(with_column("margen", typed)).reason


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        *[(yes, True) for yes in ("sí", "SI", "yes", "x", "VERDADERO", "1")],
        *[(no, False) for no in ("no", "0", "False", "falso")],
    ],
)
def test_yes_and_no_are_understood_in_both_languages(typed, meant):
    assert the_row(with_column("mantener_contacto", typed)).keep_in_touch is meant


def test_neither_yes_nor_no_is_refused():
    assert "yes or no" in the_problem(with_column("keep_in_touch", "quizás")).reason


@pytest.mark.parametrize(("typed", "code"), [("ES", "es"), ("Inglés", "en"), ("en-GB", "en")])
def test_a_language_is_read_by_code_or_name(typed, code):
    assert the_row(with_column("idioma", typed)).language == code


def test_a_language_without_mails_is_refused():
    assert "es (Spanish) or en (English)" in the_problem(with_column("idioma", "fr")).reason


def test_reasons_are_read_by_code_or_label():
    row = the_row(with_column("motivos", "in_house| ATENCION AL CLIENTE |in_house;"[:-1]))

    assert row.reasons == {Reason.in_house, Reason.price}


def test_an_unknown_reason_is_refused_with_the_list():
    problem = the_problem(with_column("motivos", "price|mal_tiempo"))

    assert "no reason “mal_tiempo”" in problem.reason
    assert all(reason in problem.reason for reason in Reason)


def test_a_responsible_is_somebody_of_the_team():
    assert the_row(with_column("responsable", " Marta@Norte.example ")).responsible == (
        "marta@norte.example"
    )
    assert "Create their login first" in the_problem(with_column("responsable", "x@y.es")).reason


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("ñ@", "A part of the address is missing"),
        ("contacto arroba daz.example", "needs an @"),
        ("@daz.example", "A part of the address is missing"),
        ("peña@daz.example", "cannot stand before the @"),
        ("a@b.es, c@d.es", "more than one address"),
        ("a@b.es|c@d.es", "more than one address"),
        ("Ana <a@b.es>", "only the address"),
        ("a@b..es", "Mail cannot be sent"),
        ("a@@b.es", "Mail cannot be sent"),
        ("a@localhost", "Mail cannot be sent"),
        ("a@servidor", "whole domain"),
        ("a" * 250 + "@b.es", "Mail cannot be sent"),
    ],
)
def test_an_address_that_no_mail_reaches_is_refused(typed, said):
    problem = the_problem(reading_of(f'{HEADER}\nX;Ana;"{typed}"\n'))

    assert problem.column == "email"
    assert said in problem.reason


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("  ana@daz.example\t", "ana@daz.example"),
        ("ana@daz.example\u200b", "ana@daz.example"),
        ("\u00a0ana@daz.example", "ana@daz.example"),
        ("Ana.B+c@DAZ.example", "Ana.B+c@daz.example"),
        ("ana@peñalver.es", "ana@peñalver.es"),
    ],
)
def test_what_surrounds_an_address_is_trimmed(typed, address):
    assert the_row(reading_of(f'{HEADER}\nX;Ana;"{typed}"\n')).email == address


@pytest.mark.parametrize("empty", ["client", "contact", "email"])
def test_a_required_cell_cannot_be_empty(empty):
    cells = {"client": "X", "contact": "Ana", "email": "a@b.es", empty: " "}

    problem = the_problem(reading_of(f"{HEADER}\n{';'.join(cells.values())}\n"))

    assert (problem.line, problem.column) == (2, empty)


def test_everything_wrong_in_a_row_is_told_at_once():
    reading = reading_of(f"{HEADER};fin;cuota\n;Ana;arroba;31/02/2026;mil\n")

    assert sorted(p.column for p in reading.problems) == ["client", "cuota", "email", "fin"]


def test_the_end_is_not_before_the_start_nor_the_notice_after_the_end():
    reading = reading_of(
        f"{HEADER};inicio;aviso;fin\nX;Ana;a@b.es;01/02/2026;03/02/2026;02/01/2026\n"
    )

    assert [(p.column, p.typed) for p in reading.problems] == [
        ("fin", "02/01/2026"),
        ("aviso", "03/02/2026"),
    ]


def test_a_name_that_is_too_long_or_cannot_be_seen_is_refused():
    long = the_problem(reading_of(f"{HEADER}\n{'x' * 201};Ana;a@b.es\n"))
    unseen = the_problem(reading_of(f"{HEADER}\n\u200b\u200b;Ana;a@b.es\n"))

    assert "at most 200" in long.reason
    assert "Nothing in this name" in unseen.reason


@pytest.mark.parametrize(
    "name", ["🦊 & Söhne", "شركة", "\u202eabc", "=1+1", "O'Brien <b>", "n" * 200]
)
def test_odd_names_come_through(name):
    assert the_row(reading_of(f'{HEADER}\n"{name}";Ana;a@b.es\n')).client == name


def test_a_name_never_brings_a_line_break_along():
    row = the_row(
        reading_of(
            f'{HEADER}\n"Café\r\nBcc: x@y.es\x07\u2028Río";A\x00na;a@b.es\n'.replace("\0", "")
        )
    )

    assert row.client == "Café Bcc: x@y.es Río"
