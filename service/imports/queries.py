"""Look up what a list may refer to, and which of its rows exist: a few queries for any length."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from flask_babel import force_locale
from sqlalchemy import func, select

from service.config import LANGUAGES
from service.extensions import db
from service.imports.rules import References
from service.imports.rules.drafts import ContactDraft, Drafts, match
from service.labels import label
from service.mail.policy import suppressions
from service.models import Client, Consent, ConsentPurpose, Contact, Departure, Reason, TeamMember
from service.spreadsheets.tables import normalized

AT_ONCE = 5_000  # values in one IN: SQLite takes 32,766 and PostgreSQL 65,535
T = TypeVar("T")


def references() -> References:
    """Return what a list may refer to: reasons by code and label, and the active team members."""
    reasons = {normalized(reason): reason for reason in Reason}
    for language in LANGUAGES:
        with force_locale(language):
            reasons |= {normalized(label(reason)): reason for reason in Reason}
    addresses = db.session.scalars(select(TeamMember.email).where(TeamMember.is_active))
    return References(reasons, frozenset(address.casefold() for address in addresses))


def responsibles() -> dict[str, int]:
    """Return the ids of active team members by address."""
    rows = db.session.execute(select(TeamMember.email, TeamMember.id).where(TeamMember.is_active))
    return {email.casefold(): id_ for email, id_ in rows}


def find_existing(drafts: Drafts) -> None:
    """Set `existing` of every draft to its record, where there is one."""
    for keys in batches(drafts.clients):
        for client in db.session.scalars(select(Client).where(Client.name_key.in_(keys))):
            drafts.clients[client.name_key].existing = client
    by_id = {draft.existing.id: draft.key for draft in drafts.clients.values() if draft.existing}
    departures: list[Departure] = []
    for ids in batches(by_id):
        for contact in db.session.scalars(select(Contact).where(Contact.client_id.in_(ids))):
            contact_draft = drafts.contacts.get((by_id[contact.client_id], contact.email_key))
            if contact_draft is not None:
                contact_draft.existing = contact
        query = select(Departure).where(Departure.client_id.in_(ids)).order_by(Departure.id)
        departures.extend(db.session.scalars(query))
    match(drafts.departures, departures)
    drafts.recorded = (len(departures), max((row.id for row in departures), default=0))


def opted_out(contacts: Iterable[ContactDraft]) -> set[str]:
    """Return those addresses of `contacts` that asked for no mail to keep in touch."""
    wanted = [draft for draft in contacts if draft.values.get("keep_in_touch")]
    refusing: set[str] = set()
    for keys in batches({draft.key for draft in wanted}):
        found = suppressions.find_all(keys)
        refusing.update(key for key, rows in found.items() if rows[0].scope in suppressions.WIDE)
    keys_by_id = {draft.existing.id: draft.key for draft in wanted if draft.existing}
    for ids in batches(keys_by_id):
        newest = (
            select(func.max(Consent.id))
            .where(Consent.contact_id.in_(ids), Consent.purpose == ConsentPurpose.keep_in_touch)
            .group_by(Consent.contact_id)
        )
        query = select(Consent.contact_id).where(
            Consent.id.in_(newest), Consent.is_granted.is_(False)
        )
        refusing.update(keys_by_id[id_] for id_ in db.session.scalars(query))
    return refusing


def batches(values: Iterable[T], size: int = AT_ONCE) -> Iterator[list[T]]:
    """Yield `values` in lists of `size`: by default, of what fits into one IN."""
    rest = iter(values)
    while portion := list(islice(rest, size)):
        yield portion
