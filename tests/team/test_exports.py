"""Files with data of persons: each that somebody takes out is told to the owners."""

from datetime import timedelta

from sqlalchemy import select

from service import scheduler
from service.clock import now
from service.extensions import db
from service.models import DataExport, ExportedData, Role
from service.team.actions import exports
from tests.builders import a_company, a_departure, a_member, logged_in


def test_an_export_is_told_to_the_owners_with_who_what_and_how_much(client, session):
    a_company(language="en")
    departure = a_departure(responsible=a_member(), service="SEO")
    marta = a_member(name="Marta Gil", role=Role.member, language="en")
    owner = a_member(role=Role.owner, language="en")
    session.commit()
    logged_in(client, marta)
    assert (
        client.post("/results/matrix.xlsx?period=all&service=SEO", buffered=True).status_code == 200
    )
    assert client.post("/suppressions/export.csv", buffered=True).status_code == 200
    assert client.get("/providers/exports").status_code == 403

    found = db.session.scalars(select(DataExport).order_by(DataExport.id)).all()
    assert [(row.what, row.format, row.rows) for row in found] == [
        (ExportedData.departures, "xlsx", 1),
        (ExportedData.suppressions, "csv", 0),
    ]
    logged_in(client, owner)
    page = client.get("/providers/exports").text
    assert page.count("Marta Gil") == 2
    assert "Departures (xlsx)" in page
    assert "SEO" in page
    assert departure.contact.email not in page
    assert "/providers/exports" in client.get("/providers").text


def test_an_export_on_the_command_line_is_told_too(app, session, tmp_path):
    a_company(language="en")
    session.commit()
    file = str(tmp_path / "out.csv")
    for words in (["results", "export", "--format", "csv"], ["suppressions", "export"]):
        done = app.test_cli_runner().invoke(args=[*words, "--out", file])
        assert done.exit_code == 0, done.output
    assert [row.who for row in db.session.scalars(select(DataExport))] == ["", ""]


def test_after_two_years_an_export_is_forgotten(app, session):
    exports.record(ExportedData.suppressions, "csv", 3, None)
    session.flush()
    session.scalars(select(DataExport)).one().at = now() - timedelta(days=731)
    exports.record(ExportedData.suppressions, "csv", 4, None)
    session.commit()
    scheduler.tick()
    assert [row.rows for row in session.scalars(select(DataExport))] == [4]
