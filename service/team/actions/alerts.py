"""Alert the team by mail that something happened to a departure."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select

from service import responsibles
from service.extensions import db
from service.mail import outbox
from service.models import Client, Contact, Departure, MailKind, OutboxMessage, Role, TeamMember


def alert(
    kind: MailKind,
    departure: Departure,
    *,
    subject: str,
    cycle: int = 0,
    context: Mapping[str, Any] | None = None,
) -> list[OutboxMessage]:
    """Write an alert to who looks after the client, or to all active owners when nobody does.

    Returns the new rows; the same `subject` and `cycle` is written once to each person.
    """
    return _written(people_for(departure), kind, departure, subject, cycle, context)


def alert_about(
    kind: MailKind,
    contact: Contact,
    departure: Departure | None,
    *,
    subject: str,
    cycle: int,
    context: Mapping[str, Any],
) -> list[OutboxMessage]:
    """Write an alert about a contact, of whom there may be no departure; otherwise as `alert`."""
    people = people_for(departure) if departure is not None else _looking_after(contact.client)
    return _written(people, kind, departure, subject, cycle, context)


def people_for(departure: Departure) -> list[TeamMember]:
    """Return who gets alerts about a departure: its responsible, else the active owners."""
    return _looking_after(departure.client, departure.responsible_id)


def _looking_after(client: Client, *named: int | None) -> list[TeamMember]:
    found = responsibles.load().named(*named, client.responsible_id)
    return [found] if found else owners()


def _written(
    people: Sequence[TeamMember],
    kind: MailKind,
    departure: Departure | None,
    subject: str,
    cycle: int,
    context: Mapping[str, Any] | None,
) -> list[OutboxMessage]:
    rows = (
        outbox.write(
            kind, member, subject=subject, cycle=cycle, departure=departure, context=context
        )
        for member in people
    )
    return [row for row in rows if row is not None]


def owners() -> list[TeamMember]:
    """Return the active owners."""
    query = select(TeamMember).where(TeamMember.role == Role.owner, TeamMember.is_active)
    return list(db.session.scalars(query.order_by(TeamMember.id)))
