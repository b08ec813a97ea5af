"""What waits for a person, oldest first: whose it is, and since when it is late."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, and_, exists, func, select
from sqlalchemy.orm import contains_eager, joinedload, lazyload

from service.clients import queries as clients
from service.clock import local_moment
from service.current import company
from service.extensions import db
from service.mail.delivery import health
from service.mail.delivery.health import Trouble
from service.models import (
    Client,
    Contact,
    Departure,
    Enrolment,
    EnrolmentState,
    InboundKind,
    InboundMail,
    MailState,
    OutboxMessage,
    Recovery,
    Response,
    Stage,
    TalkRequest,
    TalkRequestState,
    Testimonial,
    TestimonialState,
)

MOST = 6  # of each kind; the page links to the rest
NEWS = timedelta(days=7)  # how long an answer is news
NOON = time(12)  # the moment that a day counts as
UNDER_WAY = (Stage.notice, Stage.conversation, Stage.handover)


class Kind(StrEnum):
    """What is to be done, the most pressing first."""

    call = "call"  # a talk is planned for today, or was
    talk = "talk"  # somebody wants to talk
    reply = "reply"  # somebody answered a mail, and the next ones wait
    recovery = "recovery"  # something failed
    testimonial = "testimonial"  # one waits to be read
    closing = "closing"  # a departure has ended, and nobody closed it
    end_date = "end_date"  # a departure does not say when it ends


# How long each may wait before it is late. An apology that comes after days is none.
PATIENCE = {
    Kind.call: timedelta(hours=1),  # from the moment that was agreed
    Kind.talk: timedelta(days=1),  # a working day: see BusinessHours.late_at
    Kind.reply: timedelta(days=2),
    Kind.recovery: timedelta(days=2),
    Kind.testimonial: timedelta(days=7),
    Kind.closing: timedelta(days=14),
    Kind.end_date: timedelta(days=45),
}


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to do about one departure."""

    kind: Kind
    public_id: str  # of what its page is about: a departure, a testimonial, a client …
    client: str
    contact: str
    responsible_id: int | None
    is_sample: bool
    at: datetime
    score: int | None = None
    is_paused: bool = False  # the farewell mails wait for it
    late_at: datetime | None = None  # where working days decide
    departure: Departure | None = None  # where more of it is told

    def is_late(self, now: datetime) -> bool:
        """Whether it has waited longer than it should."""
        return now > (self.late_at or self.at + PATIENCE[self.kind])

    def is_of(self, provider_id: int) -> bool:
        """Whether it is that team member's; without a responsible it is everybody's."""
        return self.responsible_id in (None, provider_id)


@dataclass(frozen=True, slots=True)
class News:
    """An answer of the last days."""

    departure: str
    client: str
    is_sample: bool
    score: int | None
    at: datetime
    comment: str


@dataclass(frozen=True, slots=True)
class Today:
    """All that the first page shows."""

    tasks: list[Task]
    troubled_mails: int
    held_mails: int
    unproven_mails: int  # came in, and a person has to look
    troubles: list[Trouble]  # of the mail as a whole
    news: list[News]
    under_way: int
    has_clients: bool  # of their own: sample data does not count
    has_departures: bool
    ending_bases: int  # contacts who may soon not be written to any more


def tasks(now: datetime) -> list[Task]:
    """Return what waits for a person at `now`, late things first, then the most pressing kind."""
    found = [*_calls(now), *_talks(), *_replies(), *_recoveries(), *_testimonials()]
    found += [*_closings(now), *_end_dates()]
    order = list(Kind)
    found.sort(key=lambda task: (not task.is_late(now), order.index(task.kind), task.at))
    return found


def today(now: datetime) -> Today:
    """Return everything that the first page shows at `now`."""
    return Today(
        tasks(now),
        _count(OutboxMessage.state.in_((MailState.failed, MailState.uncertain))),
        _count(OutboxMessage.state == MailState.held),
        _count(
            and_(
                InboundMail.kind.in_((InboundKind.unverified, InboundKind.unparsed)),
                InboundMail.looked_at.is_(None),
            )
        ),
        health.troubles(now),
        _news(now),
        _count(Enrolment.state == EnrolmentState.active),
        _is_there(select(Client.id)),
        _is_there(select(Departure.id).join(Client, Client.id == Departure.client_id)),
        clients.count_ending_bases(company(), now),
    )


def _is_there(query: Select[int]) -> bool:
    """Say whether `query` finds a client that is not sample data."""
    return db.session.scalar(query.where(Client.is_sample.is_(False)).limit(1)) is not None


def _count(condition: ColumnElement[bool]) -> int:
    return db.session.scalar(select(func.count()).where(condition)) or 0


def _about(public_id: Any, at: Any, *more: Any) -> Select[*tuple[Any, ...]]:
    """Select the parts of a Task, from departures."""
    return (
        select(
            public_id,
            Client.name,
            Contact.name,
            Departure.responsible_id,
            Client.is_sample,
            at,
            *more,
        )
        .select_from(Departure)
        .join(Client, Client.id == Departure.client_id)
        .join(Contact, Contact.id == Departure.contact_id)
        .limit(MOST)
    )


def _recoveries() -> list[Task]:
    query = (
        _about(Departure.public_id, Recovery.opened_at, Response.score, Departure)
        .join(Recovery, Recovery.departure_id == Departure.id)
        .outerjoin(Response, Response.departure_id == Departure.id)
        .where(Recovery.closed_at.is_(None))
        .order_by(Recovery.opened_at)
        .options(
            contains_eager(Departure.contact),
            contains_eager(Departure.recovery).joinedload(Recovery.apologised_by),
            lazyload(Departure.reason_rows),
        )
    )
    rows = ((row[:-1], row[-1]) for row in _rows(query))
    return [replace(Task(Kind.recovery, *row), departure=of) for row, of in rows]


def _closings(now: datetime) -> list[Task]:
    """Return the departures whose end has passed; with a recovery open, that comes first."""
    is_failing = exists().where(Recovery.departure_id == Departure.id, Recovery.closed_at.is_(None))
    query = (
        _about(Departure.public_id, Departure.end_on, Departure)
        .where(
            Departure.stage.in_(UNDER_WAY),
            Departure.end_on < now.astimezone(company().zone).date(),
            ~is_failing,
        )
        .order_by(Departure.end_on)
        .options(joinedload(Departure.recovery), lazyload(Departure.reason_rows))
    )
    tasks = [replace(Task(Kind.closing, *row[:-1]), departure=row[-1]) for row in _rows(query)]
    return [replace(task, at=datetime.combine(task.at, NOON, UTC)) for task in tasks]


def _replies() -> list[Task]:
    query = (
        _about(InboundMail.public_id, InboundMail.received_at, Enrolment.state)
        .join(OutboxMessage, OutboxMessage.departure_id == Departure.id)
        .join(InboundMail, InboundMail.outbox_id == OutboxMessage.id)
        .outerjoin(Enrolment, Enrolment.departure_id == Departure.id)
        .where(InboundMail.kind == InboundKind.reply, InboundMail.looked_at.is_(None))
        .order_by(InboundMail.received_at)
    )
    rows = [(row[-1] is EnrolmentState.paused, row[:-1]) for row in _rows(query)]
    return [replace(Task(Kind.reply, *row), is_paused=is_paused) for is_paused, row in rows]


def _testimonials() -> list[Task]:
    query = (
        _about(Testimonial.public_id, Testimonial.submitted_at)
        .join(Testimonial, Testimonial.departure_id == Departure.id)
        .where(Testimonial.state == TestimonialState.submitted)
        .order_by(Testimonial.submitted_at)
    )
    return [Task(Kind.testimonial, *row) for row in db.session.execute(query)]


def _end_dates() -> list[Task]:
    query = (
        _about(Departure.public_id, Departure.notice_on)
        .where(Departure.end_on.is_(None), Departure.stage.in_(UNDER_WAY))
        .order_by(Departure.notice_on)
    )
    tasks = [Task(Kind.end_date, *row) for row in _rows(query)]
    return [replace(task, at=datetime.combine(task.at, NOON, UTC)) for task in tasks]


def _talks() -> list[Task]:
    ours = company()
    query = _talk_requests(TalkRequest.asked_at).where(TalkRequest.state == TalkRequestState.open)
    tasks = [Task(Kind.talk, *row) for row in _rows(query.order_by(TalkRequest.asked_at))]
    return [
        replace(task, late_at=ours.business_hours.late_at(task.at, ours.time_zone))
        for task in tasks
    ]


def _calls(now: datetime) -> list[Task]:
    """Return the talks that are planned for today, and earlier ones not marked as held."""
    zone = company().time_zone
    tomorrow = now.astimezone(ZoneInfo(zone)).date() + timedelta(days=1)
    query = _talk_requests(TalkRequest.planned_at).where(
        TalkRequest.state == TalkRequestState.planned,
        TalkRequest.planned_at < local_moment(tomorrow, time(), zone),
    )
    return [Task(Kind.call, *row) for row in _rows(query.order_by(TalkRequest.planned_at))]


def _talk_requests(at: Any) -> Select[*tuple[Any, ...]]:
    """Select the parts of a Task, from talk requests: of some contacts there is no departure."""
    return (
        select(
            TalkRequest.public_id,
            Client.name,
            Contact.name,
            func.coalesce(Departure.responsible_id, Client.responsible_id),
            Client.is_sample,
            at,
        )
        .join(Contact, Contact.id == TalkRequest.contact_id)
        .join(Client, Client.id == Contact.client_id)
        .outerjoin(Departure, Departure.id == TalkRequest.departure_id)
        .limit(MOST)
    )


def _news(now: datetime) -> list[News]:
    query = (
        select(
            Departure.public_id,
            Client.name,
            Client.is_sample,
            Response.score,
            Response.submitted_at,
            Response.comment,
        )
        .join(Departure, Departure.id == Response.departure_id)
        .join(Client, Client.id == Departure.client_id)
        .where(Response.submitted_at > now - NEWS)
        .order_by(Response.submitted_at.desc())
        .limit(MOST)
    )
    return [News(*row) for row in _rows(query)]


def _rows(query: Select[*tuple[Any, ...]]) -> list[Any]:
    return list(db.session.execute(query))
