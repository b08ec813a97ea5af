"""The situations of departures, looked up in a handful of queries, however many there are."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from service.current import company
from service.extensions import db
from service.mail.rows import among
from service.models import (
    Departure,
    Enrolment,
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
from service.protocols.rules.plans import why_not_now
from service.protocols.rules.situations import Situation


class _Known(NamedTuple):
    """The rows of which a departure has one or none."""

    enrolment: Enrolment | None
    response: Response | None
    recovery: Recovery | None
    has_testimonial: bool


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
    zone = company().time_zone
    known = _known_of(ids)
    steps = _steps_of(row.enrolment for row in known.values() if row.enrolment)
    found = {
        departure.id: Situation(
            departure,
            (enrolment := known[departure.id].enrolment),
            zone,
            steps.get(enrolment.protocol_id if enrolment else None, BUILT_INS[DEFAULT]),
            response=known[departure.id].response,
            recovery=known[departure.id].recovery,
            has_testimonial=known[departure.id].has_testimonial,
        )
        for departure in departures
    }
    invitations = select(Invitation).where(among(Invitation.departure_id, ids))
    for row in db.session.scalars(invitations.execution_options(populate_existing=True)):
        found[row.departure_id].invitations[row.kind] = row
    return found


def stopped(rows: Sequence[OutboxMessage], at: datetime) -> dict[int, SkipReason]:
    """Return why the mails among `rows` may not go any more, by id; the others are left out."""
    asked = [row for row in rows if row.step and row.departure]
    if not asked:
        return {}
    departures = {row.departure.id: row.departure for row in asked if row.departure}
    known = without_mails(list(departures.values()))
    reasons = {row.id: why_not_now(row, known[row.departure_id or 0], at) for row in asked}
    return {row_id: reason for row_id, reason in reasons.items() if reason is not None}


def _steps_of(enrolments: Iterable[Enrolment]) -> dict[int | None, tuple[Step, ...]]:
    """Return the steps of the protocols that these follow, as they are now."""
    ids = {row.protocol_id for row in enrolments if row.protocol_id is not None}
    if not ids:
        return {}
    query = select(Protocol.id, Protocol.steps).where(among(Protocol.id, ids))
    return {row.id: row.steps for row in db.session.execute(query)}


def _known_of(ids: Collection[int]) -> dict[int, _Known]:
    """Return the rows of each departure, as the database has them now, in one query."""
    query = (
        select(Departure.id, Enrolment, Response, Recovery, Testimonial.id.is_not(None))
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
