"""What will go out in the next twelve months, to whom and why, as things stand now. Reads only.

Each departure is foretold by the plan that the clock asks, mail after mail. A mail that will not go
is told with its reason.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import joinedload

from service.clock import now
from service.extensions import db
from service.mail import situations
from service.models import (
    Client,
    Contact,
    Departure,
    Enrolment,
    EnrolmentState,
    MailKind,
    OutboxMessage,
    Protocol,
    Provider,
    SkipReason,
)
from service.models.steps import Step

AHEAD = timedelta(days=366)
CHUNK = 500  # departures looked at together
MOST = 5000  # departures looked at; the page says so when there are more


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked for: words of the client's or the contact's name, a kind, whose clients."""

    words: str = ""
    kind: MailKind | None = None
    protocol: Protocol | None = None
    responsible: Provider | None = None
    is_going: bool = False  # only what goes

    @property
    def is_narrowed(self) -> bool:
        """Whether anything is left out."""
        return self != Query()


@dataclass(frozen=True, slots=True)
class Coming:
    """One mail to come: when, which step, of which departure, and why not if it will not go.

    `mail` is its row in the outbox, when it is written already and only waits.
    """

    at: datetime
    step: Step
    departure: Departure
    steps: tuple[Step, ...]
    reason: SkipReason | None = None
    mail: OutboxMessage | None = None


@dataclass(frozen=True, slots=True)
class Future:
    """All that comes, in order; `is_cut` when there are more departures than were looked at."""

    mails: Sequence[Coming]
    is_cut: bool


def look(query: Query, until: datetime | None = None, most: int = MOST) -> Future:
    """Return what will go, and what will not and why, until then (UTC): twelve months ahead.

    At most so many departures are looked at, those with the next mails.
    """
    at = now()
    ids = db.session.scalars(_on_their_way(query).limit(most + 1)).all()
    found: list[Coming] = []
    for start in range(0, min(len(ids), most), CHUNK):
        found += _of(_departures(ids[start : start + CHUNK]), at, until or at + AHEAD)
    kept = [coming for coming in found if _is_asked_for(coming, query)]
    kept.sort(key=lambda coming: (coming.at, coming.departure.id))
    return Future(kept, len(ids) > most)


def _of(departures: Sequence[Departure], at: datetime, until: datetime) -> Iterator[Coming]:
    for situation, coming in situations.foretold_until(departures, at, until):
        departure, steps = situation.departure, situation.steps
        for mail in situation.mails.values():
            step = situation.step(mail.step)
            if mail.state == "queued" and step is not None:
                yield Coming(max(mail.due_at, at), step, departure, steps, mail=mail)
        for item in coming:
            if item.due_at is not None:
                yield Coming(max(item.due_at, at), item.step, departure, steps, item.reason)


def _is_asked_for(coming: Coming, query: Query) -> bool:
    if query.is_going and coming.reason is not None:
        return False
    return query.kind is None or coming.step.kind is query.kind


def _on_their_way(query: Query) -> Select[int]:
    """Return the ids of the departures whose protocol has mails to send, the next one first."""
    chosen = (
        select(Enrolment.departure_id)
        .join(Departure, Departure.id == Enrolment.departure_id)
        .where(Enrolment.state == EnrolmentState.active)
        .order_by(Enrolment.next_at, Enrolment.id)
    )
    if query.protocol is not None:
        chosen = chosen.where(Enrolment.protocol_id == query.protocol.id)
    if query.responsible is not None:
        chosen = chosen.where(Departure.responsible_id == query.responsible.id)
    if query.words:
        like = f"%{query.words.replace('%', '').replace('_', '')}%"
        chosen = (
            chosen.join(Client, Client.id == Departure.client_id)
            .join(Contact, Contact.id == Departure.contact_id)
            .where(or_(Client.name.ilike(like), Contact.name.ilike(like)))
        )
    return chosen


def _departures(ids: Sequence[int]) -> Sequence[Departure]:
    query = (
        select(Departure)
        .where(Departure.id.in_(ids))
        .options(
            joinedload(Departure.client),
            joinedload(Departure.contact),
            joinedload(Departure.responsible),
        )
    )
    return db.session.scalars(query).all()
