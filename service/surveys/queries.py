"""Read what the survey's pages show: the survey behind a link, the questions, the invitations."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, select

from service.database import reading
from service.extensions import db
from service.models import (
    Answer,
    Company,
    Contact,
    Departure,
    Invitation,
    InvitationKind,
    Question,
    Recovery,
    Response,
    Stage,
    TeamMember,
)
from service.models.companies import DEFAULT_ACCENT
from service.protocols.rules.situations import names_no_quality


@dataclass(frozen=True, slots=True)
class PublicCompany:
    """What a public page shows of the company."""

    name: str
    accent: str
    logo_version: str | None
    postal_address: str


@dataclass(frozen=True, slots=True)
class Survey:
    """The survey of one contact, as far as a page may show it to whoever holds the link."""

    closes_at: datetime
    revoked_at: datetime | None
    language: str
    has_handover: bool
    responsible: str
    company: PublicCompany
    has_response: bool
    submitted_at: datetime | None
    questions: tuple[Question, ...]  # the custom ones switched on, in order; in no session

    def is_open(self, at: datetime) -> bool:
        """Return whether the survey can still be answered at `at`."""
        return self.revoked_at is None and at < self.closes_at


# Tables, constant statements and a separate connection instead of models and a session, because a
# thousand phones run this in a minute. One row for each custom question switched on, or one row.
_invitations, _departures, _contacts, _members, _responses, _companies, _questions = (
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
        _members.c.name.label("responsible"),
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
    .outerjoin(_members, _members.c.id == _departures.c.responsible_id)
    .outerjoin(_responses, _responses.c.invitation_id == _invitations.c.id)
    .outerjoin(_companies, _companies.c.id == 1)
    .outerjoin(_questions, _is_asked)
    .where(_invitations.c.kind == InvitationKind.survey)
    .order_by(_questions.c.position, _questions.c.id)
)
_BY_INVITATION = _SURVEY.where(_invitations.c.public_id == bindparam("public_id"))
_BY_RESPONSE = _SURVEY.where(_responses.c.public_id == bindparam("public_id"))


def by_invitation(public_id: str) -> Survey | None:
    """Return the survey of a mailed link, or None."""
    return _survey(_BY_INVITATION, public_id)


def by_response(public_id: str) -> Survey | None:
    """Return the survey of a response's private link, or None."""
    return _survey(_BY_RESPONSE, public_id)


def _survey(statement: Select[*tuple[Any, ...]], public_id: str) -> Survey | None:
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


def questions(*, deleted: bool = False) -> Sequence[Question]:
    """Return the custom questions in order, those switched off too; or the deleted ones instead."""
    is_deleted = Question.deleted_at.is_not(None)
    return _in_order(is_deleted if deleted else ~is_deleted)


def questions_with(also: frozenset[int]) -> Sequence[Question]:
    """Return the custom questions that are switched on or whose id is in `also`, in order."""
    is_asked = Question.is_on & Question.deleted_at.is_(None)
    return _in_order(is_asked | Question.id.in_(also))


def _in_order(condition: ColumnElement[bool]) -> Sequence[Question]:
    query = select(Question).where(condition).order_by(Question.position, Question.id)
    return db.session.scalars(query).all()


def is_answered(question: Question) -> bool:
    """Return whether anybody has answered the question."""
    found = select(Answer.question_id).where(Answer.question_id == question.id).limit(1)
    return db.session.scalar(found) is not None


def deserves_testimonial(response: Response) -> bool:
    """Return whether a testimonial may be asked for, by the reasons and not by the score alone.

    Neither the team nor the client names quality or service, and no recovery is open.
    """
    departure = response.departure
    if response.submitted_at is None or departure.is_over:
        return False
    if not names_no_quality(departure, response):
        return False
    is_open = select(Recovery.id).where(
        Recovery.departure_id == departure.id, Recovery.closed_at.is_(None)
    )
    return db.session.scalar(is_open) is None


def testimonial_invitation(departure: Departure) -> Invitation | None:
    """Return the departure's invitation to a testimonial, open or not."""
    return db.session.scalar(
        select(Invitation).where(
            Invitation.departure_id == departure.id, Invitation.kind == InvitationKind.testimonial
        )
    )
