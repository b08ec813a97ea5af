"""Carry a list out: new rows in bulk, an update for each changed one, protocols begun. Flushes."""

from collections.abc import Sequence
from datetime import date

from flask_babel import gettext as _
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from service.clients.actions import bases
from service.current import company
from service.errors import Conflict, Refused
from service.extensions import db
from service.imports.actions.bulk import insert_all
from service.imports.actions.drafts import ClientDraft, ContactDraft, Draft
from service.imports.actions.leaving import insert_departures, update_departures
from service.imports.actions.plans import Plan, plan
from service.imports.rules import Reading
from service.models import Client, Contact, TeamMember

ONE_IMPORT = 4_712_026  # the name of our lock on PostgreSQL; SQLite has one writer anyway


def carry_out(
    reading: Reading,
    *,
    protocol_since: date | None = None,
    by: TeamMember | None = None,
    source: str = "",
) -> Plan:
    """Bring a list in and return what it came to. `source` says how the addresses came to us.

    Imports take turns, so that two of the same list come to one. Raises Refused, with nothing
    changed, when something in the list is wrong.
    """
    if db.engine.dialect.name == "postgresql":
        db.session.execute(text("SELECT pg_advisory_xact_lock(:name)"), {"name": ONE_IMPORT})
    done = plan(reading, protocol_since=protocol_since)
    if done.is_refused:
        raise Refused(_("Nothing was imported: something in the list has to be put right first."))
    try:
        _write(done, by, source)
        db.session.flush()
    except IntegrityError as error:
        raise Conflict(
            _("Somebody changed the same clients meanwhile. Nothing was imported; try it again.")
        ) from error
    return done


def _write(done: Plan, by: TeamMember | None, source: str) -> None:
    drafts = done.drafts
    ids = _insert_clients([draft for draft in drafts.clients.values() if draft.standing is None])
    ids |= {draft.key: draft.standing.id for draft in drafts.clients.values() if draft.standing}
    contacts = [draft for draft in drafts.contacts.values() if draft.standing is None]
    contact_ids = _insert_contacts(contacts, ids, source)
    for draft in drafts.clients.values():
        _update(draft, draft.standing)
    for contact in drafts.contacts.values():
        _update(contact, contact.standing)
    insert_departures(
        [draft for draft in drafts.departures if draft.standing is None], ids, contact_ids, by
    )
    update_departures([draft for draft in drafts.departures if draft.standing is not None], by)
    moved = {draft.contact.client.key for draft in drafts.departures}
    bases.recount(ids[key] for key in moved | {draft.client.key for draft in contacts})


def _update(draft: Draft, standing: Client | Contact | None) -> None:
    if standing is not None:
        for name, value in draft.changes_of(standing).items():
            setattr(standing, name, value)


def _insert_clients(drafts: Sequence[ClientDraft]) -> dict[str, int]:
    rows = [
        {
            "name_key": draft.key,
            "group": "",
            "service": "",
            "started_on": None,
            "monthly_value": None,
            "acquisition_cost": None,
            "margin": None,
            "responsible_id": None,
            "notes": "",
            **draft.values,
        }
        for draft in drafts
    ]
    ids = insert_all(Client, rows)
    return {draft.key: id_ for draft, id_ in zip(drafts, ids, strict=True)}


def _insert_contacts(
    drafts: Sequence[ContactDraft], client_ids: dict[str, int], source: str
) -> dict[int, int]:
    """Return the new ids by the id() of their draft."""
    language = company().language
    rows = [
        {
            "client_id": client_ids[draft.client.key],
            "email_key": draft.key,
            "language": language,
            "phone": "",
            "keep_in_touch": True,
            "source": source[:100],
            **draft.values,
        }
        for draft in drafts
    ]
    ids = insert_all(Contact, rows)
    return {id(draft): id_ for draft, id_ in zip(drafts, ids, strict=True)}
