"""`flask suppressions import` and `export`: what they print, where, and how they end."""

import pytest
from sqlalchemy import func, select

from service.mail.policy import suppressions
from service.models import Suppression, SuppressionReason
from tests.builders import a_company


@pytest.fixture
def run(app, session):
    """Run the commands in an English company."""
    a_company(language="en")
    session.commit()
    return lambda *words: app.test_cli_runner().invoke(args=["suppressions", *words])


@pytest.fixture
def path(tmp_path):
    found = tmp_path / "bajas.csv"
    found.write_text("email;motivo\nana@cruz.example;queja\neva@cruz.example;\n")
    return found


def how_many(session) -> int:
    session.rollback()
    return session.scalar(select(func.count(Suppression.id)))


def test_a_list_is_imported_and_counted(run, session, path):
    path.write_text("email;reason\nana@cruz.example;complaint\neva@cruz.example;\n")
    result = run("import", str(path))

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "Marked as spam: 1",
        "From an imported list: 1",
        "2 new, 0 on the list already; 0 contacts of yours among them",
    ]
    assert how_many(session) == 2
    assert "0 new, 2 on the list already" in run("import", str(path)).stdout


def test_a_rehearsal_changes_nothing(run, session, path):
    path.write_text("email\nana@cruz.example\n")
    result = run("import", str(path), "--dry-run")

    assert (result.exit_code, "Nothing was changed" in result.stdout) == (0, True)
    assert how_many(session) == 0


@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_a_bad_list_is_refused_line_by_line_on_stderr(run, session, path, more):
    result = run("import", str(path), *more)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("bajas.csv:2: motivo: “queja”: ")
    assert result.stderr.splitlines()[-1].startswith("Error: Nothing was imported")
    assert how_many(session) == 0


def test_the_list_is_written_to_standard_output_or_to_a_file(run, session, tmp_path):
    suppressions.add("ana@cruz.example", SuppressionReason.complaint)
    session.commit()
    shown, kept = run("export"), run("export", "--out", str(tmp_path / "no.csv"))

    assert (shown.exit_code, kept.exit_code, kept.output) == (0, 0, "")
    assert (tmp_path / "no.csv").read_bytes() == shown.stdout_bytes
    assert (
        shown.stdout_bytes.decode("utf-8-sig")
        .splitlines()[1]
        .startswith("ana@cruz.example,unasked,complaint,")
    )


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("words", [["import"], ["import", "missing.csv"], ["export", "--what"]])
def test_bad_usage_ends_with_2(run, words):
    assert run(*words).exit_code == 2


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("command", ["import", "export"])
def test_help_shows_an_example(run, command):
    assert f"Example: flask --app wsgi suppressions {command}" in run(command, "--help").stdout
