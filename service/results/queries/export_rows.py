"""Read the rows of the export, a chunk at a time: one per departure, with its answer and return."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row, Select, and_, func, select
from sqlalchemy.orm import lazyload

from service.departures.queries.filters import DepartureFilters
from service.extensions import db
from service.models import (
    Answer,
    Client,
    Contact,
    Departure,
    DepartureReason,
    Invitation,
    InvitationKind,
    Reason,
    Recovery,
    Response,
    ResponseReason,
    Return,
    TeamMember,
    Testimonial,
)

CHUNK = 1000
RowSelect = Select[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class ExportRow:
    """One departure with its people, answer, recovery, testimonial and return."""

    departure: Departure
    client: Client
    contact: Contact
    responsible: str | None
    invited_at: datetime | None
    response: Response | None
    recovery: Recovery | None
    testimonial: Testimonial | None
    came_back: Return | None
    guessed: list[Reason]
    said: list[Reason]
    own: dict[int, Any]  # answers to the provider's own questions, by the question's id
    zone: ZoneInfo

    def answered(self, name: str) -> Any:
        """Return a field of the answer; None without one."""
        return getattr(self.response, name) if self.response else None

    def recovered(self, name: str) -> Any:
        """Return a field of the recovery; None without one."""
        return getattr(self.recovery, name) if self.recovery else None

    def returned(self, name: str) -> Any:
        """Return a field of the return; None without one."""
        return getattr(self.came_back, name) if self.came_back else None

    def local(self, moment: datetime | None) -> datetime | None:
        """Return `moment` as the provider's clock shows it."""
        return moment.astimezone(self.zone) if moment else None


def count(filters: DepartureFilters) -> int:
    """Return how many rows pass `filters`."""
    query = select(func.count()).select_from(Departure).where(*filters.conditions)
    return db.session.scalar(query) or 0


def export_rows(filters: DepartureFilters, zone: ZoneInfo) -> Iterator[ExportRow]:
    """Yield the rows, the first recorded first. Only one chunk is held in memory."""
    last = 0
    while rows := db.session.execute(_chunk(filters, last)).all():
        last = rows[-1][0].id
        yield from _with_lists(rows, zone)


def _chunk(filters: DepartureFilters, after: int) -> RowSelect:
    is_survey = Invitation.kind == InvitationKind.survey
    is_sent = Response.submitted_at.is_not(None)
    return (
        select(
            Departure,
            Client,
            Contact,
            TeamMember.email,
            Invitation.created_at,
            Response,
            Recovery,
            Testimonial,
            Return,
        )
        .join(Client, Client.id == Departure.client_id)
        .join(Contact, Contact.id == Departure.contact_id)
        .outerjoin(TeamMember, TeamMember.id == Departure.responsible_id)
        .outerjoin(Invitation, and_(Invitation.departure_id == Departure.id, is_survey))
        .outerjoin(Response, and_(Response.departure_id == Departure.id, is_sent))
        .outerjoin(Recovery, Recovery.departure_id == Departure.id)
        .outerjoin(Testimonial, Testimonial.departure_id == Departure.id)
        .outerjoin(Return, Return.departure_id == Departure.id)
        .where(Departure.id > after, *filters.conditions)
        .order_by(Departure.id)
        .limit(CHUNK)
        .options(lazyload("*"))
    )


def _with_lists(rows: Sequence[Row[*tuple[Any, ...]]], zone: ZoneInfo) -> Iterator[ExportRow]:
    """Add to each row what it has several of, in three statements for the whole chunk."""
    between = rows[0][0].id, rows[-1][0].id
    answers = Response.departure_id.between(*between)
    guessed = _grouped(
        select(DepartureReason.departure_id, DepartureReason.reason).where(
            DepartureReason.departure_id.between(*between)
        )
    )
    said = _grouped(
        select(Response.departure_id, ResponseReason.reason)
        .join(ResponseReason, ResponseReason.response_id == Response.id)
        .where(answers)
    )
    own = _grouped(
        select(Response.departure_id, Answer.question_id, Answer.value)
        .join(Answer, Answer.response_id == Response.id)
        .where(answers)
    )
    for row in rows:
        departure, client, contact, email, invited_at, response, *followed = row
        recovery, testimonial, came_back = followed
        number = departure.id
        yield ExportRow(
            departure,
            client,
            contact,
            email,
            invited_at,
            response,
            recovery,
            testimonial,
            came_back,
            guessed=[reason for (reason,) in guessed[number]],
            said=[reason for (reason,) in said[number]] if response else [],
            own=dict(own[number]) if response else {},
            zone=zone,
        )


def _grouped(query: RowSelect) -> dict[int, list[tuple[Any, ...]]]:
    """Return the rest of each row by its first column."""
    found: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for number, *rest in db.session.execute(query):
        found[number].append(tuple(rest))
    return found
