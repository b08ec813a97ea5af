"""Logins of the team."""

import click
from email_validator import EmailNotValidError, validate_email

from service.errors import Refused
from service.extensions import db
from service.mail import links
from service.models import Role
from service.team.actions import logins, members, sessions


@click.group("provider")
def group() -> None:
    """Logins of the team."""


def an_address(_context: click.Context, _option: click.Parameter, value: str) -> str:
    """Return an email address in lower case; the command ends with 2 when it is none."""
    try:
        return validate_email(value, check_deliverability=False).normalized.lower()
    except EmailNotValidError:
        raise click.BadParameter(f"{value!r} is no email address") from None


def a_name(_context: click.Context, _option: click.Parameter, value: str) -> str:
    """Return a name without outer space; the command ends with 2 when nothing is left."""
    if not value.strip() or len(value) > 200:
        raise click.BadParameter("write a name of at most 200 characters")
    return value.strip()


@group.command()
@click.argument("email", callback=an_address)
@click.option("--name", required=True, callback=a_name, help="What the person is called.")
@click.option(
    "--role",
    type=click.Choice([role.value for role in Role]),
    default=Role.member.value,
    show_default=True,
    help="A viewer reads, a member acts, an owner also sets things up.",
)
def create(email: str, name: str, role: str) -> None:
    """Add a login and print the one-time link that sets its password.

    Example: flask --app wsgi provider create marta@estudio.es --name "Marta Ruiz" --role owner
    """
    try:
        link = members.invite(email, name, Role(role))
    except Refused as refusal:
        raise click.ClickException(str(refusal)) from None
    db.session.commit()
    click.echo(links.password(link))


@group.command("owner-link")
def owner_link() -> None:
    """Print the one-time link that creates the first owner, while there is no owner.

    Example: flask --app wsgi provider owner-link
    """
    link = members.first_owner_link()
    db.session.commit()
    if link is None:
        click.echo("There is an owner already; use: provider create EMAIL --name NAME", err=True)
    else:
        click.echo(links.password(link))


@group.command("log-out")
@click.argument("email", callback=an_address)
def log_out(email: str) -> None:
    """Log somebody out in every browser; they can log in again.

    Example: flask --app wsgi provider log-out marta@estudio.es
    """
    member = logins.find(email)
    if member is None:
        raise click.ClickException(f"nobody can log in as {email}; see the addresses at /providers")
    ended = sessions.end_all(member)
    db.session.commit()
    click.echo(f"logged out in {ended} browser{'' if ended == 1 else 's'}")
