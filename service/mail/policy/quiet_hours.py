"""Find the due mails that go only later, and when: quiet hours and the daily cap. Reads only.

Both are counted in the reader's time zone, or in the company's when theirs is unknown. The cap is
on mails that nobody asked for, to one address, whichever clients it belongs to.

No address gets more than its cap, however many workers there are: a claim is committed before it
is counted here, so of two claims at least the later one sees the other. When rows that other
workers hold fill the cap, a row waits some minutes, not until tomorrow, because those may still
fail or wait themselves. A mail that a person sends by hand goes at once, and counts.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import case, select

from service import current
from service.clock import local_moment
from service.extensions import db
from service.mail.kinds import RULES
from service.mail.sql import among
from service.models import (
    Company,
    Contact,
    MailKind,
    MailState,
    OutboxMessage,
    Priority,
    WaitReason,
)

UNASKED = tuple(kind for kind, rules in RULES.items() if not rules.is_transactional)
ARRIVED = (MailState.sent, MailState.uncertain)  # an uncertain one may have
MINUTE = timedelta(minutes=1)

Order = tuple[int, datetime, int]  # the more urgent, then the longer due, then the first written


@dataclass(frozen=True, slots=True)
class Wait:
    """When a mail may go, and why not before."""

    until: datetime
    why: WaitReason


@dataclass(frozen=True, slots=True)
class _Other:
    """Another mail to the same address, which is not decided here."""

    state: MailState
    ended_at: datetime | None
    order: Order

    def arrived_within(self, begins: datetime, ends: datetime) -> bool:
        """Return whether it reached the reader, or may have, in that time."""
        if self.state not in ARRIVED or self.ended_at is None:
            return False
        return begins <= self.ended_at < ends

    def is_ahead_of(self, row: OutboxMessage, together: Collection[int]) -> bool:
        """Return whether it is being sent before `row`: from another claim, or in front of it."""
        if self.state is not MailState.sending:
            return False
        return self.order[-1] not in together or self.order < _order(row)


def waits(
    rows: Sequence[OutboxMessage], at: datetime, together: Collection[int] = ()
) -> dict[int, Wait]:
    """Return the waits of those `rows`, due at `at`, that go only later, by id; at most one query.

    `together` are the ids of all rows of their claim; rows of earlier claims go first. The rows of
    the claim have to be committed as `sending` (see above).
    """
    company = current.company()
    found = {}
    for row in rows:
        if row.contact is None or _is_by_hand(row):
            continue
        ends = quiet_until(row.kind, row.contact, at, company)
        if ends > at:
            found[row.id] = Wait(ends, WaitReason.quiet_hours)
    capped = [
        (row, row.contact)
        for row in rows
        if row.contact is not None and row.kind in UNASKED and row.id not in found
    ]
    return {**found, **_over_the_cap(capped, at, company, together)} if capped else found


def quiet_until(kind: MailKind, contact: Contact, at: datetime, company: Company) -> datetime:
    """Return when a mail of `kind` may reach `contact`: `at`, or the end of the quiet hours."""
    if RULES[kind].priority is Priority.urgent:
        return at
    return company.quiet_hours.over_at(at, zone_of(contact, company))


def zone_of(contact: Contact, company: Company) -> str:
    """Return the zone in which the contact's days and hours are counted."""
    try:
        return ZoneInfo(contact.time_zone).key if contact.time_zone else company.time_zone
    except (KeyError, ValueError, OSError):  # a zone that this machine's tables do not have
        return company.time_zone


def by_moment(found: Mapping[int, Wait]) -> dict[datetime, list[int]]:
    """Return the ids of what waits, by the moment that they wait for."""
    moments = defaultdict(list)
    for row_id, wait in found.items():
        moments[wait.until].append(row_id)
    return dict(moments)


def _over_the_cap(
    rows: Sequence[tuple[OutboxMessage, Contact]],
    at: datetime,
    company: Company,
    together: Collection[int],
) -> dict[int, Wait]:
    """Return the waits of mails over their reader's cap, counting mails by hand first."""
    others = _others(rows, at)
    passing: Counter[str] = Counter()
    found = {}
    for row, contact in sorted(rows, key=lambda pair: (not _is_by_hand(pair[0]), _order(pair[0]))):
        address = contact.email_key
        begins, ends = _day_of(at, zone_of(contact, company))
        had = sum(other.arrived_within(begins, ends) for other in others[address])
        left = max(company.daily_cap, 1) - had - passing[address]
        in_hand = sum(other.is_ahead_of(row, together) for other in others[address])
        if left > in_hand or _is_by_hand(row):
            passing[address] += 1
            continue
        soon = at + MINUTE * (1 + row.id % 10)  # so that they are not claimed together again
        until = soon if left > 0 else _tomorrow(row, contact, at, company)
        found[row.id] = Wait(until, WaitReason.daily_cap)
    return found


def _others(rows: Sequence[tuple[OutboxMessage, Contact]], at: datetime) -> dict[str, list[_Other]]:
    """Return the mails that reached these addresses lately or are being sent, by address.

    One statement, so that a row that goes from sending to sent meanwhile is seen exactly once.
    """
    lately = at - timedelta(days=2)
    query = (
        select(
            Contact.email_key,
            OutboxMessage.state,
            OutboxMessage.ended_at,
            OutboxMessage.priority,
            OutboxMessage.due_at,
            OutboxMessage.id,
        )
        .join(Contact, OutboxMessage.contact_id == Contact.id)
        .where(
            among(Contact.email_key, {contact.email_key for _row, contact in rows}),
            ~among(OutboxMessage.id, [row.id for row, _contact in rows]),
            OutboxMessage.kind.in_(UNASKED),
            # a case, not an OR: SQLite would take an index for each and read all that is sent
            case(
                (OutboxMessage.state == MailState.sending, True),
                (OutboxMessage.state.in_(ARRIVED), OutboxMessage.ended_at > lately),
                else_=False,
            ),
        )
    )
    found = defaultdict(list)
    for address, state, ended_at, priority, due_at, row_id in db.session.execute(query):
        found[address].append(_Other(state, ended_at, (priority, due_at, row_id)))
    return found


def _tomorrow(row: OutboxMessage, contact: Contact, at: datetime, company: Company) -> datetime:
    """Return the reader's next day at the row's time of day, or the end of the quiet hours."""
    zone = zone_of(contact, company)
    day = at.astimezone(ZoneInfo(zone)).date() + timedelta(days=1)
    own = row.due_at.astimezone(ZoneInfo(zone)).time()
    return quiet_until(row.kind, contact, local_moment(day, own, zone), company)


def _day_of(at: datetime, zone: str) -> tuple[datetime, datetime]:
    day = at.astimezone(ZoneInfo(zone)).date()
    return local_moment(day, time(), zone), local_moment(day + timedelta(days=1), time(), zone)


def _order(row: OutboxMessage) -> Order:
    return row.priority, row.due_at, row.id


def _is_by_hand(row: OutboxMessage) -> bool:
    return bool((row.context or {}).get("by_hand"))
