"""Run the mail doctor from the command line; it ends with 1 when something is bad."""

import sys
import textwrap
from shutil import get_terminal_size

import click
from flask.cli import with_appcontext
from flask_babel import gettext as _

from service.doctor import examinations
from service.doctor.cases import DOMAIN, SELECTOR, describe
from service.doctor.examinations import Report
from service.doctor.findings import CHECK_LABELS, STATE_NAMES
from service.errors import Refused
from service.extensions import db
from service.mail.rendering.headers import BadAddress, wire_address

MARGIN = 10  # columns, for the state


def a_domain(_context: click.Context, _option: click.Parameter, text: str | None) -> str | None:
    """Return the domain in ASCII; the command ends with 2 when it is none."""
    if text is None:
        return None
    try:
        domain = wire_address(f"a@{text}").rpartition("@")[2].lower().rstrip(".")
    except BadAddress:
        domain = ""
    if not DOMAIN.fullmatch(domain):
        raise click.BadParameter(f"{text!r} is no domain such as example.com")
    return domain


def a_selector(_context: click.Context, _option: click.Parameter, text: str | None) -> str | None:
    """Return the selector of a DKIM key; the command ends with 2 when it is none."""
    if text is not None and not SELECTOR.fullmatch(text.lower()):
        raise click.BadParameter(f"{text!r} is no selector such as mail2026")
    return text and text.lower()


@click.command()
@click.option(
    "--domain",
    metavar="DOMAIN",
    callback=a_domain,
    help="Examine mails from this domain (default: that of the sender address).",
)
@click.option(
    "--selector",
    metavar="NAME",
    callback=a_selector,
    help="The DKIM key that the mail server signs with (default: what a test mail shows).",
)
@with_appcontext
def doctor(domain: str | None, selector: str | None) -> None:
    """Check the mail server, SPF, DKIM, DMARC, unsubscribe headers, clock and base URL.

    Says what to change in which place. Ends with 1 when something is bad. At most one mail is
    sent, to the bounce address or to the mail catcher.

    \b
    Example: flask --app wsgi mail doctor --domain example.com --selector mail2026
    """
    try:
        case = describe(domain, selector)
    except Refused as refusal:
        raise click.ClickException(str(refusal)) from None
    db.session.rollback()  # others may write while servers are asked
    if sys.stderr.isatty():
        click.echo(_("Asking servers; this takes half a minute at most."), err=True)
    report = examinations.examine(case)
    _print(report)
    if not report.is_well:
        sys.exit(1)


def _print(report: Report) -> None:
    click.echo(_("%(sender)s, through %(server)s", sender=report.sender, server=report.server))
    for finding in report.findings:
        click.echo()
        title = f"{STATE_NAMES[finding.state]!s:<{MARGIN}}{CHECK_LABELS[finding.check]}"
        click.echo(click.style(title, bold=True))
        _print_paragraph(str(finding.words))
        if finding.remedy:
            _print_paragraph(f"→ {finding.remedy.where}: {finding.remedy.words}")
            for record in finding.remedy.records:  # unwrapped, so that it can be copied
                click.echo(f"{'':{MARGIN}}  {record.name}  {record.type}  {record.value}")


def _print_paragraph(text: str) -> None:
    width = min(get_terminal_size((100, 24)).columns, 100) - MARGIN
    for line in textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False):
        click.echo(" " * MARGIN + line)
