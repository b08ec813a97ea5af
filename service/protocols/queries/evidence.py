"""What is kept that explains mails which are decided: looked up for a page of them. Reads only.

A fixed number of queries, however many mails. Nothing is loaded anew, so the mails stay as they
are. What it means is said in decisions.py.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from service.current import company
from service.extensions import db
from service.mail.kinds import RULES
from service.mail.policy import suppressions
from service.mail.rows import among
from service.models import (
    END_STATES,
    Company,
    Consent,
    Departure,
    Enrolment,
    Event,
    EventKind,
    Greeting,
    MailState,
    NewsletterIssue,
    OutboxMessage,
    Protocol,
    ProtocolVersion,
    Response,
    SkipReason,
    SuppressionChange,
)
from service.models.steps import Anchor, Step
from service.protocols.rules.built_ins import BUILT_INS, DEFAULT
from service.protocols.rules.descriptions import BUILT_IN_NAMES, protocol_name
from service.protocols.rules.situations import Situation

SLACK = timedelta(minutes=1)  # between a row and the event told in the same transaction


@dataclass(frozen=True, slots=True)
class Asked:
    """Which protocol asked for a mail, and the steps as they were then.

    Without steps that protocol is not known: the departure was put on another one since.
    """

    protocol: str = ""
    steps: tuple[Step, ...] = ()

    def step(self, name: str | None) -> Step | None:
        """Return the step of that name, switched on or not."""
        return next((step for step in self.steps if step.name == name), None)


@dataclass(slots=True)
class Evidence:
    """What a page of mails is explained from."""

    company: Company
    situations: dict[int, Situation] = field(default_factory=dict)  # by departure, without mails
    asked: dict[int, Asked] = field(default_factory=dict)  # by mail
    went: dict[tuple[int, str], list[datetime]] = field(default_factory=dict)  # departure, step
    events: dict[int, list[Event]] = field(default_factory=dict)  # by departure, in order
    stopping: dict[int, SuppressionChange] = field(default_factory=dict)  # by mail
    refusals: dict[int, Consent] = field(default_factory=dict)  # by mail
    greetings: dict[str, Greeting] = field(default_factory=dict)
    issues: dict[int, NewsletterIssue] = field(default_factory=dict)

    def events_of(self, mail: OutboxMessage, *kinds: EventKind) -> list[Event]:
        """Return what was told of the mail's departure, of these kinds, in order."""
        told = self.events.get(mail.departure_id or 0, [])
        return [event for event in told if event.kind in kinds]


def of(mails: Iterable[OutboxMessage]) -> Evidence:
    """Look up what explains those of `mails` that are decided; load them with their people."""
    decided = [mail for mail in mails if mail.state in END_STATES]
    found = Evidence(company())
    if not decided:
        return found
    departures = {mail.departure.id: mail.departure for mail in decided if mail.departure}
    if departures:
        found.events = _events(departures)
        found.situations = _situations(departures, found.company.time_zone)
        found.asked = _asked(decided, found)
        found.went = _went(departures, found.asked.values())
    found.stopping = _stopping(decided)
    found.refusals = _refusals(decided)
    found.greetings = _greetings(decided)
    found.issues = _issues(decided)
    return found


def _events(departures: Mapping[int, Departure]) -> dict[int, list[Event]]:
    query = select(Event).where(among(Event.departure_id, departures.keys()))
    found = defaultdict(list)
    for event in db.session.scalars(
        query.order_by(Event.at, Event.id).options(joinedload(Event.member))
    ):
        found[event.departure_id].append(event)
    return dict(found)


def _situations(departures: Mapping[int, Departure], zone: str) -> dict[int, Situation]:
    query = (
        select(Enrolment, Response)
        .outerjoin(Response, Response.departure_id == Enrolment.departure_id)
        .where(among(Enrolment.departure_id, departures.keys()))
    )
    return {
        row.departure_id: Situation(departures[row.departure_id], row, zone, response=response)
        for row, response in db.session.execute(query)
    }


def _asked(mails: Sequence[OutboxMessage], known: Evidence) -> dict[int, Asked]:
    """Return, by mail, the protocol whose step it is and the version that stood when written."""
    of_steps = [mail for mail in mails if mail.step and mail.departure_id in known.situations]
    ids = {_protocol_id(mail, known) for mail in of_steps} - {None}
    protocols = {
        row.id: row for row in db.session.scalars(select(Protocol).where(among(Protocol.id, ids)))
    }
    numbers = _versions(ids)
    standing = {
        mail.id: _standing(numbers[_protocol_id(mail, known) or 0], mail.created_at)
        for mail in of_steps
    }
    steps = _steps({number for number in standing.values() if number})
    found = {}
    for mail in of_steps:
        moves = known.events_of(mail, EventKind.protocol_changed)
        earlier = [event for event in moves if event.at <= mail.created_at]
        if len(earlier) < len(moves):
            found[mail.id] = Asked(earlier[-1].detail if earlier else "")
            continue
        protocol = protocols.get(_protocol_id(mail, known) or 0)
        then = steps.get(standing[mail.id] or 0)
        if protocol is None:
            found[mail.id] = Asked(str(BUILT_IN_NAMES[DEFAULT]), BUILT_INS[DEFAULT])
        else:
            found[mail.id] = Asked(protocol_name(protocol), then or protocol.steps)
    return found


def _protocol_id(mail: OutboxMessage, known: Evidence) -> int | None:
    enrolment = known.situations[mail.departure_id or 0].enrolment
    return enrolment.protocol_id if enrolment else None


def _versions(protocols: Iterable[int | None]) -> dict[int, list[tuple[datetime, int]]]:
    """Return since when each version of these protocols stood, in order, with its id."""
    query = (
        select(ProtocolVersion.protocol_id, ProtocolVersion.created_at, ProtocolVersion.id)
        .where(among(ProtocolVersion.protocol_id, list(protocols)))
        .order_by(ProtocolVersion.number)
    )
    found = defaultdict(list)
    for protocol_id, at, version in db.session.execute(query):
        found[protocol_id].append((at, version))
    return found


def _standing(versions: Sequence[tuple[datetime, int]], at: datetime) -> int | None:
    """Return the version that stood at `at`; of what is older than all of them, the first."""
    first = versions[0][1] if versions else None
    return next((version for since, version in reversed(versions) if since <= at), first)


def _steps(versions: Iterable[int]) -> dict[int, tuple[Step, ...]]:
    query = select(ProtocolVersion.id, ProtocolVersion.steps)
    rows = db.session.execute(query.where(among(ProtocolVersion.id, list(versions))))
    return dict(rows.all())


def _went(
    departures: Mapping[int, Departure], asked: Iterable[Asked]
) -> dict[tuple[int, str], list[datetime]]:
    """Return when the mails went that others are counted from, by departure and step."""
    names = {one.after for each in asked for one in each.steps if one.anchor is Anchor.step}
    query = (
        select(OutboxMessage.departure_id, OutboxMessage.step, OutboxMessage.ended_at)
        .where(
            among(OutboxMessage.departure_id, departures.keys()),
            OutboxMessage.step.in_(names),
            OutboxMessage.state == MailState.sent,
        )
        .order_by(OutboxMessage.id)
    )
    found: dict[tuple[int, str], list[datetime]] = defaultdict(list)
    for departure_id, step, ended_at in db.session.execute(query):
        if ended_at is not None:
            found[departure_id or 0, step or ""].append(ended_at)
    return dict(found)


def _stopping(mails: Sequence[OutboxMessage]) -> dict[int, SuppressionChange]:
    """Return, by mail, what stood on the list when it was stopped, as the list's log says."""
    hashes = {
        mail.id: suppressions.address_hashes(mail.contact.email)
        for mail in mails
        if mail.skip_reason is SkipReason.suppressed and mail.contact
    }
    if not hashes:
        return {}
    changes = select(SuppressionChange).where(
        among(SuppressionChange.address_hash, [one for some in hashes.values() for one in some])
    )
    changes = changes.order_by(SuppressionChange.at, SuppressionChange.id)
    log = db.session.scalars(changes.options(joinedload(SuppressionChange.member))).all()
    found = {}
    for mail in mails:
        own = [row for row in log if row.address_hash in hashes.get(mail.id, ())]
        row = suppressions.stopping(_list_at(own, mail.ended_at), RULES[mail.kind])
        if row is not None:
            found[mail.id] = row
    return found


def _list_at(log: Sequence[SuppressionChange], at: datetime | None) -> list[SuppressionChange]:
    """Return what stood on the list at `at`, the widest first."""
    standing: dict[Any, SuppressionChange] = {}
    for change in log:
        if at is not None and change.at > at:
            break
        what = change.scope, change.reason
        if change.is_lifted:
            standing.pop(what, None)
        else:
            standing.setdefault(what, change)
    return suppressions.widest_first(standing.values())


def _refusals(mails: Sequence[OutboxMessage]) -> dict[int, Consent]:
    """Return, by mail, the last no to mails of its purpose before it was decided."""
    asked = [mail for mail in mails if mail.skip_reason is SkipReason.no_consent]
    if not asked:
        return {}
    contacts = {mail.contact_id for mail in asked}
    query = select(Consent).where(
        among(Consent.contact_id, contacts), Consent.is_granted.is_(False)
    )
    said = db.session.scalars(
        query.order_by(Consent.given_at, Consent.id).options(joinedload(Consent.member))
    ).all()
    return {
        mail.id: row
        for mail in asked
        for row in said
        if row.contact_id == mail.contact_id
        and row.purpose is RULES[mail.kind].purpose
        and (mail.ended_at is None or row.given_at <= mail.ended_at)
    }


def _greetings(mails: Sequence[OutboxMessage]) -> dict[str, Greeting]:
    ids = {str(mail.context.get("greeting")) for mail in mails if "greeting" in mail.context}
    if not ids:
        return {}
    rows = db.session.scalars(select(Greeting).where(among(Greeting.public_id, ids)))
    return {row.public_id: row for row in rows}


def _issues(mails: Sequence[OutboxMessage]) -> dict[int, NewsletterIssue]:
    ids = {mail.issue_id for mail in mails if mail.issue_id is not None}
    if not ids:
        return {}
    query = select(NewsletterIssue).where(among(NewsletterIssue.id, ids))
    rows = db.session.scalars(query.options(joinedload(NewsletterIssue.newsletter)))
    return {row.id: row for row in rows}
