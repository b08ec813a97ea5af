"""Sample data: a year of departures, marked as samples, never mailed, and removed in one step.

The same day and language always give the same rows.
"""

import json
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import delete, exists, select

from service import clock
from service.clients.actions import bases
from service.current import company
from service.extensions import db
from service.models import (
    Channel,
    Client,
    Contact,
    DayPart,
    Departure,
    Event,
    EventKind,
    Invitation,
    InvitationKind,
    MailKind,
    Reason,
    Recovery,
    Response,
    Return,
    ReturnReason,
    Stage,
    TalkRequest,
    Testimonial,
    TestimonialState,
)
from service.models.clients import name_key

SEED = 2026
TALKS = 14  # the departure whose contact would like to talk
TEXTS = Path(__file__).with_name("samples.json")
SCORES = (10, 9, 9, 10, 8, 9, 7, 10, 6, 9, 8, 3, 10, 9)  # an NPS that leaves something to do
REASONS = (
    Reason.budget_cut,
    Reason.in_house,
    Reason.needs_changed,
    Reason.price,
    Reason.cheaper_competitor,
    Reason.customer_service,
    Reason.deliverable_quality,
    Reason.needs_changed,
)


def are_there() -> bool:
    """Return whether there is sample data."""
    return bool(db.session.scalar(select(exists().where(Client.is_sample))))


def remove() -> None:
    """Delete all sample clients and, by cascade, all that belongs to them."""
    db.session.execute(delete(Client).where(Client.is_sample))
    db.session.expire_all()


@dataclass
class _Maker:
    """Makes the rows of one set of sample data."""

    texts: dict[str, Any]
    language: str
    responsible_id: int | None
    today: date
    zone: str
    random: Random

    def moment(self, day: date, hour: int = 10) -> datetime:
        return min(clock.local_moment(day, time(hour, 0), self.zone), clock.now())

    def client(self, number: int) -> Client:
        name, person = self.texts["clients"][number]
        client = Client(
            name=name,
            name_key=name_key(name),
            service=self.texts["services"][number % 4],
            started_on=self.today - timedelta(days=self.random.randint(500, 1600)),
            monthly_value=Decimal(self.random.choice((90, 150, 240, 480, 900))),
            acquisition_cost=Decimal(self.random.choice((0, 150, 400))),
            margin=Decimal(self.random.choice((30, 45, 60))),
            responsible_id=self.responsible_id,
            notes=self.texts["notes"],
            is_sample=True,
        )
        email = f"{name_key(person).replace(' ', '.')}.{number}@sample.example"
        email = email.encode("ascii", "ignore").decode()
        client.contacts = [
            Contact(
                name=person, email=email, email_key=email, language=self.language, source="sample"
            )
        ]
        return client

    def departure(self, client: Client, number: int, end_on: date) -> Departure:
        departure = Departure(
            client=client,
            contact=client.contacts[0],
            responsible_id=self.responsible_id,
            service=client.service,
            stage=Stage.closed if end_on < self.today else Stage.handover,
            notice_on=end_on - timedelta(days=self.random.randint(15, 45)),
            end_on=end_on,
            monthly_value=client.monthly_value,
            acquisition_cost=client.acquisition_cost,
            margin=client.margin,
            is_history=True,
            source="sample",
        )
        departure.recorded_at = self.moment(departure.notice_on)
        departure.reasons = {REASONS[number % len(REASONS)]}
        return departure

    def invitation(self, departure: Departure, at: datetime) -> Invitation:
        return Invitation(
            departure=departure,
            kind=InvitationKind.survey,
            created_at=at,
            closes_at=at + timedelta(days=61),
        )

    def response(self, departure: Departure, number: int, at: datetime) -> Response:
        score = SCORES[number % len(SCORES)]
        invitation = self.invitation(departure, at - timedelta(days=1))
        response = Response(
            invitation=invitation,
            departure=departure,
            score=score,
            satisfaction=max(1, (score + 1) // 2),
            handover=4 + number % 2,
            valued_most=self.texts["valued_most"][number % 5],
            to_improve=self.texts["to_improve"][(number + 2) % 5],
            comment=self.texts["comment"][number % 5],
            return_likelihood=max(0, score - 1),
            keep_in_touch=score > 6,
            language=self.language,
            saved_at=at,
            submitted_at=at,
        )
        reason = REASONS[(number + number % 3) % len(REASONS)]
        response.reasons = {reason} if score > 6 else {reason, Reason.customer_service}
        return response

    def testimonial(self, response: Response, number: int) -> Testimonial:
        at = min(response.saved_at + timedelta(days=3), clock.now())
        is_old = at < clock.now() - timedelta(days=6)  # the newest still waits to be read
        return Testimonial(
            departure=response.departure,
            state=TestimonialState.approved if is_old else TestimonialState.submitted,
            quote=self.texts["quotes"][number % 4],
            display_name=response.departure.contact.name,
            display_role=self.texts["role"],
            display_company=response.departure.client.name,
            publish_website=True,
            language=self.language,
            submitted_at=at,
            approved_at=at + timedelta(days=1) if is_old else None,
        )


def create(language: str, responsible_id: int | None = None) -> int:
    """Add sample data in `language` unless there is some; return the number of departures.

    Nothing is enrolled, and the outbox refuses every mail to a sample client.
    """
    if are_there():
        return 0
    zone = company().time_zone
    texts = json.loads(TEXTS.read_text(encoding="utf-8"))[language]
    today = clock.today(zone)
    maker = _Maker(texts, language, responsible_id, today, zone, Random(SEED))  # noqa: S311
    clients = [maker.client(number) for number in range(len(texts["clients"]))]
    taken = set(db.session.scalars(select(Client.name_key)))
    clients = [client for client in clients if client.name_key not in taken]
    leaving = clients[: len(clients) * 3 // 4]
    db.session.add_all(clients)
    for number, client in enumerate(leaving):
        end_on = today - timedelta(days=350 - 20 * number)
        _add_departure(maker, maker.departure(client, number, end_on), number, end_on)
    db.session.flush()
    bases.recount(client.id for client in leaving)
    return len(leaving)


def _add_departure(maker: _Maker, departure: Departure, number: int, end_on: date) -> None:
    db.session.add(departure)
    db.session.flush()
    db.session.add(
        Event(departure_id=departure.id, kind=EventKind.recorded, at=departure.recorded_at)
    )
    if number % 7 == 2 and end_on < maker.today - timedelta(days=120):
        db.session.add(_return(departure, end_on + timedelta(days=100)))
    elif number == TALKS:
        db.session.add(_talk_request(maker, departure))
    if end_on > maker.today - timedelta(days=6):
        return  # not yet answered
    if number % 5 == 3:
        db.session.add(maker.invitation(departure, maker.moment(end_on + timedelta(days=1))))
        return  # asked, and never answered
    response = maker.response(
        departure, number, maker.moment(end_on + timedelta(days=2 + number % 4), 12)
    )
    db.session.add(response)
    if response.needs_recovery:
        db.session.add(_recovery(response))
    elif number % 3 != 1:
        db.session.add(maker.testimonial(response, number))


def _return(departure: Departure, day: date) -> Return:
    departure.stage = Stage.returned
    return Return(
        departure=departure,
        returned_on=day,
        service=departure.service,
        reason=ReturnReason.our_contact,
        mail_kind=MailKind.survey_invitation,
        was=Stage.closed,
    )


def _talk_request(maker: _Maker, departure: Departure) -> TalkRequest:
    at = clock.now() - timedelta(hours=3)
    return TalkRequest(
        contact=departure.contact,
        departure=departure,
        asked_on=maker.today,
        asked_at=at,
        changed_at=at,
        message=maker.texts["comment"][1],
        channel=Channel.phone,
        day_part=DayPart.morning,
    )


def _recovery(response: Response) -> Recovery:
    is_old = response.saved_at < clock.now() - timedelta(days=60)
    return Recovery(
        departure=response.departure,
        opened_at=response.saved_at,
        closed_at=response.saved_at + timedelta(days=9) if is_old else None,
        is_resolved=True if is_old else None,
    )
