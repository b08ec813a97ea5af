"""What mails are about: the rows behind a batch of outbox rows, loaded in a few queries."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from service.extensions import db
from service.mail.kinds import RULES
from service.models import (
    Departure,
    Event,
    Invitation,
    InvitationKind,
    MailKind,
    OutboxMessage,
    Provider,
    ProviderLink,
    Response,
    Testimonial,
)

Row = TypeVar("Row", Response, Testimonial)


@dataclass(slots=True)
class Topic:
    """One mail and the rows that it speaks of."""

    row: OutboxMessage
    invitation: Invitation | None = None  # to the survey
    testimonial_invitation: Invitation | None = None
    response: Response | None = None
    testimonial: Testimonial | None = None
    link: ProviderLink | None = None
    message: str = ""  # what a contact wrote who would like to talk

    @property
    def responsible(self) -> Provider | None:
        """Who signs: the sender that the row names, or else the departure's responsible."""
        if RULES[self.row.kind].to_provider:
            return None
        departure = self.row.departure
        return self.row.sender or (departure.responsible if departure else None)


def load(rows: Sequence[OutboxMessage]) -> list[Topic]:
    """Return the topic of each row, in the same order; ten queries at most, however many rows."""
    _load_people(rows)
    topics = [Topic(row) for row in rows]
    ids = {row.departure_id for row in rows if row.departure_id}
    invitations = {
        (found.departure_id, found.kind): found
        for found in db.session.scalars(select(Invitation).where(Invitation.departure_id.in_(ids)))
    }
    responses = _by_departure(Response, ids)
    testimonials = _by_departure(Testimonial, ids)
    for topic in topics:
        departure_id = topic.row.departure_id or 0
        topic.invitation = invitations.get((departure_id, InvitationKind.survey))
        topic.testimonial_invitation = invitations.get((departure_id, InvitationKind.testimonial))
        topic.response = responses.get(departure_id)
        topic.testimonial = testimonials.get(departure_id)
    _load_links_and_messages(topics)
    return topics


def _load_people(rows: Sequence[OutboxMessage]) -> None:
    """Fill in the relations of `rows` (the same objects), so that none is asked one by one."""
    departure = selectinload(OutboxMessage.departure)
    db.session.scalars(
        select(OutboxMessage)
        .where(OutboxMessage.id.in_([row.id for row in rows]))
        .options(
            selectinload(OutboxMessage.contact),
            selectinload(OutboxMessage.provider),
            selectinload(OutboxMessage.sender),
            selectinload(OutboxMessage.reply_to),
            departure.selectinload(Departure.client),
            departure.selectinload(Departure.contact),
            departure.selectinload(Departure.responsible),
        )
    ).all()


def _by_departure(model: type[Row], ids: Collection[int]) -> dict[int, Row]:
    query = select(model).where(model.departure_id.in_(ids))
    return {row.departure_id: row for row in db.session.scalars(query)}


def _load_links_and_messages(topics: Sequence[Topic]) -> None:
    for topic in topics:
        context = topic.row.context or {}
        if topic.row.kind is MailKind.password_link and "link_id" in context:
            topic.link = db.session.get(ProviderLink, context["link_id"])
        if topic.row.kind is MailKind.alert_door_open and "event_id" in context:
            event = db.session.get(Event, context["event_id"])
            topic.message = event.detail if event else ""
