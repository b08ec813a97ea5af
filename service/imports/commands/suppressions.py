"""The list of those who get no mail, from the command line: bring one in, write it out."""

from pathlib import Path

import click
from flask.cli import with_appcontext
from flask_babel import gettext as _

from service.clock import now
from service.consent.queries import table
from service.current import company
from service.errors import Refused
from service.exports import FORMATS
from service.exports.files import opened, progress
from service.extensions import db
from service.imports.actions import suppressions as lists
from service.imports.commands.clients import end_if_refused, list_problems, watched
from service.imports.rules.suppressions import read_file
from service.labels import reason_of_suppression


@click.group("suppressions")
def group() -> None:
    """Who gets no mail: the list of suppressed addresses."""


@group.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Only say what would change.")
@with_appcontext
def import_(file: Path, dry_run: bool) -> None:
    """Put the addresses of a CSV or .xlsx FILE on the list, whole or not at all.

    Its columns are email, and if you like reason, scope, date and note; or it is an export of
    Mailchimp (unsubscribed, cleaned) or Delighted (unsubscribed, bounced).

    \b
    Example: flask --app wsgi suppressions import unsubscribed.csv --dry-run
    """
    zone = company().zone
    db.session.rollback()  # others may write while the file is read
    reading = read_file(file, zone, now(), watched)
    if dry_run:
        found = lists.plan(reading, file=file.name)
        end_if_refused(file, reading.problems)
        _print(file, found)
        click.echo(_("Nothing was changed: this was a rehearsal."))
        return
    try:
        done = lists.carry_out(reading, file=file.name)
    except Refused as refusal:
        db.session.rollback()
        end_if_refused(file, reading.problems)
        raise click.ClickException(str(refusal)) from None
    db.session.commit()
    _print(file, done)


@group.command()
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


def _print(file: Path, found: lists.Plan) -> None:
    list_problems(file, found.reading.warnings)
    for reason, count in found.by_reason.items():
        click.echo(f"{reason_of_suppression(reason)}: {count}")
    said = _(
        "%(new)s new, %(unchanged)s on the list already; %(contacts)s contacts of yours among them",
        new=len(found.rows),
        unchanged=found.unchanged,
        contacts=found.contacts,
    )
    click.echo(said)
