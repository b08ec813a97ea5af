"""Import a list of addresses that get no mail: whole or not at all, twice the same as once.

`plan` computes what the list changes and only reads; `stage` makes its rows ready, and `publish`
makes them real. The addresses need not be those of contacts.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import func, select

from service.clock import now
from service.errors import Refused
from service.extensions import db
from service.imports.actions.staging import OF_SUPPRESSIONS, Stage
from service.imports.queries import batches
from service.imports.rules.suppressions import Entry, Reading
from service.mail.policy import suppressions
from service.mail.policy.suppressions import email_key
from service.models import (
    Contact,
    Suppression,
    SuppressionChange,
    SuppressionReason,
    TeamMember,
)

SOURCE = "import"

Key = tuple[str, str, str]  # address_hash, scope, reason


@dataclass(slots=True)
class Plan:
    """What an import changes. With problems in `reading` it must not be carried out."""

    reading: Reading
    rows: list[dict[str, Any]] = field(default_factory=list)  # to be inserted
    unchanged: int = 0  # on the list already, or repeated in the file
    contacts: int = 0  # contacts who get less mail from then on

    @property
    def is_refused(self) -> bool:
        """Whether the list has problems, so that nothing is imported."""
        return bool(self.reading.problems)

    @property
    def by_reason(self) -> dict[SuppressionReason, int]:
        """How many are new, by reason, the most frequent first."""
        return dict(Counter(row["reason"] for row in self.rows).most_common())

    @property
    def has_one_reason(self) -> bool:
        """Whether all new ones have the same reason."""
        return len(self.by_reason) == 1

    @property
    def summary(self) -> str:
        """The figures in short, to check that they are still those that were shown."""
        return f"{len(self.rows)}-{self.unchanged}-{self.contacts}"


def plan(reading: Reading, *, file: str = "", by: TeamMember | None = None) -> Plan:
    """Return what importing `reading` changes; a few queries, however long it is.

    `file` is the note of entries that have none.
    """
    found = Plan(reading)
    if found.is_refused:
        return found
    hashed = [
        suppressions.address_hashes(entry.email) if entry.email else [entry.address_hash]
        for entry in reading.entries
    ]
    seen = _existing_keys(one for hashes in hashed for one in hashes)
    moment = now()
    for entry, hashes in zip(reading.entries, hashed, strict=True):
        keys = [(one, entry.scope.value, entry.reason.value) for one in hashes]
        if seen.isdisjoint(keys):
            seen.add(keys[0])
            found.rows.append(_row(entry, hashes[0], file, by) | {"created_at": entry.at or moment})
        else:
            found.unchanged += 1
    found.contacts = _count_contacts(row["address"] for row in found.rows)
    return found


@dataclass(frozen=True, slots=True)
class Staged:
    """An import that is ready to be published."""

    plan: Plan
    stage: Stage


def stage(reading: Reading, *, file: str = "", by: TeamMember | None = None) -> Staged:
    """Plan the import of a list and make its rows ready; nobody else sees anything of them.

    Raises Refused when something in the list is wrong.
    """
    found = plan(reading, file=file, by=by)
    if found.is_refused:
        raise Refused(_("Nothing was imported: something in the list has to be put right first."))
    rows = Stage(OF_SUPPRESSIONS)
    rows.add(Suppression, found.rows)
    rows.add(SuppressionChange, [suppressions.change_of(row) for row in found.rows])
    return Staged(found, rows)


def publish(staged: Staged) -> None:
    """Make the rows real, all of them, in the transaction of the caller.

    What came on the list meanwhile stays as it is.
    """
    staged.stage.publish_new(SuppressionChange, unless=(Suppression, suppressions.KEY))
    staged.stage.publish_new(Suppression, unless=(Suppression, suppressions.KEY))
    addresses = (row["address"] for row in staged.plan.rows if row["address"])
    suppressions.take_back(suppressions.held().intersection(map(email_key, addresses)))


def _existing_keys(hashes: Iterable[str]) -> set[Key]:
    """Return the keys of the suppressions that exist for these hashes."""
    held: set[Key] = set()
    columns = (Suppression.address_hash, Suppression.scope, Suppression.reason)
    for some in batches(dict.fromkeys(hashes)):
        query = select(*columns).where(Suppression.address_hash.in_(some))
        held.update(
            (one, scope.value, reason.value) for one, scope, reason in db.session.execute(query)
        )
    return held


def _row(entry: Entry, hashed: str, file: str, by: TeamMember | None) -> dict[str, Any]:
    return {
        "address_hash": hashed,
        "address": entry.email or None,
        "reason": entry.reason,
        "scope": entry.scope,
        "source": SOURCE,
        "detail": entry.note or file,
        "provider_id": by.id if by else None,
    }


def _count_contacts(addresses: Iterable[str | None]) -> int:
    """Return how many contacts have these addresses."""
    keys = dict.fromkeys(address.casefold() for address in addresses if address)
    return sum(
        db.session.scalar(select(func.count(Contact.id)).where(Contact.email_key.in_(some))) or 0
        for some in batches(keys)
    )
