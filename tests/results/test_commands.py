"""`results export` writes the whole matrix or nothing."""

import csv
import io

import pytest
from openpyxl import load_workbook

from tests.builders import a_company, a_departure


@pytest.fixture
def export(app, session):
    a_company(language="es")
    runner = app.test_cli_runner()

    def run(*arguments):
        session.commit()
        return runner.invoke(args=["results", "export", *arguments])

    return run


def test_csv_goes_to_standard_output(export):
    departure = a_departure()
    result = export("--format", "csv")
    assert result.exit_code == 0
    text = result.stdout_bytes.decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["Cliente"] for row in rows] == [departure.client.name]


def test_a_workbook_goes_to_a_file(export, tmp_path):
    a_departure()
    a_departure()
    result = export("--format", "xlsx", "--out", str(tmp_path / "bajas.xlsx"))
    assert (result.exit_code, result.output) == (0, "")
    assert load_workbook(tmp_path / "bajas.xlsx").active.max_row == 3


def test_the_export_can_be_narrowed(export):
    a_departure(service="SEO")
    a_departure(service="Diseño web")
    result = export("--format", "csv", "--service", "Diseño web")
    assert result.stdout_bytes.count(b"\r\n") == 2


def test_a_place_that_cannot_be_written_is_said_in_one_line(export, tmp_path):
    result = export("--format", "csv", "--out", str(tmp_path / "nowhere" / "bajas.csv"))
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "arguments", [(), ("--format", "pdf"), ("--format", "csv", "--since", "x")]
)
def test_bad_usage_ends_with_2(export, arguments):
    assert export(*arguments).exit_code == 2


def test_help_shows_an_example(export):
    assert "Example: flask --app wsgi results export" in export("--help").output
