"""Make the rows of a planned import ready: what it adds, what it changes, what it tells.

Only the temporary tables of a Stage are filled; writing.publish makes the rows real.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from sqlalchemy import select

from service.clients.actions import bases
from service.clock import today
from service.current import company
from service.departures.actions import departures
from service.departures.actions.departures import Facts
from service.events import actions as events
from service.extensions import db
from service.imports.actions.plans import service_of
from service.imports.actions.previews import APART
from service.imports.actions.staging import Stage
from service.imports.actions.undoing import old_and_new
from service.imports.queries import batches
from service.imports.rules.drafts import ClientDraft, ContactDraft, DepartureDraft, Drafts
from service.models import (
    Client,
    Contact,
    Departure,
    DepartureReason,
    Enrolment,
    Event,
    EventKind,
    TeamMember,
)
from service.models.protocols import fitting
from service.protocols.actions import enrolments
from service.protocols.queries import protocols
from service.tokens import new_public_id
from service.yearly import key_of

SOURCE = "import"


class PlannedRows:
    """The rows of a plan, which make() puts into the temporary tables of `rows`.

    `started` and `was` are then what the act of the import keeps: the public ids of departures
    whose protocol begins, by line, and what was before.
    """

    def __init__(self, drafts: Drafts, rows: Stage, by: TeamMember | None, source: str) -> None:
        self.drafts, self.rows, self.by, self.source = drafts, rows, by, source
        self.day, self.language = today(company().time_zone), company().language
        self.first = self.day - departures.HISTORY_AFTER
        self.choices = protocols.choices()
        self.events: list[dict[str, Any]] = []
        self.reasons: list[dict[str, Any]] = []
        self.enrolments: list[dict[str, Any]] = []
        self.left_on: dict[str, date] = {}  # by key of the client: the latest end
        self.started: dict[int, str] = {}  # public ids of those whose protocol begins, by line
        self.was: dict[str, Any] = {"changed": {}, "begun": {}}
        # By key of the client, and by id() of a contact's draft.
        self.client_ids = {
            draft.key: draft.existing.public_id if draft.existing else new_public_id()
            for draft in drafts.clients.values()
        }
        self.contact_ids = {
            id(draft): draft.existing.public_id if draft.existing else new_public_id()
            for draft in drafts.contacts.values()
        }

    def make(self) -> None:
        """Fill the temporary tables."""
        drafts = self.drafts
        new_contacts = [draft for draft in drafts.contacts.values() if draft.existing is None]
        self.rows.add(
            Client,
            [
                self._client(draft.key) | draft.values
                for draft in drafts.clients.values()
                if draft.existing is None
            ],
        )
        self.rows.change(Client, self._changes("client", drafts.clients.values()))
        self.rows.change(Contact, self._changes("contact", drafts.contacts.values()))
        new = [draft for draft in drafts.departures if draft.existing is None]
        self.rows.add(Departure, [self._departure(draft) for draft in new])
        self.rows.add(Contact, [self._contact(draft) | draft.values for draft in new_contacts])
        moved = self._change_departures()
        self.rows.add(DepartureReason, self.reasons)
        self.rows.add(Event, self.events)
        self.rows.add(Enrolment, self.enrolments)
        moved |= {draft.contact.client.key for draft in new}
        moved |= {draft.client.key for draft in new_contacts}
        moved &= {key for key, draft in drafts.clients.items() if draft.existing}
        self.rows.name_clients({id_: key in moved for key, id_ in self.client_ids.items()})

    def _client(self, key: str) -> dict[str, Any]:
        return {
            "public_id": self.client_ids[key],
            "name_key": key,
            "group": "",
            "service": "",
            "started_on": None,
            "monthly_value": None,
            "acquisition_cost": None,
            "margin": None,
            "responsible_id": None,
            "notes": "",
        }

    def _contact(self, draft: ContactDraft) -> dict[str, Any]:
        left_on = self.left_on.get(draft.client.key)  # of a client that is known it is counted anew
        return {
            "public_id": self.contact_ids[id(draft)],
            "client": self.client_ids[draft.client.key],
            "email_key": draft.key,
            "language": self.language,
            "phone": "",
            "keep_in_touch": True,
            "source": self.source[:100],
            "left_on": left_on,
            "basis": bases.basis_of(left_on),
        }

    def _departure(self, draft: DepartureDraft) -> dict[str, Any]:
        """Return the row of a new departure; note its reasons, event and enrolment."""
        public_id, client = new_public_id(), draft.contact.client.key
        values = {name: value for name, value in draft.values.items() if name not in APART}
        facts = Facts(**{**values, "service": service_of(draft), "source": SOURCE})
        self._note_reasons(public_id, draft)
        self._note_event(public_id, EventKind.recorded, SOURCE)
        if draft.starts:
            self.started[draft.line] = public_id
            self._note_enrolment(public_id, service_of(draft), draft.values.get("reasons", ()))
        columns = departures.columns_of(facts, self.by, self.day, is_history=draft.is_history)
        left_on = columns["end_on"] or columns["notice_on"]
        self.left_on[client] = max(left_on, self.left_on.get(client, left_on))
        return {
            "public_id": public_id,
            "client": self.client_ids[client],
            "contact": self.contact_ids[id(draft.contact)],
            "responsible_id": draft.values.get("responsible_id"),
            **columns,
        }

    def _changes(
        self, kind: str, drafts: Iterable[ClientDraft | ContactDraft]
    ) -> list[dict[str, Any]]:
        """Return what the list changes of each known client or contact, with its id."""
        changed = []
        for draft in drafts:
            values = draft.changes_of(draft.existing) if draft.existing else {}
            if "started_on" in values:
                values["started_day"] = key_of(values["started_on"])
            if draft.existing and values:
                self._note_old(kind, draft.existing, values)
                changed.append({"id": draft.existing.id, **values})
        return changed

    def _change_departures(self) -> set[str]:
        """Add changes of known departures; return the keys of clients whose days moved."""
        changed, moved = [], set()
        begun = [row.existing.id for row in self.drafts.departures if row.existing and row.starts]
        enrolled = _enrolled(begun)
        for draft in self.drafts.departures:
            row = draft.existing
            if row is None:
                continue
            values = draft.changes_of(row)
            if not values and not draft.starts:
                continue
            names, has_moved = list(values), bool({"end_on", "notice_on"} & set(values))
            if values:
                self._note_old("departure", row, values)
                self._note_event(row.public_id, EventKind.changed, ",".join(names))
            if has_moved:
                moved.add(draft.contact.client.key)
            if "reasons" in values:
                self._note_reasons(row.public_id, draft)
            if draft.starts:
                self.started[draft.line] = row.public_id
                self.was["begun"][str(row.id)] = enrolled.get(row.id)
                self._note_event(row.public_id, EventKind.protocol_resumed)
                if row.id not in enrolled:
                    reasons = values.get("reasons", row.reasons)
                    self._note_enrolment(row.public_id, values.get("service", row.service), reasons)
                values["is_history"] = False
            end_on = values.get("end_on", row.end_on)
            changed.append(
                {
                    "id": row.id,
                    "has_other_reasons": values.pop("reasons", None) is not None,
                    "begins": draft.starts,
                    "has_moved": has_moved and (end_on is None or end_on >= self.first),
                    **values,
                }
            )
        self.rows.change(Departure, changed)
        return moved

    def _note_old(self, kind: str, row: Client | Contact | Departure, values: Any) -> None:
        self.was["changed"].setdefault(kind, {})[str(row.id)] = old_and_new(row, values)

    def _note_reasons(self, public_id: str, draft: DepartureDraft) -> None:
        self.reasons += [
            {"departure": public_id, "reason": reason}
            for reason in sorted(draft.values.get("reasons", ()))
        ]

    def _note_event(self, public_id: str, kind: EventKind, detail: str = "") -> None:
        event = events.row(0, kind, self.by, detail)
        del event["departure_id"]
        self.events.append({"departure": public_id, **event})

    def _note_enrolment(self, public_id: str, service: str, reasons: Any) -> None:
        protocol = fitting(self.choices, service, reasons)
        self.enrolments.append({"departure": public_id, **enrolments.beginning(protocol)})


def _enrolled(departure_ids: Sequence[int]) -> dict[int, str]:
    """Return the state of the protocol of those departures that are on one already."""
    found: dict[int, str] = {}
    for ids in batches(departure_ids):
        query = select(Enrolment.departure_id, Enrolment.state)
        query = query.where(Enrolment.departure_id.in_(ids))
        found.update({row[0]: row[1].value for row in db.session.execute(query)})
    return found
