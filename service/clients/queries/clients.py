"""Lists of clients, and who else may be about to leave. A fixed number of queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import joinedload, selectinload

from service.clients.queries import bases
from service.clock import now
from service.current import company
from service.extensions import db
from service.models import Client, Contact, Departure, Stage
from service.paging import Page, cut, page_within

SORTS: dict[str, Any] = {
    "name": Client.name_key,
    "service": Client.service,
    "group": Client.group,
    "started_on": Client.started_on,
}
STAYING = (Stage.retained, Stage.returned)


@dataclass(frozen=True, slots=True)
class Line:
    """One client of a list, with the latest departure that is not over."""

    client: Client
    leaving: Departure | None


def page(q: str, state: str, sort: str, number: int) -> Page[Line]:
    """Return a page of clients that hold `q`; `state` is leaving, staying, ending, or all."""
    query = select(Client)
    if q:
        query = query.where(_holds(q))
    gone = select(Departure.client_id).where(Departure.stage.not_in(STAYING))
    if state == "leaving":
        query = query.where(Client.id.in_(gone))
    elif state == "ending":
        ending = select(Contact.client_id).where(bases.is_ending(company(), now()))
        query = query.where(Client.id.in_(ending), Client.is_sample.is_(False))
    elif state == "staying":
        query = query.where(Client.id.not_in(gone))
    count = db.session.scalar(select(func.count()).select_from(query.subquery())) or 0
    number = page_within(number, count)
    column = SORTS.get(sort.removeprefix("-"), Client.name_key)
    ordered = column.desc() if sort.startswith("-") else column.asc()
    query = query.options(selectinload(Client.contacts)).order_by(ordered.nulls_last(), Client.id)
    rows = db.session.scalars(cut(query, number)).all()
    leaving = _leaving([client.id for client in rows])
    return Page([Line(client, leaving.get(client.id)) for client in rows], count, number)


def names() -> Sequence[str]:
    """Return the names of the clients, to choose from while typing; the first 2,000."""
    query = select(Client.name).where(~Client.is_sample).order_by(Client.name_key)
    return db.session.scalars(query.limit(2000)).all()


def groups() -> Sequence[str]:
    """Return the groups that clients belong to."""
    query = select(Client.group).where(Client.group != "").distinct().order_by(Client.group)
    return db.session.scalars(query).all()


def find(public_id: str) -> Client | None:
    """Return one client with its contacts, or None."""
    query = select(Client).where(Client.public_id == public_id)
    return db.session.scalar(query.options(selectinload(Client.contacts)))


def find_contact(public_id: str) -> Contact | None:
    """Return one contact with its client, or None."""
    query = select(Contact).where(Contact.public_id == public_id)
    return db.session.scalar(query.options(joinedload(Contact.client)))


def departures_of(client: Client) -> Sequence[Departure]:
    """Return a client's departures, the latest first."""
    query = select(Departure).where(Departure.client_id == client.id)
    return db.session.scalars(query.order_by(Departure.notice_on.desc(), Departure.id)).all()


def services() -> Sequence[str]:
    """Return the services that departures are about, in order."""
    query = select(Departure.service).where(Departure.service != "").distinct()
    return db.session.scalars(query.order_by(Departure.service)).all()


def at_risk_beside(client: Client) -> Sequence[Client]:
    """Return the clients of the same group that are not leaving: when one goes, look at these."""
    if not client.group:
        return []
    gone = select(Departure.client_id).where(Departure.stage.not_in(STAYING))
    query = select(Client).where(
        Client.group == client.group, Client.id != client.id, Client.id.not_in(gone)
    )
    return db.session.scalars(query.order_by(Client.name_key).limit(20)).all()


def _holds(text: str) -> Any:
    words = " ".join(text.split()).casefold()
    people = select(Contact.client_id).where(
        or_(
            Contact.email_key.contains(words, autoescape=True),
            Contact.name.icontains(words, autoescape=True),
        )
    )
    return or_(
        Client.name_key.contains(words, autoescape=True),
        Client.service.icontains(words, autoescape=True),
        Client.group.icontains(words, autoescape=True),
        Client.id.in_(people),
    )


def _leaving(ids: Sequence[int]) -> dict[int, Departure]:
    query = select(Departure).where(Departure.client_id.in_(ids), Departure.stage.not_in(STAYING))
    rows = db.session.scalars(query.order_by(Departure.notice_on, Departure.id))
    return {departure.client_id: departure for departure in rows}
