"""`flask clients import`: what it prints, where, and how it ends."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from service.clock import today
from service.models import Client, Departure, Enrolment
from tests.builders import a_company
from tests.imports.lists import DATA, HEADER, WHO

GOOD = str(DATA / "clientes-excel-es.csv")
BAD = str(DATA / "clientes-con-errores.csv")
TODAY = today("Europe/Madrid")


@pytest.fixture
def run(app, session):
    """Run the command in an English company."""
    a_company(language="en")
    session.commit()
    return lambda *words: app.test_cli_runner().invoke(args=["clients", "import", *words])


def how_many(session, table) -> int:
    """Count the rows of a table."""
    session.rollback()
    return session.scalar(select(func.count()).select_from(table))


def test_a_list_is_imported_and_counted(run, session):
    result = run(GOOD)

    assert (result.exit_code, result.stderr) == (0, "")
    assert "Clients: 30 created, 0 updated, 0 unchanged" in result.stdout
    assert "Departures: 10 created" in result.stdout
    assert how_many(session, Client) == 30


def test_the_same_list_again_changes_nothing(run, session):
    run(GOOD)

    result = run(str(DATA / "clientes.xlsx"))

    assert result.exit_code == 0
    assert "Clients: 0 created, 0 updated, 30 unchanged" in result.stdout
    assert how_many(session, Departure) == 10


def test_a_rehearsal_lists_who_would_get_mail_and_changes_nothing(run, session, tmp_path):
    path = tmp_path / "list.csv"
    path.write_text(f"{HEADER};service;end_on\n{WHO};SEO;{TODAY - timedelta(days=40)}\n")

    result = run(str(path), "--dry-run", "--start-protocol-since", str(TODAY - timedelta(50)))

    assert result.exit_code == 0
    assert "1 departure starts its protocol" in result.stdout
    assert "Café Río  SEO  Noa Ríos <noa@rios.example>" in result.stdout
    assert "Nothing was changed" in result.stdout
    assert how_many(session, Client) == 0


def test_a_bad_list_is_refused_line_by_line_on_stderr(run, session):
    result = run(BAD)

    assert (result.exit_code, result.stdout) == (1, "")
    lines = result.stderr.splitlines()
    assert lines[0].startswith("clientes-con-errores.csv:2: Email: “contacto705 arroba")
    assert [line.split(":")[1] for line in lines[:-1]] == list("2345666")
    assert lines[-1].startswith("Error: Nothing was imported")
    assert how_many(session, Client) == 0


def test_a_large_file_is_refused_kindly_without_being_read(run, tmp_path):
    path = tmp_path / "huge.csv"
    with path.open("wb") as file:
        file.truncate(50 * 1024 * 1024)

    result = run(str(path))

    assert (result.exit_code, result.stdout) == (1, "")
    assert "This file has 50 MB, and a client list may have 20" in result.stderr
    assert "in parts" in result.stderr


def test_a_rehearsal_of_a_bad_list_fails_too(run):
    assert run(BAD, "--dry-run").exit_code == 1


def test_the_reasons_are_given_in_the_company_s_language(app, session):
    a_company(language="es")
    session.commit()

    result = app.test_cli_runner().invoke(args=["clients", "import", BAD])

    assert "Ese día no existe en el calendario." in result.stderr


def test_the_protocol_starts_since_the_day_that_is_named(run, session, tmp_path):
    path = tmp_path / "list.csv"
    path.write_text(f"{HEADER};service;end_on\n{WHO};SEO;{TODAY - timedelta(days=40)}\n")

    run(str(path))
    assert how_many(session, Enrolment) == 0

    run(str(path), "--start-protocol-since", str(TODAY - timedelta(days=40)))
    assert how_many(session, Enrolment) == 1


@pytest.mark.parametrize(
    "words", [["missing.csv"], [], [GOOD, "--start-protocol-since", "soon"], [GOOD, "--what"]]
)
def test_bad_usage_ends_with_2_and_says_so_on_stderr(run, words):
    result = run(*words)

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.strip()


def test_help_shows_an_example(run):
    assert "flask --app wsgi clients import clientes.csv" in run("--help").stdout
