"""Carry out a plan: insert new rows in bulk, update changed ones, begin protocols. Flushes."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError

from service.clients.actions import bases
from service.clock import now, today
from service.current import company
from service.departures.actions import departures
from service.departures.actions.departures import Facts
from service.errors import Conflict, Refused
from service.events import actions as events
from service.extensions import db
from service.imports.actions.plans import Plan, plan, service_of
from service.imports.queries import batches
from service.imports.rules import Reading
from service.imports.rules.drafts import ClientDraft, ContactDraft, DepartureDraft
from service.models import (
    Client,
    Contact,
    Departure,
    DepartureReason,
    Enrolment,
    EnrolmentState,
    Event,
    EventKind,
    Protocol,
    TeamMember,
)
from service.models.protocols import fitting
from service.protocols.actions import enrolments
from service.protocols.queries import protocols
from service.tokens import new_public_id

SOURCE = "import"
APART = {"reasons", "responsible_id"}  # no fields of Facts: rows of their own, and an id
ONE_IMPORT = 4_712_026  # key of the advisory lock on PostgreSQL; SQLite has one writer anyway


def carry_out(
    reading: Reading,
    *,
    protocol_since: date | None = None,
    by: TeamMember | None = None,
    source: str = "",
) -> Plan:
    """Import a list and return what it changed; `source` is kept as the origin of new contacts.

    Imports wait for each other, so that the second of the same list changes nothing. Raises
    Refused, with nothing changed, when the list has problems; Conflict when it cannot be written.
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
    ids = _insert_clients([draft for draft in drafts.clients.values() if draft.existing is None])
    ids |= {draft.key: draft.existing.id for draft in drafts.clients.values() if draft.existing}
    contacts = [draft for draft in drafts.contacts.values() if draft.existing is None]
    contact_ids = _insert_contacts(contacts, ids, source)
    changing: list[ClientDraft | ContactDraft] = [
        *drafts.clients.values(),
        *drafts.contacts.values(),
    ]
    for changed in changing:
        if changed.existing is not None:
            for name, value in changed.changes_of(changed.existing).items():
                setattr(changed.existing, name, value)
    _insert_departures(
        [draft for draft in drafts.departures if draft.existing is None], ids, contact_ids, by
    )
    _update_departures([draft for draft in drafts.departures if draft.existing is not None], by)
    moved = {draft.contact.client.key for draft in drafts.departures}
    bases.recount(ids[key] for key in moved | {draft.client.key for draft in contacts})


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
    ids = _insert_with_ids(Client, rows)
    return {draft.key: id_ for draft, id_ in zip(drafts, ids, strict=True)}


def _insert_contacts(
    drafts: Sequence[ContactDraft], client_ids: dict[str, int], source: str
) -> dict[int, int]:
    """Insert new contacts and return their ids by the id() of their draft."""
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
    ids = _insert_with_ids(Contact, rows)
    return {id(draft): id_ for draft, id_ in zip(drafts, ids, strict=True)}


def _insert_departures(
    drafts: Sequence[DepartureDraft],
    client_ids: dict[str, int],
    contact_ids: dict[int, int],
    by: TeamMember | None,
) -> None:
    """Insert new departures with reasons, events and enrolments, one statement for each table."""
    rows, day = [], today(company().time_zone)
    for draft in drafts:
        contact = draft.contact
        client_id = client_ids[contact.client.key]
        contact_id = contact.existing.id if contact.existing else contact_ids[id(contact)]
        values = {name: value for name, value in draft.values.items() if name not in APART}
        facts = Facts(**{**values, "service": service_of(draft), "source": SOURCE})
        rows.append(
            {
                "client_id": client_id,
                "contact_id": contact_id,
                "responsible_id": draft.values.get("responsible_id"),
                **departures.columns_of(facts, by, day, is_history=draft.is_history),
            }
        )
    ids = _insert_with_ids(Departure, rows)
    pairs = list(zip(drafts, ids, strict=True))
    reasons = [
        {"departure_id": id_, "reason": reason}
        for draft, id_ in pairs
        for reason in sorted(draft.values.get("reasons", ()))
    ]
    _insert_rows(DepartureReason, reasons)
    _insert_rows(Event, [events.row(id_, EventKind.recorded, by, SOURCE) for id_ in ids])
    choices = protocols.choices()
    new = [
        _new_enrolment(id_, fitting(choices, service_of(draft), draft.values.get("reasons", ())))
        for draft, id_ in pairs
        if draft.starts
    ]
    _insert_rows(Enrolment, new)


def _update_departures(drafts: Sequence[DepartureDraft], by: TeamMember | None) -> None:
    """Update departures that differ from the list, and begin the protocols that it asks for."""
    touched: dict[int, tuple[Departure, list[str]]] = {}
    begun: list[Departure] = []
    for draft in drafts:
        departure = draft.existing
        if departure is None:
            continue
        changes = draft.changes_of(departure)
        for name, value in changes.items():
            setattr(departure, name, value)
        if changes:
            touched[departure.id] = (departure, list(changes))
        if draft.starts:
            departure.is_history = False
            begun.append(departure)
    changed = [
        events.row(id_, EventKind.changed, by, ",".join(names))
        for id_, (_row, names) in touched.items()
    ]
    resumed = [events.row(departure.id, EventKind.protocol_resumed, by) for departure in begun]
    _insert_rows(Event, changed + resumed)
    _begin(begun)
    _make_due_now([row for row, names in touched.values() if {"end_on", "notice_on"} & set(names)])
    for ids in batches(touched):
        enrolments.recount_all([touched[id_][0] for id_ in ids])


def _begin(begun: Sequence[Departure]) -> None:
    """Begin the protocol of departures that were history, as enrolments.resume does for one."""
    running = _enrolments(begun)
    for enrolment in running.values():
        enrolment.state, enrolment.next_at = EnrolmentState.active, now()
        enrolment.enrolled_at = now()
    choices = protocols.choices()
    fresh = [
        _new_enrolment(row.id, fitting(choices, row.service, row.reasons))
        for row in begun
        if row.id not in running
    ]
    _insert_rows(Enrolment, fresh)


def _make_due_now(moved: Sequence[Departure]) -> None:
    """Make mails due now whose new day has passed, as departures.change does for one."""
    first = today(company().time_zone) - departures.HISTORY_AFTER
    recent = [row for row in moved if row.end_on is None or row.end_on >= first]
    for enrolment in _enrolments(recent).values():
        enrolment.enrolled_at = now()


def _enrolments(rows: Sequence[Departure]) -> dict[int, Enrolment]:
    """Return the enrolments by departure id, locked so that the clock waits."""
    found: dict[int, Enrolment] = {}
    for ids in batches(row.id for row in rows):
        query = select(Enrolment).where(Enrolment.departure_id.in_(ids)).with_for_update()
        found |= {enrolment.departure_id: enrolment for enrolment in db.session.scalars(query)}
    return found


def _new_enrolment(departure_id: int, protocol: Protocol | None) -> dict[str, Any]:
    return {"departure_id": departure_id, **enrolments.beginning(protocol)}


def _insert_with_ids(
    table: type[Client | Contact | Departure], rows: list[dict[str, Any]]
) -> list[int]:
    """Insert rows and return their ids in the same order.

    The ids are selected by public id afterwards: on SQLite, RETURNING in order inserts row by row.
    """
    public_ids = [new_public_id() for _row in rows]
    _insert_rows(
        table, [{"public_id": id_, **row} for id_, row in zip(public_ids, rows, strict=True)]
    )
    ids: dict[str, int] = {}
    for some in batches(public_ids):
        found = db.session.execute(
            select(table.public_id, table.id).where(table.public_id.in_(some))
        )
        ids.update((public_id, id_) for public_id, id_ in found)
    return [ids[public_id] for public_id in public_ids]


def _insert_rows(table: type[Any], rows: list[dict[str, Any]]) -> None:
    """Insert rows, if there are any."""
    if rows:
        db.session.execute(insert(table), rows)
