"""Find the due mails that go only later, and when: business hours and how many go on one day.

Reads only. Hours and days are counted in the reader's time zone, or in the company's when theirs is
unknown. One mail of a farewell goes to an address on a day, and of mails that nobody asked for no
more than the company's daily cap, whichever clients the address belongs to.

No address gets more than that, however many workers there are: a claim is committed before it is
counted here, so of two claims at least the later one sees the other. When rows that other workers
hold fill the day, or such of a farewell that are due before it, a row waits some minutes, not
until tomorrow, because those may still fail or wait themselves. A mail that a person sends by hand
goes at once, and counts.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import and_, case, or_, select

from service import current
from service.clock import local_moment
from service.extensions import db
from service.mail.decision import Decision
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

Order = tuple[int, int]  # the more urgent, then the first written: of a farewell, by its protocol


@dataclass(frozen=True, slots=True)
class Wait:
    """When a mail may go, why not before, and until when it may if that becomes later."""

    until: datetime
    why: WaitReason
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Other:
    """Another mail to the same address, which is not decided here."""

    state: MailState
    ended_at: datetime | None
    order: Order
    limits: tuple[WaitReason, ...]

    def arrived_within(self, begins: datetime, ends: datetime) -> bool:
        """Return whether it reached the reader, or may have, in that time."""
        if self.state not in ARRIVED or self.ended_at is None:
            return False
        return begins <= self.ended_at < ends

    def is_ahead_of(self, row: OutboxMessage, together: Collection[int]) -> bool:
        """Return whether it goes before `row`: due and in front of it, or in another claim."""
        is_in_front = self.order < _order(row)
        if self.state is not MailState.sending:
            return self.state is MailState.queued and is_in_front
        return is_in_front or self.order[-1] not in together


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
        until = permitted_at_of(row, at, company)
        if until > at:
            found[row.id] = _wait(row, until, WaitReason.business_hours, company)
    limited = [
        (row, row.contact)
        for row in rows
        if row.contact is not None and _limits(row.kind, row.step) and row.id not in found
    ]
    return {**found, **_over_the_limits(limited, at, company, together)} if limited else found


def permitted_at_of(row: OutboxMessage, at: datetime, company: Company) -> datetime:
    """Return the first moment from `at` on at which a mail that is written may reach its reader.

    What somebody sends by hand goes at any hour, and so does a newsletter at the time that was
    chosen for it: its rows carry no decision until they had to wait, and then they keep the hours.
    """
    is_at_its_time = row.issue_id is not None and row.decision is None
    if row.contact is None or _is_by_hand(row) or is_at_its_time:
        return at
    return permitted_at(row.kind, row.contact, at, company)


def permitted_at(
    kind: MailKind,
    contact: Contact,
    at: datetime,
    company: Company,
) -> datetime:
    """Return the first moment from `at` on at which a mail of `kind` may reach `contact`.

    What answers a press of theirs may at any time.
    """
    if RULES[kind].priority is Priority.urgent:
        return at
    return company.business_hours.permitted_at(at, contact.zone(company.time_zone))


def by_moment(found: Mapping[int, Wait]) -> dict[datetime, list[int]]:
    """Return the ids of what waits, by the moment that they wait for."""
    moments = defaultdict(list)
    for row_id, wait in found.items():
        moments[wait.until].append(row_id)
    return dict(moments)


def _limits(kind: MailKind, step: str | None) -> tuple[WaitReason, ...]:
    """Return why another mail of that day may hold this one back."""
    of_the_farewell = (WaitReason.one_a_day,) if step else ()
    return (*of_the_farewell, WaitReason.daily_cap) if kind in UNASKED else of_the_farewell


def _wait(row: OutboxMessage, until: datetime, why: WaitReason, company: Company) -> Wait:
    """Return a wait that takes nothing off the time that the mail has from its first moment on."""
    if row.expires_at is None:
        return Wait(until, why)
    ends_at = until + (row.expires_at - permitted_at_of(row, row.due_at, company))
    return Wait(until, why, ends_at if ends_at > row.expires_at else None)


def _over_the_limits(
    rows: Sequence[tuple[OutboxMessage, Contact]],
    at: datetime,
    company: Company,
    together: Collection[int],
) -> dict[int, Wait]:
    """Return the waits of mails over what their reader may get that day, mails by hand first."""
    others, most = _others(rows, at), {WaitReason.one_a_day: 1}
    most[WaitReason.daily_cap] = max(company.daily_cap, 1)
    passing: Counter[tuple[str, WaitReason]] = Counter()
    found = {}
    for row, contact in sorted(rows, key=lambda pair: (not _is_by_hand(pair[0]), _order(pair[0]))):
        address, limits = contact.email_key, _limits(row.kind, row.step)
        begins, ends = _day_of(at, contact.zone(company.time_zone))
        for why in () if _is_by_hand(row) else limits:
            counted = [other for other in others[address] if why in other.limits]
            had = sum(other.arrived_within(begins, ends) for other in counted)
            left = most[why] - had - passing[address, why]
            if left > sum(other.is_ahead_of(row, together) for other in counted):
                continue
            soon = at + MINUTE * (1 + row.id % 10)  # so that they are not claimed together again
            until = soon if left > 0 else _tomorrow(row, contact, at, company)
            found[row.id] = _wait(row, until, why, company)
            break
        else:
            passing.update((address, why) for why in limits)
    return found


def _others(rows: Sequence[tuple[OutboxMessage, Contact]], at: datetime) -> dict[str, list[_Other]]:
    """Return the mails that reached these addresses lately or are being sent, by address.

    One statement, so that a row that goes from sending to sent meanwhile is seen exactly once.
    """
    lately = at - timedelta(days=2)
    is_in_line = and_(OutboxMessage.state == MailState.queued, OutboxMessage.step.is_not(None))
    query = (
        select(
            Contact.email_key,
            OutboxMessage.state,
            OutboxMessage.ended_at,
            OutboxMessage.priority,
            OutboxMessage.id,
            OutboxMessage.kind,
            OutboxMessage.step,
        )
        .join(Contact, OutboxMessage.contact_id == Contact.id)
        .where(
            among(Contact.email_key, {contact.email_key for _row, contact in rows}),
            ~among(OutboxMessage.id, [row.id for row, _contact in rows]),
            or_(OutboxMessage.kind.in_(UNASKED), OutboxMessage.step.is_not(None)),
            # a case, not an OR: SQLite would take an index for each and read all that is sent
            case(
                (OutboxMessage.state == MailState.sending, True),
                (OutboxMessage.state.in_(ARRIVED), OutboxMessage.ended_at > lately),
                (is_in_line, OutboxMessage.due_at <= at),
                else_=False,
            ),
        )
    )
    found = defaultdict(list)
    for address, state, ended_at, priority, row_id, kind, step in db.session.execute(query):
        found[address].append(_Other(state, ended_at, (priority, row_id), _limits(kind, step)))
    return found


def _tomorrow(row: OutboxMessage, contact: Contact, at: datetime, company: Company) -> datetime:
    """Return the reader's next working day at the mail's own time of day, or when hours begin.

    That is the time of its step, or else the one at which it was due first.
    """
    zone, decision = contact.zone(company.time_zone), Decision.of(row.decision)
    first = (decision.due or row.due_at).astimezone(ZoneInfo(zone)).time()
    own = decision.step.at if decision.step else first
    taken = {at.astimezone(ZoneInfo(zone)).date()}
    return company.business_hours.permitted_at(at, zone, taken, own)


def _day_of(at: datetime, zone: str) -> tuple[datetime, datetime]:
    day = at.astimezone(ZoneInfo(zone)).date()
    return local_moment(day, time(), zone), local_moment(day + timedelta(days=1), time(), zone)


def _order(row: OutboxMessage) -> Order:
    return row.priority, row.id


def _is_by_hand(row: OutboxMessage) -> bool:
    return bool((row.context or {}).get("by_hand"))
