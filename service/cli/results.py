"""The matrix, one row per departure, as a file."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from shutil import copyfileobj
from tempfile import NamedTemporaryFile, TemporaryFile
from typing import IO

import click
from flask_babel import force_locale

from service.current import company
from service.reports.matrix import Table, matrix
from service.reports.windows import Window
from service.reports.writers import FORMATS

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
    window = Window(_day(since), _day(until), service)
    house = company()
    with force_locale(house.language), opened(out) as file:
        table = matrix(window, house.zone, house.language)
        with progress(table, "Departures") as watched:
            FORMATS[kind].write(watched, file)


def _day(moment: datetime | None) -> date | None:
    return moment.date() if moment else None


@contextmanager
def progress(table: Table, label: str) -> Iterator[Table]:
    """Show how far the writing is, on a terminal only."""
    if not sys.stderr.isatty():
        yield table
        return
    with click.progressbar(
        table.rows, length=table.count, file=sys.stderr, label=label, show_pos=True
    ) as rows:
        yield replace(table, rows=iter(rows))


@contextmanager
def opened(out: Path | None) -> Iterator[IO[bytes]]:
    """Open `out` so that it changes only when all of it is there; without it, standard output."""
    if out is None:
        with TemporaryFile() as whole:
            yield whole
            whole.seek(0)
            copyfileobj(whole, sys.stdout.buffer)
        return
    try:
        with NamedTemporaryFile(dir=out.parent, prefix=f".{out.name}.", delete=False) as file:
            unfinished = Path(file.name)
            try:
                yield file
            except BaseException:
                unfinished.unlink()
                raise
        mode = out.stat().st_mode & 0o777 if out.exists() else 0o600  # it holds personal data
        unfinished.chmod(mode)
        unfinished.replace(out)
    except OSError as error:
        raise click.ClickException(f"cannot write {out}: {error.strerror}") from None
