"""Look up what the database already has of a list: a few queries, however long the list is."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from sqlalchemy import func, select

from service.extensions import db
from service.imports.actions.drafts import ContactDraft, Drafts
from service.imports.actions.matching import match
from service.mail.policy import suppressions
from service.models import Client, Consent, ConsentPurpose, Contact, Departure, TeamMember

AT_ONCE = 5_000  # values in one IN: SQLite takes 32,766 and PostgreSQL 65,535
T = TypeVar("T")


def responsibles() -> dict[str, int]:
    """Return the ids of providers by address."""
    rows = db.session.execute(select(TeamMember.email, TeamMember.id).where(TeamMember.is_active))
    return {email.casefold(): id_ for email, id_ in rows}


def find_standing(drafts: Drafts) -> None:
    """Set `standing` of every draft that the database has already."""
    for keys in portions(drafts.clients):
        for client in db.session.scalars(select(Client).where(Client.name_key.in_(keys))):
            drafts.clients[client.name_key].standing = client
    by_id = {draft.standing.id: draft.key for draft in drafts.clients.values() if draft.standing}
    departures: list[Departure] = []
    for ids in portions(by_id):
        for contact in db.session.scalars(select(Contact).where(Contact.client_id.in_(ids))):
            contact_draft = drafts.contacts.get((by_id[contact.client_id], contact.email_key))
            if contact_draft is not None:
                contact_draft.standing = contact
        query = select(Departure).where(Departure.client_id.in_(ids)).order_by(Departure.id)
        departures.extend(db.session.scalars(query))
    match(drafts.departures, departures)


def opted_out(contacts: Iterable[ContactDraft]) -> set[str]:
    """Return those addresses of `contacts` whose owner wants no mail to keep in touch."""
    wanted = [draft for draft in contacts if draft.values.get("keep_in_touch")]
    refusing: set[str] = set()
    for keys in portions({draft.key for draft in wanted}):
        found = suppressions.find_all(keys)
        refusing.update(key for key, rows in found.items() if rows[0].scope in suppressions.WIDE)
    known = {draft.standing.id: draft.key for draft in wanted if draft.standing}
    for ids in portions(known):
        newest = (
            select(func.max(Consent.id))
            .where(Consent.contact_id.in_(ids), Consent.purpose == ConsentPurpose.keep_in_touch)
            .group_by(Consent.contact_id)
        )
        query = select(Consent.contact_id).where(
            Consent.id.in_(newest), Consent.is_granted.is_(False)
        )
        refusing.update(known[id_] for id_ in db.session.scalars(query))
    return refusing


def portions(values: Iterable[T]) -> Iterator[list[T]]:
    """Give `values` in lists that fit into one IN."""
    rest = iter(values)
    while portion := list(islice(rest, AT_ONCE)):
        yield portion
