"""Write the departures of a list: new ones in bulk, on their protocol; changed ones told of."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from service.clock import now, today
from service.current import company
from service.departures.actions import departures
from service.departures.actions.departures import Facts
from service.events import actions as events
from service.extensions import db
from service.imports.actions.bulk import insert_all, insert_quietly
from service.imports.actions.drafts import DepartureDraft
from service.imports.actions.plans import service_of
from service.imports.actions.standing import portions
from service.models import (
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

SOURCE = "import"
APART = {"reasons", "responsible_id"}  # a row each, or known by its id


def insert_departures(
    drafts: Sequence[DepartureDraft],
    client_ids: dict[str, int],
    contact_ids: dict[int, int],
    by: TeamMember | None,
) -> None:
    """Insert new departures with their reasons, events and enrolments: a statement for each."""
    rows, day = [], today(company().time_zone)
    for draft in drafts:
        contact = draft.contact
        client_id = client_ids[contact.client.key]
        contact_id = contact.standing.id if contact.standing else contact_ids[id(contact)]
        rows.append(
            {
                "client_id": client_id,
                "contact_id": contact_id,
                "responsible_id": draft.values.get("responsible_id"),
                **departures.columns_of(_facts(draft), by, day, is_history=draft.is_history),
            }
        )
    ids = insert_all(Departure, rows)
    pairs = list(zip(drafts, ids, strict=True))
    reasons = [
        {"departure_id": id_, "reason": reason}
        for draft, id_ in pairs
        for reason in sorted(draft.values.get("reasons", ()))
    ]
    insert_quietly(DepartureReason, reasons)
    insert_quietly(Event, [events.row(id_, EventKind.recorded, by, SOURCE) for id_ in ids])
    known = protocols.choices()
    enrolments = [
        _beginning(id_, fitting(known, service_of(draft), draft.values.get("reasons", ())))
        for draft, id_ in pairs
        if draft.starts
    ]
    insert_quietly(Enrolment, enrolments)


def _facts(draft: DepartureDraft) -> Facts:
    told = {name: value for name, value in draft.values.items() if name not in APART}
    return Facts(**{**told, "service": service_of(draft), "source": SOURCE})


def update_departures(drafts: Sequence[DepartureDraft], by: TeamMember | None) -> None:
    """Change what the list says otherwise, and begin the protocols that it asks for."""
    touched: dict[int, tuple[Departure, list[str]]] = {}
    begun: list[Departure] = []
    for draft in drafts:
        departure = draft.standing
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
    insert_quietly(Event, changed + resumed)
    _begin(begun)
    _count_anew([row for row, names in touched.values() if {"end_on", "notice_on"} & set(names)])
    for ids in portions(touched):
        enrolments.recount_all([touched[id_][0] for id_ in ids])


def _begin(begun: Sequence[Departure]) -> None:
    """Put on their protocol departures that were history, as enrolments.resume does for one."""
    enrolments = _enrolments(begun)
    for enrolment in enrolments.values():
        enrolment.state, enrolment.next_at = EnrolmentState.active, now()
        enrolment.enrolled_at = now()
    known = protocols.choices()
    fresh = [
        _beginning(row.id, fitting(known, row.service, row.reasons))
        for row in begun
        if row.id not in enrolments
    ]
    insert_quietly(Enrolment, fresh)


def _count_anew(moved: Sequence[Departure]) -> None:
    """Let mails whose new day has passed go now, as departures.change does for one."""
    first = today(company().time_zone) - departures.HISTORY_AFTER
    recent = [row for row in moved if row.end_on is None or row.end_on >= first]
    for enrolment in _enrolments(recent).values():
        enrolment.enrolled_at = now()


def _enrolments(rows: Sequence[Departure]) -> dict[int, Enrolment]:
    """Return the enrolments of departures by their id, held against the clock."""
    found: dict[int, Enrolment] = {}
    for ids in portions(row.id for row in rows):
        query = select(Enrolment).where(Enrolment.departure_id.in_(ids)).with_for_update()
        found |= {enrolment.departure_id: enrolment for enrolment in db.session.scalars(query)}
    return found


def _beginning(departure_id: int, protocol: Protocol | None) -> dict[str, Any]:
    return {"departure_id": departure_id, **enrolments.beginning(protocol)}
