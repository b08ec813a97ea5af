"""Clients, contacts and the legal basis of writing to them. A fixed number of statements each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import joinedload, selectinload

from service.clock import now
from service.current import company
from service.extensions import db
from service.mail.policy import suppressions
from service.mail.policy.legal_basis import PURPOSES, Permission, midnight, oldest_day, permission
from service.models import (
    Basis,
    Client,
    Company,
    Consent,
    ConsentPurpose,
    Contact,
    Departure,
    SkipReason,
    Stage,
    SuppressionScope,
)
from service.paging import Page, cut, page_within

SORTS: dict[str, Any] = {
    "name": Client.name_key,
    "service": Client.service,
    "group": Client.group,
    "started_on": Client.started_on,
}
SOON = timedelta(days=60)
ASKED_FOR = (*PURPOSES, ConsentPurpose.keep_in_touch)
STAYING = (Stage.retained, Stage.returned)


@dataclass(frozen=True, slots=True)
class ListedClient:
    """A client and its latest departure, unless the client stays."""

    client: Client
    leaving: Departure | None


def page(q: str, state: str, sort: str, number: int) -> Page[ListedClient]:
    """Return a page of the clients that match `q`; `state` is leaving, staying, ending or all."""
    query = select(Client)
    if q:
        query = query.where(_matches(q))
    gone = select(Departure.client_id).where(Departure.stage.not_in(STAYING))
    if state == "leaving":
        query = query.where(Client.id.in_(gone))
    elif state == "ending":
        ending = select(Contact.client_id).where(basis_is_ending(company(), now()))
        query = query.where(Client.id.in_(ending), Client.is_sample.is_(False))
    elif state == "staying":
        query = query.where(Client.id.not_in(gone))
    count = db.session.scalar(select(func.count()).select_from(query.subquery())) or 0
    number = page_within(number, count)
    column = SORTS.get(sort.removeprefix("-"), Client.name_key)
    ordered = column.desc() if sort.startswith("-") else column.asc()
    query = query.options(selectinload(Client.contacts)).order_by(ordered.nulls_last(), Client.id)
    rows = db.session.scalars(cut(query, number)).all()
    leaving = _departures_under_way([client.id for client in rows])
    return Page([ListedClient(client, leaving.get(client.id)) for client in rows], count, number)


def names() -> Sequence[str]:
    """Return the names of the first 2,000 clients, offered while one types."""
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
    query = query.options(joinedload(Departure.recovery))
    return db.session.scalars(query.order_by(Departure.notice_on.desc(), Departure.id)).all()


def services() -> Sequence[str]:
    """Return the services of all departures, in order."""
    query = select(Departure.service).where(Departure.service != "").distinct()
    return db.session.scalars(query.order_by(Departure.service)).all()


def at_risk_beside(client: Client) -> Sequence[Client]:
    """Return up to 20 clients of the same group that are not leaving, who may follow."""
    if not client.group:
        return []
    gone = select(Departure.client_id).where(Departure.stage.not_in(STAYING))
    query = select(Client).where(
        Client.group == client.group, Client.id != client.id, Client.id.not_in(gone)
    )
    return db.session.scalars(query.order_by(Client.name_key).limit(20)).all()


def _matches(text: str) -> Any:
    part = " ".join(text.split()).casefold()
    people = select(Contact.client_id).where(
        or_(
            Contact.email_key.contains(part, autoescape=True),
            Contact.name.icontains(part, autoescape=True),
        )
    )
    return or_(
        Client.name_key.contains(part, autoescape=True),
        Client.service.icontains(part, autoescape=True),
        Client.group.icontains(part, autoescape=True),
        Client.id.in_(people),
    )


def _departures_under_way(ids: Sequence[int]) -> dict[int, Departure]:
    query = select(Departure).where(Departure.client_id.in_(ids), Departure.stage.not_in(STAYING))
    query = query.options(joinedload(Departure.recovery))
    rows = db.session.scalars(query.order_by(Departure.notice_on, Departure.id))
    return {departure.client_id: departure for departure in rows}


@dataclass(frozen=True, slots=True)
class PurposeState:
    """Whether we may write for one purpose, and the contact's last answer to it."""

    permission: Permission
    why_not: SkipReason | None  # by the permission, or by a suppression of the address
    answer: Consent | None

    @property
    def is_refused(self) -> bool:
        """Whether the last answer was a no, and we may not write."""
        said_no = self.answer is not None and not self.answer.is_granted
        return said_no and not self.permission.is_given

    @property
    def since(self) -> date | None:
        """When the contact said no, or when the basis began."""
        return self.answer.given_at if self.answer and self.is_refused else self.permission.since

    @property
    def proof(self) -> Consent | None:
        """The answer that decides: a no, or the consent; None when it rests on neither."""
        decides = self.is_refused or self.permission.basis is Basis.consent
        return self.answer if decides else None


def consents_of(contact: Contact) -> Sequence[Consent]:
    """Return every yes and no of a contact to mails, the newest first."""
    query = select(Consent).where(Consent.contact_id == contact.id, Consent.purpose.in_(ASKED_FOR))
    query = query.options(joinedload(Consent.member)).order_by(Consent.id.desc())
    return db.session.scalars(query).all()


def purposes_of(
    contact: Contact, consents: Sequence[Consent], company: Company, at: datetime
) -> list[PurposeState]:
    """Return the state of each purpose; `consents` are those of the contact, the newest first."""
    scopes = {row.scope for row in suppressions.of(contact.email)}
    found = []
    for purpose in PURPOSES:
        allowed = permission(contact, purpose, company, at)
        is_stopped = not scopes.isdisjoint({*suppressions.WIDE, SuppressionScope(purpose)})
        stopped = SkipReason.suppressed if is_stopped else None
        found.append(
            PurposeState(allowed, stopped or allowed.why_not, _last_answer(consents, purpose))
        )
    return found


def basis_is_ending(company: Company, at: datetime) -> ColumnElement[bool]:
    """Return the condition that a contact's legitimate interest ends within SOON, with no consent.

    It is the SQL of what `legal_basis.last_day` computes for one contact.
    """
    today = at.astimezone(company.zone).date()
    first = oldest_day(today, company.basis_months)
    after = oldest_day(today + SOON + timedelta(days=1), company.basis_months)
    reliant = [
        and_(getattr(Contact, purpose), getattr(Contact, f"{purpose}_consent_at").is_(None))
        for purpose in PURPOSES
    ]
    return and_(
        Contact.keep_in_touch,
        or_(*reliant),
        Contact.left_on < after,
        or_(Contact.left_on >= first, Contact.interacted_at >= midnight(first, company.zone)),
        or_(
            Contact.interacted_at.is_(None),
            Contact.interacted_at < midnight(after, company.zone),
        ),
    )


def count_ending_bases(company: Company, at: datetime) -> int:
    """Return how many contacts' legitimate interest ends within SOON, without sample data."""
    query = select(func.count(Contact.id)).join(Client, Client.id == Contact.client_id)
    query = query.where(Client.is_sample.is_(False), basis_is_ending(company, at))
    return db.session.scalar(query) or 0


def _last_answer(consents: Sequence[Consent], purpose: ConsentPurpose) -> Consent | None:
    """Return the last consent that covers a purpose.

    "Keep in touch" covers all of them when it is a no, and all but the newsletter when it is a yes.
    """
    for row in consents:
        if row.purpose is purpose:
            return row
        is_wide = purpose is not ConsentPurpose.newsletter or not row.is_granted
        if row.purpose is ConsentPurpose.keep_in_touch and is_wide:
            return row
    return None
