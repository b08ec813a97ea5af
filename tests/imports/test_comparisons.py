"""Rows of one file held against each other."""

from tests.imports.lists import HEADER, reading_of, the_problem

COLUMNS = f"{HEADER};servicio;fin;grupo;motivos"


def warnings_of(reading) -> list[tuple[int, str]]:
    """Return the warnings of a list without problems."""
    assert [problem.reason for problem in reading.problems] == []
    return [(warning.line, warning.reason) for warning in reading.warnings]


def test_a_row_that_repeats_another_is_refused_and_names_it():
    problem = the_problem(reading_of(f"{COLUMNS}\nX;Ana;a@b.es;SEO;;;\n\nx ;Ana;A@b.es;seo;;;\n"))

    assert (problem.line, "repeats line 2" in problem.reason) == (4, True)


def test_the_same_contact_may_leave_two_services():
    rows = "X;Ana;a@b.es;SEO;01/02/2026;;\nX;Ana;a@b.es;Web;01/02/2026;;\n"

    assert warnings_of(reading_of(f"{COLUMNS}\n{rows}")) == []


def test_one_address_at_two_clients_is_told_and_taken():
    reading = reading_of(f"{COLUMNS}\nX;Ana;a@b.es;;;;\nY;Ana;a@b.es;;;;\n")

    ((line, reason),) = warnings_of(reading)
    assert line == 3
    assert "a contact of “X” (line 2)" in reason
    assert len(reading.rows) == 2


def test_two_contacts_of_one_departure_are_told():
    rows = "X;Ana;a@b.es;SEO;01/02/2026;;\nX;Eva;e@b.es;SEO;01/02/2026;;\n"

    ((line, reason),) = warnings_of(reading_of(f"{COLUMNS}\n{rows}"))
    assert (line, "line 2 too" in reason) == (3, True)


def test_reasons_without_a_departure_are_told():
    ((line, reason),) = warnings_of(reading_of(f"{COLUMNS}\nX;Ana;a@b.es;;;;price\n"))

    assert (line, "no departure" in reason) == (2, True)


def test_two_groups_of_one_client_are_told():
    rows = "X;Ana;a@b.es;;;Uno;\nX;Eva;e@b.es;;;Dos;\n"

    ((line, reason),) = warnings_of(reading_of(f"{COLUMNS}\n{rows}"))
    assert (line, "says “Uno”" in reason) == (3, True)


def test_a_garbled_name_is_told():
    ((_line, reason),) = warnings_of(reading_of(f"{COLUMNS}\nMuÃ±oz;Ana;a@b.es;;;;\n"))

    assert "garbled" in reason
