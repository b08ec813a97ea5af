"""What the survey's page has to know, in two small statements. Reads only."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select

from service.extensions import db
from service.models import (
    Company,
    Contact,
    Departure,
    Invitation,
    InvitationKind,
    Provider,
    Question,
    Response,
    Stage,
)
from service.models.companies import DEFAULT_ACCENT


@dataclass(frozen=True, slots=True)
class House:
    """What the page shows of the company."""

    name: str
    accent: str
    logo_version: str | None
    postal_address: str


@dataclass(frozen=True, slots=True)
class Survey:
    """One contact's survey, as far as a page may show it to whoever holds the link."""

    closes_at: datetime
    revoked_at: datetime | None
    language: str
    has_handover: bool
    responsible: str
    house: House
    has_response: bool
    submitted_at: datetime | None

    def is_open(self, at: datetime) -> bool:
        """Say whether it can still be answered at `at`."""
        return self.revoked_at is None and at < self.closes_at


_COLUMNS = (
    Invitation.closes_at,
    Invitation.revoked_at,
    Departure.stage,
    Contact.language,
    Provider.name.label("responsible"),
    Response.id.label("response_id"),
    Response.submitted_at,
    Company.name,
    Company.accent,
    Company.logo_version,
    Company.postal_address,
)
_SURVEY = (
    select(*_COLUMNS)
    .select_from(Invitation)
    .join(Invitation.departure)
    .join(Departure.contact)
    .outerjoin(Provider, Provider.id == Departure.responsible_id)
    .outerjoin(Response, Response.invitation_id == Invitation.id)
    .outerjoin(Company, Company.id == 1)
    .where(Invitation.kind == InvitationKind.survey)
)


def by_invitation(public_id: str) -> Survey | None:
    """Return the survey behind a mailed link."""
    row = db.session.execute(_SURVEY.where(Invitation.public_id == public_id)).first()
    return None if row is None else _survey(row)


def by_response(public_id: str) -> Survey | None:
    """Return the survey behind the private link of an answer."""
    row = db.session.execute(_SURVEY.where(Response.public_id == public_id)).first()
    return None if row is None else _survey(row)


def questions(also: frozenset[int] = frozenset()) -> list[Question]:
    """Return the provider's own questions that are on, in order, and those in `also`."""
    is_asked = Question.is_on & Question.deleted_at.is_(None)
    if also:
        is_asked = is_asked | Question.id.in_(also)
    return list(
        db.session.scalars(
            select(Question).where(is_asked).order_by(Question.position, Question.id)
        )
    )


def _survey(row: Row[*tuple[Any, ...]]) -> Survey:
    return Survey(
        closes_at=row.closes_at,
        revoked_at=row.revoked_at,
        language=row.language,
        has_handover=row.stage in {Stage.handover, Stage.closed},
        responsible=row.responsible or "",
        house=House(
            name=row.name or "",
            accent=row.accent or DEFAULT_ACCENT,
            logo_version=row.logo_version,
            postal_address=row.postal_address or "",
        ),
        has_response=row.response_id is not None,
        submitted_at=row.submitted_at,
    )
