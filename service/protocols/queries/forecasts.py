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
from service.extensions import db
from service.mail import outbox
from service.mail.policy import suppressions
from service.models import (
    OPEN_STATES,
    Departure,
    Enrolment,
    EnrolmentState,
    SkipReason,
)
from service.models.steps import Step
from service.protocols.queries import situations
from service.protocols.rules.forecasts import (
    Forecast,
    days_taken,
    foretell,
    with_waiting_mails_gone,
)
from service.protocols.rules.plans import Planned, plan
from service.protocols.rules.situations import Situation

CHUNK = 500  # departures held at a time


@dataclass(frozen=True, slots=True)
class Coming:
    """What one departure is to get, with the situation that it was computed from."""

    situation: Situation
    forecasts: Sequence[Forecast]


def foretold(situation: Situation, unwanted: suppressions.Found | None = None) -> list[Planned]:
    """Return the steps of a departure that are to come, as things are now, in step order.

    The outbox's reasons (a dead address, an opt-out), business hours and the one mail a day are
    taken into account; the daily cap is not, since what else the contact will have got that day is
    not known. `unwanted` is what suppressions.find_all() found, when many were looked up at once.
    """
    departure, moment = situation.departure, earliest(situation)
    contact, items = departure.contact, []
    if unwanted is None:
        unwanted = suppressions.find_all([contact.email])
    for item in plan(situation, now()):
        gate = outbox.why_not(item.step.kind, contact, departure, item.step.name, unwanted)
        items.append(replace(item, reason=item.reason or gate))
    return _as_they_go(items, situation, moment)


def earliest(situation: Situation) -> datetime:
    """Return the first moment from now on at which the protocol may write a mail."""
    enrolment = situation.enrolment
    return enrolment.earliest(now()) if enrolment else now()


def waiting(situation: Situation) -> dict[str, datetime]:
    """Return when the mails that are written and wait go, as things are now, by their steps."""
    gone = with_waiting_mails_gone(situation, earliest(situation))
    return {
        name: gone.mails[name].ended_at or mail.due_at
        for name, mail in situation.mails.items()
        if mail.state in OPEN_STATES
    }


def _as_they_go(items: Sequence[Planned], situation: Situation, at: datetime) -> list[Planned]:
    """Return the steps with the moments at which those that go may, in the order of `items`."""
    taken = days_taken(with_waiting_mails_gone(situation, at))
    moments: dict[str, datetime] = {}
    going = [(item.due_at, item.step) for item in items if item.due_at and not item.reason]
    for due_at, step in sorted(going, key=lambda pair: pair[0]):
        asked_at = max(due_at, at)
        goes_at = situation.permitted_at(asked_at, taken, step.at)
        taken.add(situation.readers_day_of(goes_at))
        moments[step.name] = goes_at if goes_at > asked_at else due_at
    return [replace(item, due_at=moments.get(item.step.name, item.due_at)) for item in items]


def coming(
    at: datetime, until: datetime, conditions: Sequence[ColumnElement[bool]] = ()
) -> Iterator[Coming]:
    """Yield what comes due by `until` as seen from `at`, departure by departure.

    `conditions` narrow the departures, joined to their enrolments and clients.
    """
    _held, last = current.company(), 0  # held, so that the gate finds it in the session
    while found := _chunk(last, until, conditions):
        last = found[-1].id
        departures = [enrolment.departure for enrolment in found]
        unwanted = suppressions.find_all([each.contact.email for each in departures])
        for situation in situations.of_all(departures).values():
            forecasts = _foretold(situation, at, until, unwanted)
            if forecasts:
                yield Coming(situation, forecasts)


def _foretold(
    situation: Situation,
    at: datetime,
    until: datetime,
    unwanted: suppressions.Found,
) -> list[Forecast]:
    departure = situation.departure
    contact = departure.contact

    def gate(step: Step, moment: datetime) -> SkipReason | None:
        return outbox.why_not(step.kind, contact, departure, step.name, unwanted, moment)

    enrolment = situation.enrolment
    return foretell(situation, enrolment.earliest(at) if enrolment else at, until, gate)


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
