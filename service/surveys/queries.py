"""What the survey's page has to know, in one statement. Reads only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, select

from service.database import reading
from service.extensions import db
from service.models import (
    Company,
    Contact,
    Departure,
    Invitation,
    InvitationKind,
    Question,
    Response,
    Stage,
    TeamMember,
)
from service.models.companies import DEFAULT_ACCENT


@dataclass(frozen=True, slots=True)
class PublicCompany:
    """What a public page shows of the company."""

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
    company: PublicCompany
    has_response: bool
    submitted_at: datetime | None
    questions: tuple[Question, ...]  # the provider's own that are on, in order; not in any session

    def is_open(self, at: datetime) -> bool:
        """Say whether it can still be answered at `at`."""
        return self.revoked_at is None and at < self.closes_at


# Tables, constants and a connection of its own, not models and a session: this is what a thousand
# phones ask in a minute. One row for each of the own questions that are on, or one without.
_invitations, _departures, _contacts, _providers, _responses, _companies, _questions = (
    model.__table__
    for model in (Invitation, Departure, Contact, TeamMember, Response, Company, Question)
)
_is_asked = _questions.c.is_on & _questions.c.deleted_at.is_(None)
_SURVEY = (
    select(
        _invitations.c.closes_at,
        _invitations.c.revoked_at,
        _departures.c.stage,
        _contacts.c.language,
        _providers.c.name.label("responsible"),
        _responses.c.id.label("response_id"),
        _responses.c.submitted_at,
        _companies.c.name,
        _companies.c.accent,
        _companies.c.logo_version,
        _companies.c.postal_address,
        _questions.c.id.label("question_id"),
        _questions.c.kind,
        _questions.c.text,
        _questions.c.options,
    )
    .select_from(_invitations)
    .join(_departures, _departures.c.id == _invitations.c.departure_id)
    .join(_contacts, _contacts.c.id == _departures.c.contact_id)
    .outerjoin(_providers, _providers.c.id == _departures.c.responsible_id)
    .outerjoin(_responses, _responses.c.invitation_id == _invitations.c.id)
    .outerjoin(_companies, _companies.c.id == 1)
    .outerjoin(_questions, _is_asked)
    .where(_invitations.c.kind == InvitationKind.survey)
    .order_by(_questions.c.position, _questions.c.id)
)
_BY_INVITATION = _SURVEY.where(_invitations.c.public_id == bindparam("public_id"))
_BY_RESPONSE = _SURVEY.where(_responses.c.public_id == bindparam("public_id"))


def by_invitation(public_id: str) -> Survey | None:
    """Return the survey behind a mailed link."""
    return _found(_BY_INVITATION, public_id)


def by_response(public_id: str) -> Survey | None:
    """Return the survey behind the private link of an answer."""
    return _found(_BY_RESPONSE, public_id)


def questions_with(also: frozenset[int]) -> Sequence[Question]:
    """Return the provider's own questions that are on, in order, and those in `also`."""
    is_on = Question.is_on & Question.deleted_at.is_(None)
    query = select(Question).where(is_on | Question.id.in_(also))
    return db.session.scalars(query.order_by(Question.position, Question.id)).all()


def _found(statement: Select[*tuple[Any, ...]], public_id: str) -> Survey | None:
    with reading(), db.engine.connect() as connection:
        rows = connection.execute(statement, {"public_id": public_id}).all()
    if not rows:
        return None
    row = rows[0]
    return Survey(
        closes_at=row.closes_at,
        revoked_at=row.revoked_at,
        language=row.language,
        has_handover=row.stage in {Stage.handover, Stage.closed},
        responsible=row.responsible or "",
        company=PublicCompany(
            name=row.name or "",
            accent=row.accent or DEFAULT_ACCENT,
            logo_version=row.logo_version,
            postal_address=row.postal_address or "",
        ),
        has_response=row.response_id is not None,
        submitted_at=row.submitted_at,
        questions=tuple(
            Question(id=one.question_id, kind=one.kind, text=one.text, options=one.options)
            for one in rows
            if one.question_id is not None
        ),
    )
