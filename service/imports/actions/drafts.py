"""What the rows of a list say together: each client, contact and departure once. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from service.imports.rules import Row
from service.models import Client, Contact, Departure

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
    """What the file says of one thing (`values`, without empty ones) and what stands already."""

    values: dict[str, Any] = field(default_factory=dict)

    def take(self, row: Row, names: Mapping[str, str], responsibles: Mapping[str, int]) -> None:
        """Take what `row` says and no earlier row has said."""
        for ours, theirs in names.items():
            value = getattr(row, ours)
            if ours == "responsible":
                value = responsibles.get(value)
            if value is not None and value != "" and value != frozenset():
                self.values.setdefault(theirs, value)

    def changes_of(self, standing: Client | Contact | Departure) -> dict[str, Any]:
        """Return the values in which what stands differs from the file."""
        return {
            name: value for name, value in self.values.items() if getattr(standing, name) != value
        }


@dataclass(slots=True)
class ClientDraft(Draft):
    """A client of the list."""

    key: str = ""
    standing: Client | None = None


@dataclass(slots=True)
class ContactDraft(Draft):
    """A contact of the list."""

    key: str = ""
    line: int = 0
    client: ClientDraft = field(default_factory=ClientDraft)
    standing: Contact | None = None


@dataclass(slots=True)
class DepartureDraft(Draft):
    """A departure of the list. `starts` tells that its protocol is to begin with this import."""

    line: int = 0
    contact: ContactDraft = field(default_factory=ContactDraft)
    standing: Departure | None = None
    is_history: bool = False
    starts: bool = False


@dataclass(slots=True)
class Drafts:
    """All that a list says."""

    clients: dict[str, ClientDraft] = field(default_factory=dict)
    contacts: dict[tuple[str, str], ContactDraft] = field(default_factory=dict)
    departures: list[DepartureDraft] = field(default_factory=list)


def draft(rows: Iterable[Row], responsibles: Mapping[str, int]) -> Drafts:
    """Gather the rows. Where two say different things of one client, the first one holds."""
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
    # What a client has now stands on a row without departure, so those are heard first.
    for row in sorted(rows, key=lambda row: row.is_departure):
        drafts.clients[row.client_key].take(row, OF_CLIENT_NOW, responsibles)
    return drafts
