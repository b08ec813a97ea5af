"""Keep the legal basis of each contact up to date: who is a client, and who was one."""

from collections.abc import Iterable
from datetime import date
from itertools import islice
from typing import Any

from sqlalchemy import Select, Update, case, func, select, update

from service.clock import now
from service.extensions import db
from service.models import Basis, Contact, Departure, Stage

OVER = (Stage.retained, Stage.returned)  # a client again
AT_ONCE = 5_000  # values in one IN: SQLite takes 32,766 and PostgreSQL 65,535


def recount(client_ids: Iterable[int]) -> None:
    """Update when these clients left, and so the basis of their contacts.

    To be called after any change of their departures. The day is the latest end, or the notice of
    a departure without one; departures of a client who stayed or came back do not count.
    """
    db.session.flush()
    rest = iter(set(client_ids))
    while ids := list(islice(rest, AT_ONCE)):
        db.session.execute(
            _counted()
            .where(Contact.client_id.in_(ids))
            .execution_options(synchronize_session="fetch")
        )


def recount_selected(client_ids: Select[Any]) -> None:
    """Do what `recount` does for the clients that a query finds, in one statement.

    Contacts that the session holds are not refreshed.
    """
    db.session.execute(
        _counted()
        .where(Contact.client_id.in_(client_ids))
        .execution_options(synchronize_session=False)
    )


def _counted() -> Update:
    left_on = (
        select(func.max(func.coalesce(Departure.end_on, Departure.notice_on)))
        .where(Departure.client_id == Contact.client_id, Departure.stage.not_in(OVER))
        .correlate(Contact)
        .scalar_subquery()
    )
    basis = case((left_on.is_(None), Basis.contract), else_=Basis.legitimate_interest)
    return update(Contact).values(left_on=left_on, basis=basis)


def basis_of(left_on: date | None) -> Basis:
    """Return the basis of the contacts of a client who left that day, or of a client."""
    return Basis.legitimate_interest if left_on else Basis.contract


def interact(contact: Contact) -> None:
    """Record a sign of life of the contact: the time of the basis counts from it."""
    contact.interacted_at = now()
