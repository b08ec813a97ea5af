"""Mail: the group of commands, and the door that a mail server pipes mails through."""

import sys
from typing import NoReturn

import click
from flask.cli import AppGroup

from service import receiving
from service.extensions import db
from service.mail.incoming import LARGEST
from service.models import InboundDoor

EX_TEMPFAIL = 75  # sysexits.h: the mail server keeps the mail and brings it again

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
    From Postfix call deployment/postfix-receive, which never lets a bounce be bounced; the line
    for master.cf is in docs/deployment.md.

    Ends with 0 when the mail is kept, with 75 when it has to be brought again.
    """
    octets = sys.stdin.buffer.read(LARGEST)
    while sys.stdin.buffer.read(LARGEST):
        pass  # a mail server takes a reader that stops early for a failure
    if not octets.strip():
        raise click.UsageError("there is no mail on standard input")
    try:
        receiving.take(octets, InboundDoor.pipe, recipients)
    except Exception as error:  # whatever it is, the mail must not be lost, nor bounced back
        _come_again(error)


def _come_again(error: Exception) -> NoReturn:
    db.session.rollback()
    click.echo(f"not taken, bring it again: {type(error).__name__}", err=True)
    raise SystemExit(EX_TEMPFAIL) from error
