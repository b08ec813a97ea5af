"""The situations of departures, looked up in a handful of queries, however many there are."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from service.current import company
from service.extensions import db
from service.mail.decision import Skip
from service.mail.sql import among
from service.models import (
    Company,
    Departure,
    Enrolment,
    Event,
    EventKind,
    Invitation,
    OutboxMessage,
    Protocol,
    Recovery,
    Response,
    SkipReason,
    Testimonial,
)
from service.models.steps import Step
from service.protocols.rules.built_ins import BUILT_INS, DEFAULT
from service.protocols.rules.decisions import skip_of
from service.protocols.rules.plans import why_not_now
from service.protocols.rules.situations import EVENTS_OF, Followed, Situation


class _Known(NamedTuple):
    """The rows of which a departure has one or none."""

    enrolment: Enrolment | None
    response: Response | None
    recovery: Recovery | None
    testimonial_at: datetime | None


def of(departure: Departure) -> Situation:
    """Return the situation of one departure."""
    return of_all([departure])[departure.id]


def departures_of(enrolments: Sequence[int]) -> list[Departure]:
    """Return the departures of these enrolments, in the same order, with their people."""
    query = (
        select(Enrolment.id, Departure)
        .join(Departure, Departure.id == Enrolment.departure_id)
        .where(among(Enrolment.id, enrolments))
        .options(
            joinedload(Departure.client),
            joinedload(Departure.contact),
            joinedload(Departure.responsible),
        )
    )
    found = {row[0]: row[1] for row in db.session.execute(query)}
    return [found[enrolment_id] for enrolment_id in enrolments]


def of_all(departures: Sequence[Departure]) -> dict[int, Situation]:
    """Return the situation of each departure by its id, in a few queries."""
    found = without_mails(departures)
    for mail in _mails_of_steps([departure.id for departure in departures]):
        situation = found[mail.departure_id or 0]
        situation.mails[mail.step or ""] = mail
        situation.cycles[mail.step or ""] = situation.cycles.get(mail.step or "", 0) + 1
    return found


def without_mails(departures: Sequence[Departure]) -> dict[int, Situation]:
    """Return the situations without the mails that were written: enough for the conditions."""
    ids = [departure.id for departure in departures]
    ours = company()
    known = _known_of(ids)
    protocols = _protocols_of(row.enrolment for row in known.values() if row.enrolment)
    found = {}
    for departure in departures:
        enrolment = known[departure.id].enrolment
        protocol_id = enrolment.protocol_id if enrolment else None
        followed, steps = protocols.get(protocol_id, (Followed(), BUILT_INS[DEFAULT]))
        found[departure.id] = replace(
            new(departure, enrolment, steps, ours),
            response=known[departure.id].response,
            recovery=known[departure.id].recovery,
            testimonial_at=known[departure.id].testimonial_at,
            followed=followed,
        )
    invitations = select(Invitation).where(among(Invitation.departure_id, ids))
    for row in db.session.scalars(invitations.execution_options(populate_existing=True)):
        found[row.departure_id].invitations[row.kind] = row
    return found


def new(
    departure: Departure, enrolment: Enrolment | None, steps: tuple[Step, ...], ours: Company
) -> Situation:
    """Return the situation of a departure of which nothing but its steps is known yet."""
    return Situation(
        departure,
        enrolment,
        ours.time_zone,
        ours.business_hours,
        steps,
        reader_zone=departure.contact.zone(ours.time_zone),
    )


def stopped(rows: Sequence[OutboxMessage], at: datetime) -> dict[int, Skip]:
    """Return why the mails among `rows` may not go any more, by id; the others are left out.

    Only when there are such of a departure that was stopped or moved on, one more query asks for
    when and by whom.
    """
    asked = [row for row in rows if row.step and row.departure]
    if not asked:
        return {}
    departures = {row.departure.id: row.departure for row in asked if row.departure}
    known = without_mails(list(departures.values()))
    found = {}
    for row in asked:
        situation = known[row.departure_id or 0]
        if reason := why_not_now(row, situation, at):
            found[row.id] = skip_of(reason, situation)
    return found | _with_events(asked, found)


# The reasons behind which no row of the situation stands: only the event says when, and by whom.
_TOLD_BY_EVENTS = frozenset(
    {
        SkipReason.retained,
        SkipReason.returned,
        SkipReason.protocol_stopped,
        SkipReason.step_gone,
    }
)


def _with_events(rows: Sequence[OutboxMessage], found: Mapping[int, Skip]) -> dict[int, Skip]:
    """Return those of `found` that an event is behind, with when it was and who did it."""
    asked = {
        row.id: (row.departure_id, EVENTS_OF[found[row.id].reason])
        for row in rows
        if row.id in found and found[row.id].reason in _TOLD_BY_EVENTS
    }
    if not asked:
        return {}
    query = select(Event).where(
        among(Event.departure_id, {departure_id for departure_id, _kind in asked.values()}),
        Event.kind.in_({kind for _departure_id, kind in asked.values()}),
    )
    last = {
        (event.departure_id, event.kind): event
        for event in db.session.scalars(query.order_by(Event.at, Event.id))
    }
    return {
        row_id: replace(
            found[row_id],
            at=last[what].at,
            by=last[what].provider_id,
            protocol=last[what].detail if what[1] is EventKind.protocol_changed else "",
        )
        for row_id, what in asked.items()
        if what in last
    }


def _protocols_of(
    enrolments: Iterable[Enrolment],
) -> dict[int | None, tuple[Followed, tuple[Step, ...]]]:
    """Return the protocols that these follow, and their steps, as they are now."""
    ids = {row.protocol_id for row in enrolments if row.protocol_id is not None}
    if not ids:
        return {}
    columns = (Protocol.public_id, Protocol.name, Protocol.built_in, Protocol.number)
    query = select(Protocol.id, Protocol.steps, *columns).where(among(Protocol.id, ids))
    found: dict[int | None, tuple[Followed, tuple[Step, ...]]] = {}
    for row in db.session.execute(query):
        called = row.public_id if row.name or not row.built_in else row.built_in
        found[row.id] = (Followed(called, row.name, row.number), row.steps)
    return found


def _known_of(ids: Collection[int]) -> dict[int, _Known]:
    """Return the rows of each departure, as the database has them now, in one query."""
    query = (
        select(Departure.id, Enrolment, Response, Recovery, Testimonial.submitted_at)
        .outerjoin(Enrolment, Enrolment.departure_id == Departure.id)
        .outerjoin(Response, Response.departure_id == Departure.id)
        .outerjoin(Recovery, Recovery.departure_id == Departure.id)
        .outerjoin(Testimonial, Testimonial.departure_id == Departure.id)
        .where(among(Departure.id, ids))
        .execution_options(populate_existing=True)
    )
    return {row[0]: _Known(*row[1:]) for row in db.session.execute(query)}


def _mails_of_steps(ids: Collection[int]) -> Sequence[OutboxMessage]:
    """Return the mails of steps, the oldest first."""
    query = (
        select(OutboxMessage)
        .where(among(OutboxMessage.departure_id, ids), OutboxMessage.step.is_not(None))
        .order_by(OutboxMessage.id)
        .execution_options(populate_existing=True)
    )
    return db.session.scalars(query).all()
