"""The flask command that writes the export of the results, one row per departure."""

import sys
from datetime import date, datetime
from pathlib import Path

import click
from flask_babel import force_locale

from service import current
from service.departures.queries.filters import DepartureFilters
from service.exports import FORMATS
from service.exports.files import opened, progress
from service.extensions import db
from service.models import ExportedData
from service.results.queries.export import matrix
from service.team.actions import exports

DAY = click.DateTime(["%Y-%m-%d"])


@click.group("results")
def group() -> None:
    """What was learnt: the matrix, one row per departure."""


@group.command()
@click.option("--format", "kind", type=click.Choice(sorted(FORMATS)), required=True)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write it. Default: standard output.",
)
@click.option("--since", type=DAY, help="Only departures that end on this day or later.")
@click.option("--until", type=DAY, help="Only departures that end on this day or earlier.")
@click.option("--service", help="Only departures of this service.")
def export(
    kind: str,
    out: Path | None,
    since: datetime | None,
    until: datetime | None,
    service: str | None,
) -> None:
    """Write the matrix: one row per departure, with reasons, scores, worth and outcome.

    \b
    Example: flask --app wsgi results export --format xlsx --out bajas.xlsx
    """
    if out is None and kind != "csv" and sys.stdout.isatty():
        raise click.UsageError("a workbook is no text: say where to write it, with --out FILE")
    filters = DepartureFilters(_day(since), _day(until), service)
    chosen = {"since": filters.since, "until": filters.until, "service": service}
    company = current.company()
    with force_locale(company.language), opened(out) as file:
        table = matrix(filters, company.zone, company.language)
        with progress(table, "Departures") as watched:
            FORMATS[kind].write(watched, file)
        exports.record(
            ExportedData.departures,
            kind,
            table.count,
            None,
            filters={k: str(v) for k, v in chosen.items() if v},
        )
        db.session.commit()


def _day(moment: datetime | None) -> date | None:
    return moment.date() if moment else None
