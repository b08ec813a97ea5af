"""Look up what the protocols will send, to whom and when: chunks of departures, no query in a loop.

The clock's rehearsal and the page of what goes out ask here, so that they cannot tell two things.
The daily cap is not foretold: what else somebody will have got on a day is not known.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import joinedload

from service import current
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
from service.protocols.rules.situations import Situation

CHUNK = 500  # departures held at a time


@dataclass(frozen=True, slots=True)
class Coming:
    """What one departure is to get, with the situation it was foretold from."""

    situation: Situation
    forecasts: Sequence[Forecast]


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
    """Return enrolments that the clock will ask by `until`; one without a time waits for us."""
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
