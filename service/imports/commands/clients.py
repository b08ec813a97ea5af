"""Import a client list from the command line; what is wrong in it goes to stderr, line by line."""

import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import click
from flask.cli import with_appcontext
from flask_babel import gettext as _
from flask_babel import ngettext

from service.errors import Refused
from service.extensions import db
from service.imports import actions as imports
from service.imports.actions import Count, Plan
from service.imports.rules import Problem, Problems, read_file
from service.imports.rules.cells import Line
from service.imports.rules.problems import BadValue
from service.imports.rules.values import read_date


@click.group("clients")
def group() -> None:
    """Clients and their departures."""


def a_day(_context: click.Context, _option: click.Parameter, text: str | None) -> date | None:
    """Read a date as lists write it; the command ends with 2 when it is none."""
    try:
        return read_date(text) if text else None
    except BadValue:
        raise click.BadParameter(f"{text!r} is no date such as 2026-11-22") from None


@group.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Only say what would change and who would get mail.")
@click.option(
    "--start-protocol-since",
    "since",
    metavar="DATE",
    callback=a_day,
    help="Start the protocol of departures that ended since this day (default: 30 days ago).",
)
@with_appcontext
def import_(file: Path, dry_run: bool, since: date | None) -> None:
    """Import clients and departures from a CSV or .xlsx FILE, whole or not at all.

    Example: flask --app wsgi clients import clientes.csv --dry-run
    """
    known = imports.known()
    db.session.rollback()  # others may write while the file is read
    reading = read_file(file, known, watched)
    if dry_run:
        found = imports.plan(reading, protocol_since=since)
        end_if_refused(file, reading.problems)
        _print(file, found)
        for start in found.starts:
            end = start.end_on.isoformat() if start.end_on else "-"
            click.echo(f"  {end}  {start.client}  {start.service}  {start.contact} <{start.email}>")
        click.echo(_("Nothing was changed: this was a rehearsal."))
        return
    try:
        source = _("import: %(file)s", file=file.name)
        done = imports.carry_out(reading, protocol_since=since, source=source)
    except Refused as refusal:
        db.session.rollback()
        end_if_refused(file, reading.problems)
        raise click.ClickException(str(refusal)) from None
    db.session.commit()
    _print(file, done)


def watched(lines: Iterator[Line], length: int) -> Iterator[Line]:
    """Show on a terminal how far the reading is, once it has taken a second."""
    if not sys.stderr.isatty():
        yield from lines
        return
    began = time.monotonic()
    bar = click.progressbar(length=length, file=sys.stderr)
    is_shown = False
    for line in lines:
        if is_shown or time.monotonic() - began > 1:
            is_shown = True
            bar.update(line.number - bar.pos)
        yield line
    if is_shown:
        bar.finish()
        bar.render_finish()


def end_if_refused(file: Path, problems: Problems) -> None:
    """List what is wrong with the file and end the command with 1, if anything is."""
    if problems:
        list_problems(file, problems)
        raise click.ClickException(
            _("Nothing was imported: something in the list has to be put right first.")
        )


def _print(file: Path, found: Plan) -> None:
    list_problems(file, found.reading.warnings)
    for name, count in (
        (_("Clients"), found.clients),
        (_("Contacts"), found.contacts),
        (_("Departures"), found.departures),
    ):
        click.echo(f"{name}: {counted(count)}")
    if found.history:
        click.echo(
            ngettext(
                "%(num)d departure is history and gets no mail.",
                "%(num)d departures are history and get no mail.",
                found.history,
            )
        )
    click.echo(found.who_gets_mail)


def counted(count: Count) -> str:
    """Say how many are created, updated and left alone."""
    return str(
        _(
            "%(created)s created, %(updated)s updated, %(unchanged)s unchanged",
            created=count.created,
            updated=count.updated,
            unchanged=count.unchanged,
        )
    )


def list_problems(file: Path, problems: Problems) -> None:
    """Write each to stderr as the file, the line and what to do."""
    for problem in problems:
        click.echo(f"{file.name}:{_said(problem)}", err=True)
    if problems.more:
        click.echo(_("… and %(count)s more.", count=problems.more), err=True)


def _said(problem: Problem) -> str:
    """Return one line: where, what was typed, why not."""
    place = f"{problem.line}: " if problem.line else " "
    column = f"{problem.column}: " if problem.column else ""
    typed = f"“{problem.typed}”: " if problem.typed else ""
    return f"{place}{column}{typed}{problem.reason}"
