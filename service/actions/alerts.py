"""Tell the people of the team that something happened to a departure."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from service.extensions import db
from service.mail import outbox
from service.models import Departure, MailKind, OutboxMessage, Provider, Role


def alert(
    kind: MailKind,
    departure: Departure,
    *,
    subject: str,
    cycle: int = 0,
    context: Mapping[str, Any] | None = None,
) -> list[OutboxMessage]:
    """Owe a mail to the responsible, or to every active owner when nobody is responsible.

    Returns the rows that are new: the same `subject` and `cycle` is one mail each.
    """
    rows = (
        outbox.write(
            kind, provider, subject=subject, cycle=cycle, departure=departure, context=context
        )
        for provider in people_for(departure)
    )
    return [row for row in rows if row is not None]


def people_for(departure: Departure) -> list[Provider]:
    """Return who hears of a departure: its responsible, else the active owners."""
    responsible = departure.responsible
    if responsible is not None and responsible.is_active:
        return [responsible]
    return owners()


def owners() -> list[Provider]:
    """Return the active owners, who hear of what is nobody's."""
    query = select(Provider).where(Provider.role == Role.owner, Provider.is_active)
    return list(db.session.scalars(query.order_by(Provider.id)))
