"""Gather the rows of a list: each client, contact and departure once; match them with records."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from service.imports.rules import Row
from service.models import Client, Contact, Departure, Stage
from service.models.clients import name_key

OF_CLIENT = {"client": "name", "group": "group", "started_on": "started_on"}
OF_CLIENT_NOW = {
    "service": "service",
    "monthly_value": "monthly_value",
    "acquisition_cost": "acquisition_cost",
    "margin": "margin",
    "responsible": "responsible_id",
    "notes": "notes",
}
OF_CONTACT = {
    "contact": "name",
    "email": "email",
    "language": "language",
    "phone": "phone",
    "keep_in_touch": "keep_in_touch",
}
OF_DEPARTURE = {
    "service": "service",
    "notice_on": "notice_on",
    "end_on": "end_on",
    "monthly_value": "monthly_value",
    "acquisition_cost": "acquisition_cost",
    "margin": "margin",
    "responsible": "responsible_id",
    "notes": "notes",
    "reasons": "reasons",
}


@dataclass(slots=True)
class Draft:
    """What the file says about one client, contact or departure: `values`, without empty ones."""

    values: dict[str, Any] = field(default_factory=dict)

    def take(self, row: Row, names: Mapping[str, str], responsibles: Mapping[str, int]) -> None:
        """Take the values of `row` that no earlier row has given."""
        for ours, theirs in names.items():
            value = getattr(row, ours)
            if ours == "responsible":
                value = responsibles.get(value)
            if value is not None and value != "" and value != frozenset():
                self.values.setdefault(theirs, value)

    def changes_of(self, existing: Client | Contact | Departure) -> dict[str, Any]:
        """Return the values of the file that differ from the record."""
        return {
            name: value for name, value in self.values.items() if getattr(existing, name) != value
        }


@dataclass(slots=True)
class ClientDraft(Draft):
    """A client of the list, and its record where it exists."""

    key: str = ""
    existing: Client | None = None


@dataclass(slots=True)
class ContactDraft(Draft):
    """A contact of the list, and its record where it exists."""

    key: str = ""
    line: int = 0
    client: ClientDraft = field(default_factory=ClientDraft)
    existing: Contact | None = None


@dataclass(slots=True)
class DepartureDraft(Draft):
    """A departure of the list; with `starts` its protocol begins with this import."""

    line: int = 0
    contact: ContactDraft = field(default_factory=ContactDraft)
    existing: Departure | None = None
    is_history: bool = False
    starts: bool = False


@dataclass(slots=True)
class Drafts:
    """All clients, contacts and departures of a list."""

    clients: dict[str, ClientDraft] = field(default_factory=dict)
    contacts: dict[tuple[str, str], ContactDraft] = field(default_factory=dict)
    departures: list[DepartureDraft] = field(default_factory=list)
    recorded: tuple[int, int] = (0, 0)  # departures of these clients: how many, the last id


def draft(rows: Iterable[Row], responsibles: Mapping[str, int]) -> Drafts:
    """Gather the rows; where two differ about one client, the first one counts."""
    drafts = Drafts()
    rows = list(rows)
    for row in rows:
        client = drafts.clients.setdefault(row.client_key, ClientDraft(key=row.client_key))
        client.take(row, OF_CLIENT, responsibles)
        contact = drafts.contacts.setdefault(
            row.contact_key, ContactDraft(key=row.contact_key[1], line=row.line, client=client)
        )
        contact.take(row, OF_CONTACT, responsibles)
        if row.is_departure:
            departure = DepartureDraft(line=row.line, contact=contact)
            departure.take(row, OF_DEPARTURE, responsibles)
            drafts.departures.append(departure)
    # What a client has now is in a row without departure, so those come first.
    for row in sorted(rows, key=lambda row: row.is_departure):
        drafts.clients[row.client_key].take(row, OF_CLIENT_NOW, responsibles)
    return drafts


Rule = Callable[[DepartureDraft, Departure], bool]


def match(drafts: Iterable[DepartureDraft], existing: Iterable[Departure]) -> None:
    """Set `existing` of each draft that the database has already; no record is used twice.

    A departure recorded twice would say goodbye twice, so in doubt it is the recorded one. The
    surest rule goes first over all drafts, so that a moved date takes no record of another.
    """
    free: dict[int, list[Departure]] = defaultdict(list)
    for departure in existing:
        free[departure.client_id].append(departure)
    left = [draft for draft in drafts if draft.contact.client.existing is not None]
    singles = {key for key, times in Counter(map(_key, left)).items() if times == 1}
    rules: tuple[Rule, ...] = (
        lambda draft, row: _same_contact(draft, row) and _same_days(draft, row),
        lambda draft, row: _same_contact(draft, row) and _same_day(draft, row),
        _same_day,
        lambda draft, row: _key(draft) in singles and _may_have_moved(draft, row),
    )
    for rule in rules:
        left = [draft for draft in left if not _take(draft, free, rule)]


def _take(draft: DepartureDraft, free: dict[int, list[Departure]], rule: Rule) -> bool:
    client = draft.contact.client.existing
    rows = free[client.id] if client is not None else []
    for row in rows:
        if _same_service(draft, row) and rule(draft, row):
            draft.existing = row
            rows.remove(row)
            return True
    return False


def _same_service(draft: DepartureDraft, row: Departure) -> bool:
    ours, theirs = name_key(draft.values.get("service", "")), name_key(row.service)
    return ours == theirs or not ours or not theirs


def _same_contact(draft: DepartureDraft, row: Departure) -> bool:
    contact = draft.contact.existing
    return contact is not None and row.contact_id == contact.id


def _same_days(draft: DepartureDraft, row: Departure) -> bool:
    return (
        draft.values.get("end_on") == row.end_on
        and draft.values.get("notice_on", row.notice_on) == row.notice_on
    )


def _same_day(draft: DepartureDraft, row: Departure) -> bool:
    end_on, notice_on = draft.values.get("end_on"), draft.values.get("notice_on")
    return (end_on is not None and end_on == row.end_on) or notice_on == row.notice_on


def _may_have_moved(draft: DepartureDraft, row: Departure) -> bool:
    """Return whether other dates mean a change of this departure, not another one."""
    return (
        _same_contact(draft, row)
        and not row.is_history
        and row.stage not in (Stage.closed, Stage.retained, Stage.returned)
    )


def _key(draft: DepartureDraft) -> tuple[int, str]:
    return id(draft.contact), name_key(draft.values.get("service", ""))
