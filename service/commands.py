"""The flask commands: each noun is a group, and `tick` makes one round of the clock."""

from datetime import datetime
from zoneinfo import ZoneInfo

import click
from flask import Flask
from flask.cli import with_appcontext
from flask_babel import format_datetime, ngettext
from flask_babel import gettext as _

from service import scheduler
from service.clock import now
from service.current import company
from service.deliveries import commands as deliveries
from service.doctor import commands as doctor
from service.imports import commands as imports
from service.labels import label, why_later, why_not
from service.models import MailState
from service.protocols import jobs as advancing
from service.results import commands as results
from service.team import commands as team
from service.testimonials import commands as testimonials

GROUPS = (
    team.group,
    imports.clients_group,
    results.group,
    testimonials.group,
    imports.suppressions_group,
    deliveries.group,
)


def register(app: Flask) -> None:
    """Add the commands to the app."""
    deliveries.group.add_command(doctor.doctor)
    for group in GROUPS:
        app.cli.add_command(group)
    app.cli.add_command(tick)


def moment(_context: click.Context, _option: click.Parameter, text: str | None) -> datetime | None:
    """Read an ISO time; without a zone it is in the company's. Raises BadParameter."""
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        raise click.BadParameter(f"{text!r} is no time such as 2026-11-24T10:00") from None


@click.command()
@click.option("--dry-run", is_flag=True, help="Only list what would go, and what would not.")
@click.option(
    "--at",
    metavar="ISO-TIME",
    callback=moment,
    help="The time to list for (default: now), with --dry-run.",
)
@with_appcontext
def tick(dry_run: bool, at: datetime | None) -> None:
    """Do once what the clock does each round: write down the mails that are due, wake the workers.

    The clock has a worker write what the farewell protocols owe; here it is done at once.

    For a time to come, --dry-run lists all that goes until then as the page "What goes out" does:
    as if the clock runs, each mail goes when it is due, and nobody answers meanwhile. For now it
    lists this very round, with the daily cap.

    Example: flask --app wsgi tick --dry-run --at 2026-11-24T10:00
    """
    if at is not None and not dry_run:
        raise click.UsageError("--at goes with --dry-run: a real round happens now")
    if dry_run:
        _rehearse(at or now())
        return
    states = advancing.advance_all()
    tally = scheduler.tick()
    if tally is None:
        raise click.ClickException("another clock is at it; only departures were advanced")
    skipped = states.count(MailState.skipped)
    written = len(states) - skipped + tally.written
    skipped += tally.skipped
    click.echo(
        ngettext("%(num)d mail is to go.", "%(num)d mails are to go.", written)
        + " "
        + ngettext("%(num)d is skipped.", "%(num)d are skipped.", skipped)
    )


def _rehearse(at: datetime) -> None:
    zone = ZoneInfo(company().time_zone)
    at = at if at.tzinfo else at.replace(tzinfo=zone)
    foreseen = scheduler.rehearse(at)
    if not foreseen:
        click.echo(_("Nothing is due then."))
    for mail in foreseen:
        click.echo(_line(mail))


def _line(mail: scheduler.Foreseen) -> str:
    """Return the due time, the kind, the recipient, the client and the fate of a mail."""
    parts = [format_datetime(mail.due_at, "yyyy-MM-dd HH:mm"), label(mail.kind), mail.to]
    if mail.client:
        parts.append(mail.client)
    return " | ".join([*parts, _fate(mail)])


def _fate(mail: scheduler.Foreseen) -> str:
    """Return that the mail goes, or why it does not, or why only later."""
    if mail.reason:
        return str(_("skipped: %(why)s", why=why_not(mail.reason)))
    if mail.wait:
        when = format_datetime(mail.wait.until, "yyyy-MM-dd HH:mm")
        return str(_("waits until %(when)s: %(why)s", when=when, why=why_later(mail.wait.why)))
    return str(_("goes"))
