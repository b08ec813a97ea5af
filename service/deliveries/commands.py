"""The commands of `flask mail`: take in a mail that the mail server pipes."""

import sys
from typing import NoReturn

import click
from flask.cli import AppGroup

from service.deliveries import jobs as receiving
from service.extensions import db
from service.models import InboundSource
from service.pipe import EX_TEMPFAIL, NoMail, read

group = AppGroup("mail", help="Mail that goes out and comes in.")


@group.command()
@click.option(
    "--recipient",
    "recipients",
    metavar="ADDRESS",
    multiple=True,
    help="The envelope's recipient, where the mail server tells it.",
)
def receive(recipients: tuple[str, ...]) -> None:
    """Take one mail from standard input: a bounce, a complaint or a reply.

    \b
    Example: flask --app wsgi mail receive < message.eml
    From Postfix call deployment/postfix-receive, which starts faster, leaves the reading to a
    worker, and never lets a bounce be bounced; the line for master.cf is in docs/deployment.md.

    Ends with 0 when the mail is kept, with 75 when it has to be brought again.
    """
    try:
        octets = read(sys.stdin.buffer)
    except NoMail:
        raise click.UsageError("there is no mail on standard input") from None
    try:
        receiving.take(octets, InboundSource.pipe, recipients)
    except Exception as error:  # whatever it is, the mail must not be lost, nor bounced back
        _come_again(error)


def _come_again(error: Exception) -> NoReturn:
    db.session.rollback()
    click.echo(f"not taken, bring it again: {type(error).__name__}", err=True)
    raise SystemExit(EX_TEMPFAIL) from error
