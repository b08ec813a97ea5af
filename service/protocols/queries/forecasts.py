"""What the protocols will send, to whom and when, as things are now.

The clock's rehearsal, the page of what goes out and the timeline of a departure ask here, so that
they say the same. What else a contact will have got on a day is not known, so the daily cap is left
out. Departures are read in chunks, and no query is in a loop.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import joinedload

from service import current
from service.clock import now
from service.current import company
from service.extensions import db
from service.mail import outbox
from service.mail.policy import quiet_hours, suppressions
from service.models import (
    Company,
    Departure,
    Enrolment,
    EnrolmentState,
    SkipReason,
)
from service.models.steps import Step
from service.protocols.queries import situations
from service.protocols.rules.forecasts import Forecast, foretell
from service.protocols.rules.plans import Planned, plan
from service.protocols.rules.situations import Situation

CHUNK = 500  # departures held at a time


@dataclass(frozen=True, slots=True)
class Coming:
    """What one departure is to get, with the situation that it was computed from."""

    situation: Situation
    forecasts: Sequence[Forecast]


def foretold(situation: Situation) -> list[Planned]:
    """Return the steps of a departure that are to come, as things are now, in step order.

    The outbox's reasons (a dead address, an opt-out) and quiet hours are taken into account; the
    daily cap is not, since what else the contact will have got that day is not known.
    """
    unwanted = suppressions.find_all([situation.departure.contact.email])
    return [
        item if item.reason else _as_it_goes(item, situation.departure, unwanted)
        for item in plan(situation, now())
    ]


def _as_it_goes(item: Planned, departure: Departure, unwanted: suppressions.Found) -> Planned:
    """Return a step with the reason of the outbox, or the end of quiet hours."""
    kind, contact = item.step.kind, departure.contact
    reason = outbox.why_not(kind, contact, departure, item.step.name, unwanted)
    if reason is not None or item.due_at is None:
        return replace(item, reason=reason)
    asked_at = max(item.due_at, now())
    goes_at = quiet_hours.quiet_until(kind, contact, asked_at, company())
    return replace(item, due_at=goes_at if goes_at > asked_at else item.due_at)


def coming(
    at: datetime, until: datetime, conditions: Sequence[ColumnElement[bool]] = ()
) -> Iterator[Coming]:
    """Yield what comes due by `until` as seen from `at`, departure by departure.

    `conditions` narrow the departures, joined to their enrolments and clients.
    """
    company, last = current.company(), 0
    while found := _chunk(last, until, conditions):
        last = found[-1].id
        departures = [enrolment.departure for enrolment in found]
        unwanted = suppressions.find_all([each.contact.email for each in departures])
        for situation in situations.of_all(departures).values():
            forecasts = _foretold(situation, at, until, unwanted, company)
            if forecasts:
                yield Coming(situation, forecasts)


def _foretold(
    situation: Situation,
    at: datetime,
    until: datetime,
    unwanted: suppressions.Found,
    company: Company,
) -> list[Forecast]:
    departure = situation.departure
    contact = departure.contact

    def gate(step: Step, moment: datetime) -> SkipReason | None:
        return outbox.why_not(step.kind, contact, departure, step.name, unwanted, moment)

    def hours(step: Step, moment: datetime) -> datetime:
        return quiet_hours.quiet_until(step.kind, contact, moment, company)

    return foretell(situation, at, until, gate, hours)


def _chunk(
    last: int, until: datetime, conditions: Sequence[ColumnElement[bool]]
) -> Sequence[Enrolment]:
    """Return enrolments that come due by `until`; those without a time wait for a person."""
    query = (
        select(Enrolment)
        .join(Enrolment.departure)
        .where(
            Enrolment.id > last,
            Enrolment.state == EnrolmentState.active,
            Enrolment.next_at <= until,
            *conditions,
        )
        .order_by(Enrolment.id)
        .limit(CHUNK)
        .options(
            joinedload(Enrolment.departure).options(
                joinedload(Departure.client),
                joinedload(Departure.contact),
                joinedload(Departure.responsible),
            )
        )
    )
    return db.session.scalars(query).all()
