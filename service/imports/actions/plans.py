"""Compute what importing a client list changes, before anything is changed. Only reads."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from flask_babel import gettext as _
from flask_babel import ngettext

from service.clock import today
from service.current import company
from service.departures.actions import departures
from service.imports.queries import find_existing, opted_out, responsibles
from service.imports.rules import Problem, Reading
from service.imports.rules.drafts import ClientDraft, ContactDraft, DepartureDraft, Drafts, draft


@dataclass(frozen=True, slots=True)
class Count:
    """How many records of one kind a list creates, updates and leaves as they are."""

    created: int
    updated: int
    unchanged: int

    @property
    def is_nothing(self) -> bool:
        """Whether none of them changes."""
        return not self.created and not self.updated


@dataclass(frozen=True, slots=True)
class Start:
    """A departure whose protocol begins with the import, so that its contact gets mail."""

    draft: DepartureDraft

    line: int
    client: str
    contact: str
    email: str
    service: str
    end_on: date | None


@dataclass(slots=True)
class Plan:
    """What an import changes. With problems in `reading` it must not be carried out."""

    reading: Reading
    drafts: Drafts = field(default_factory=Drafts)
    clients: Count = Count(0, 0, 0)
    contacts: Count = Count(0, 0, 0)
    departures: Count = Count(0, 0, 0)
    history: int = 0  # new departures that count and get no mail
    starts: list[Start] = field(default_factory=list)

    @property
    def summary(self) -> str:
        """The figures in short, to check that they are still those that were shown."""
        counts = (self.clients, self.contacts, self.departures)
        numbers = [n for count in counts for n in (count.created, count.updated)]
        return "-".join(map(str, [*numbers, self.history, len(self.starts)]))

    @property
    def who_gets_mail(self) -> str:
        """The sentence for how many departures the protocol starts."""
        if not self.starts:
            return str(_("Nobody gets mail."))
        return str(
            ngettext(
                "%(num)d departure starts its protocol, so its contact gets mail.",
                "%(num)d departures start their protocol, so their contacts get mail.",
                len(self.starts),
            )
        )

    @property
    def is_refused(self) -> bool:
        """Whether the list has problems, so that nothing is imported."""
        return bool(self.reading.problems)

    @property
    def changes_nothing(self) -> bool:
        """Whether all of the list is recorded already."""
        return (
            self.clients.is_nothing
            and self.contacts.is_nothing
            and self.departures.is_nothing
            and not self.starts
        )


def plan(reading: Reading, *, protocol_since: date | None = None) -> Plan:
    """Return what importing `reading` changes.

    New departures that ended before `protocol_since` (default: 30 days ago) are history. When it
    is given, departures recorded as history that ended since then start their protocol too.
    """
    found = Plan(reading)
    if found.is_refused:
        return found
    drafts = draft(reading.rows, responsibles())
    find_existing(drafts)
    if _holds_samples(drafts, reading):
        return found
    _keep_opted_out(drafts, reading)
    first = protocol_since or today(company().time_zone) - departures.HISTORY_AFTER
    for departure in drafts.departures:
        _decide(departure, first, is_asked_for=protocol_since is not None)
        _warn_of_other_contact(departure, reading)
    found.drafts = drafts
    found.clients = _count(drafts.clients.values())
    found.contacts = _count(drafts.contacts.values())
    found.departures = _count(drafts.departures)
    found.history = sum(draft.is_history for draft in drafts.departures if draft.existing is None)
    found.starts = [_start(draft) for draft in drafts.departures if draft.starts]
    return found


def _count(drafts: Iterable[ClientDraft | ContactDraft | DepartureDraft]) -> Count:
    created = updated = unchanged = 0
    for one in drafts:
        if one.existing is None:
            created += 1
        elif one.changes_of(one.existing):
            updated += 1
        else:
            unchanged += 1
    return Count(created, updated, unchanged)


def _holds_samples(drafts: Drafts, reading: Reading) -> bool:
    """Add a problem for each sample client of the same name, since those never get mail."""
    before = reading.problems.count
    for contact in drafts.contacts.values():
        existing = contact.client.existing
        if existing is not None and existing.is_sample:
            reason = _("A client of the sample data has this name. Remove the sample data first.")
            reading.problems.add(Problem(reason, contact.line, typed=existing.name))
    return reading.problems.count > before


def _keep_opted_out(drafts: Drafts, reading: Reading) -> None:
    """Keep `keep_in_touch` off, with a warning, for contacts who turned it off."""
    off = [
        contact
        for contact in drafts.contacts.values()
        if contact.existing is None or not contact.existing.keep_in_touch
    ]
    refusing = opted_out(off)
    for contact in off:
        if contact.key in refusing and contact.values.get("keep_in_touch"):
            contact.values["keep_in_touch"] = False
            reason = _("This contact asked for no more mail, so keep in touch stays off.")
            reading.warnings.add(Problem(reason, contact.line, typed=contact.values["email"]))


def _decide(departure: DepartureDraft, first: date, *, is_asked_for: bool) -> None:
    """Set whether it is history (ended before the day `first`) and whether its protocol begins.

    The protocol of a departure recorded as history begins only when that is asked for.
    """
    end_on, existing = departure.values.get("end_on"), departure.existing
    departure.is_history = end_on is not None and end_on < first
    if existing is None:
        departure.starts = not departure.is_history
    elif existing.is_history and not existing.is_over:
        departure.starts = is_asked_for and end_on is not None and not departure.is_history


def _warn_of_other_contact(departure: DepartureDraft, reading: Reading) -> None:
    existing = departure.existing
    if existing is None:
        return
    contact = departure.contact.existing
    if contact is None or existing.contact_id != contact.id:
        reason = _(
            "This departure is already recorded with another contact of the client, who gets its "
            "mails."
        )
        reading.warnings.add(
            Problem(reason, departure.line, typed=departure.contact.values["email"])
        )


def _start(departure: DepartureDraft) -> Start:
    contact = departure.contact
    return Start(
        draft=departure,
        line=departure.line,
        client=contact.client.values["name"],
        contact=contact.values["name"],
        email=contact.values["email"],
        service=service_of(departure),
        end_on=departure.values.get("end_on"),
    )


def service_of(departure: DepartureDraft) -> str:
    """Return the service that ends: that of the row, or else that of the client."""
    client = departure.contact.client
    service: str = departure.values.get("service") or client.values.get("service", "")
    return service or (client.existing.service if client.existing else "")
