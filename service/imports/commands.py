"""Import clients and suppressions from the command line, and export suppressions.

What is wrong in a file goes to stderr, row by row.
"""

import sys
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import click
from flask.cli import with_appcontext
from flask_babel import gettext as _
from flask_babel import ngettext

from service.clock import now
from service.consent.queries import table
from service.current import company
from service.departures.actions.acts import HOUR
from service.departures.queries import acts
from service.errors import Refused
from service.exports import FORMATS
from service.exports.files import opened, progress
from service.extensions import db
from service.imports import actions as imports
from service.imports import jobs, queries
from service.imports.actions import Choice, Plan, previews, undoing
from service.imports.actions import suppressions as lists
from service.imports.queries import batches
from service.imports.rules import MOST_BYTES, Problem, Problems, read, too_large
from service.imports.rules import suppressions as suppression_rules
from service.imports.rules.columns import NAMES
from service.imports.rules.problems import BadValue
from service.imports.rules.values import read_date
from service.labels import reason_of_suppression
from service.models import ExportedData
from service.protocols.rules.descriptions import moment_in_words
from service.spreadsheets.extraction import table_in
from service.spreadsheets.tables import RawRow
from service.team.actions import exports


@click.group("clients")
def clients_group() -> None:
    """Clients and their departures."""


def a_day(_context: click.Context, _option: click.Parameter, text: str | None) -> date | None:
    """Return the date in `text`, as lists write it; the command ends with 2 for other texts."""
    try:
        return read_date(text) if text else None
    except BadValue:
        raise click.BadParameter(f"{text!r} is no date such as 2026-11-22") from None


@clients_group.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Only say what would change and who would get mail.")
@click.option(
    "--start-protocol-since",
    "since",
    metavar="DATE",
    callback=a_day,
    help="Start the protocol of departures that ended since this day (default: 30 days ago).",
)
@click.option("--hold", is_flag=True, help="Hold all mails, until somebody lets them go.")
@click.option("--now", "is_now", is_flag=True, help="Send the first mail of each at once.")
@with_appcontext
def import_clients(file: Path, dry_run: bool, since: date | None, hold: bool, is_now: bool) -> None:
    """Import clients and departures from a CSV or .xlsx FILE, whole or not at all.

    No mail leaves within the hour, unless with --now; until then `clients undo-import` undoes it.

    \b
    Example: flask --app wsgi clients import clientes.csv --dry-run
    """
    if hold and is_now:
        raise click.UsageError("Choose --hold or --now, not both.")
    references = queries.references()
    db.session.rollback()  # others may write while the file is read
    _end_if_too_large(file, MOST_BYTES, too_large)
    with table_in(file, NAMES) as table:
        reading = read(table, references, _with_progress_bar)
    if dry_run:
        found = imports.plan(reading, protocol_since=since)
        _end_if_refused(file, reading.problems)
        _print_plan(file, found)
        _print_mails(found)
        click.echo(_("Nothing was changed: this was a rehearsal."))
        return
    source = _("import: %(file)s", file=file.name)
    try:
        staged = jobs.carry_out(
            lambda: imports.stage(
                reading,
                protocol_since=since,
                source=source,
                choice=Choice(holds_all=hold, is_now=is_now),
            ),
            imports.publish,
        )
    except Refused as refusal:
        _end_if_refused(file, reading.problems)
        raise click.ClickException(str(refusal)) from None
    _print_plan(file, staged.plan)
    if staged.plan.starts and not is_now:
        until = moment_in_words(now() + HOUR)
        click.echo(_("Nothing leaves before %(time)s; until then it can be undone.", time=until))


@clients_group.command("undo-import")
@with_appcontext
def undo_import() -> None:
    """Undo the last import of clients as a whole, within its hour.

    \b
    Example: flask --app wsgi clients undo-import
    """
    act = next(iter(acts.imports()), None)
    if act is None:
        raise click.ClickException(_("No import of the last hour is left to be undone."))
    try:
        undoing.undo(act, None)
    except Refused as refusal:
        db.session.rollback()
        raise click.ClickException(str(refusal)) from None
    db.session.commit()
    said = _("Undone: all that the import brought is gone, and what it changed is as it was.")
    click.echo(said)


def _print_mails(found: Plan) -> None:
    """Print each departure that gets mail, and the days of its mails."""
    for some in batches(found.starts, 200):
        panels = previews.of([start.draft for start in some])
        for start, panel in zip(some, panels, strict=True):
            end = start.end_on.isoformat() if start.end_on else "-"
            click.echo(f"  {end}  {start.client}  {start.service}  {start.contact} <{start.email}>")
            for line in panel.lines:
                if line.goes_at is not None:
                    click.echo(f"      {moment_in_words(line.goes_at)}  {line.what}")


def _with_progress_bar(rows: Iterator[RawRow], length: int) -> Iterator[RawRow]:
    """Yield the rows; on a terminal, show a progress bar once reading takes over a second."""
    if not sys.stderr.isatty():
        yield from rows
        return
    began = time.monotonic()
    bar = click.progressbar(length=length, file=sys.stderr)
    is_shown = False
    for row in rows:
        if is_shown or time.monotonic() - began > 1:
            is_shown = True
            bar.update(row.number - bar.pos)
        yield row
    if is_shown:
        bar.finish()
        bar.render_finish()


def _end_if_too_large(file: Path, most: int, message: Callable[[int], str]) -> None:
    problems = Problems()
    if (size := file.stat().st_size) > most:
        problems.add(Problem(message(size)))
    _end_if_refused(file, problems)


def _end_if_refused(file: Path, problems: Problems) -> None:
    """List the problems of the file and end the command with 1, if there are any."""
    if problems:
        _list_problems(file, problems)
        raise click.ClickException(
            _("Nothing was imported: something in the list has to be put right first.")
        )


def _print_plan(file: Path, found: Plan) -> None:
    _list_problems(file, found.reading.warnings)
    for name, count in (
        (_("Clients"), found.clients),
        (_("Contacts"), found.contacts),
        (_("Departures"), found.departures),
    ):
        counted = _(
            "%(created)s created, %(updated)s updated, %(unchanged)s unchanged",
            created=count.created,
            updated=count.updated,
            unchanged=count.unchanged,
        )
        click.echo(f"{name}: {counted}")
    if found.history:
        click.echo(
            ngettext(
                "%(num)d departure is history and gets no mail.",
                "%(num)d departures are history and get no mail.",
                found.history,
            )
        )
    click.echo(found.who_gets_mail)


def _list_problems(file: Path, problems: Problems) -> None:
    """Write each problem to stderr: the file, the line, what was typed and why it is wrong."""
    for problem in problems:
        line = f"{problem.line}: " if problem.line else " "
        column = f"{problem.column}: " if problem.column else ""
        typed = f"“{problem.typed}”: " if problem.typed else ""
        click.echo(f"{file.name}:{line}{column}{typed}{problem.reason}", err=True)
    if problems.more:
        click.echo(_("… and %(count)s more.", count=problems.more), err=True)


@click.group("suppressions")
def suppressions_group() -> None:
    """Who gets no mail: the list of suppressed addresses."""


@suppressions_group.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Only say what would change.")
@with_appcontext
def import_suppressions(file: Path, dry_run: bool) -> None:
    """Put the addresses of a CSV or .xlsx FILE on the list, whole or not at all.

    Its columns are email, and if you like reason, scope, date and note; or it is an export of
    Mailchimp (unsubscribed, cleaned) or Delighted (unsubscribed, bounced).

    \b
    Example: flask --app wsgi suppressions import unsubscribed.csv --dry-run
    """
    zone = company().zone
    db.session.rollback()  # others may write while the file is read
    _end_if_too_large(file, suppression_rules.MOST_BYTES, suppression_rules.too_large)
    with table_in(file, suppression_rules.COLUMN_NAMES) as table:
        reading = suppression_rules.read(table, zone, now(), _with_progress_bar)
    if dry_run:
        found = lists.plan(reading, file=file.name)
        _end_if_refused(file, reading.problems)
        _print_list_plan(file, found)
        click.echo(_("Nothing was changed: this was a rehearsal."))
        return
    try:
        staged = jobs.carry_out(lambda: lists.stage(reading, file=file.name), lists.publish)
    except Refused as refusal:
        _end_if_refused(file, reading.problems)
        raise click.ClickException(str(refusal)) from None
    _print_list_plan(file, staged.plan)


@suppressions_group.command()
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write it. Default: standard output.",
)
def export(out: Path | None) -> None:
    """Write the whole list as CSV; `suppressions import` reads it back.

    \b
    Example: flask --app wsgi suppressions export --out no-mail.csv
    """
    with opened(out) as file, progress(table(company().zone), "Addresses") as watched_table:
        FORMATS["csv"].write(watched_table, file)
        exports.record(ExportedData.suppressions, "csv", watched_table.count, None)
        db.session.commit()


def _print_list_plan(file: Path, found: lists.Plan) -> None:
    _list_problems(file, found.reading.warnings)
    for reason, count in found.by_reason.items():
        click.echo(f"{reason_of_suppression(reason)}: {count}")
    message = _(
        "%(new)s new, %(unchanged)s on the list already; %(contacts)s contacts of yours among them",
        new=len(found.rows),
        unchanged=found.unchanged,
        contacts=found.contacts,
    )
    click.echo(message)
