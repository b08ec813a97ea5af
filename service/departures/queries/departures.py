"""Departures: lists, searched and filtered, a page at a time; one of them, and what was answered.

A fixed number of queries, however many departures there are.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from flask_babel import get_locale
from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import contains_eager, joinedload, selectinload
from sqlalchemy.sql.elements import ColumnElement

from service.extensions import db
from service.models import (
    Answer,
    Client,
    Contact,
    Departure,
    DepartureReason,
    Enrolment,
    EnrolmentState,
    Invitation,
    InvitationKind,
    Reason,
    Recovery,
    Response,
    ResponseReason,
    Stage,
    TeamMember,
    Testimonial,
)
from service.paging import Page, cut, page_within

# What the filter `state` may ask for besides a stage.
GROUPS = {
    "open": (Stage.notice, Stage.conversation, Stage.handover),
    "over": (Stage.retained, Stage.returned),
}
SCORES = {"promoter": (9, 10), "passive": (7, 8), "detractor": (0, 6)}
SORTS: dict[str, Any] = {
    "client": Client.name_key,
    "service": Departure.service,
    "notice_on": Departure.notice_on,
    "end_on": Departure.end_on,
    "stage": Departure.stage,
    "score": Response.score,
    "responsible": TeamMember.name,
}


@dataclass(frozen=True, slots=True)
class Query:
    """The filters of the list, from its query string. Unknown values are ignored."""

    q: str = ""
    state: str = ""  # a stage, open, over, recovery or history
    service: str = ""
    since: date | None = None  # by end date, both days included
    until: date | None = None
    answered: str = ""  # yes, no (invited and silent)
    score: str = ""  # promoter, passive, detractor, or a number
    reason: str = ""  # given by either side
    sort: str = "-notice_on"
    page: int = 1

    @property
    def has_more(self) -> bool:
        """Whether it uses one of the filters that the page hides at first."""
        return any((self.service, self.since, self.until, self.score, self.reason))

    @property
    def is_narrowed(self) -> bool:
        """Whether it leaves departures out."""
        words = (self.q, self.state, self.service, self.answered, self.score, self.reason)
        return any(words) or self.since is not None or self.until is not None


@dataclass(frozen=True, slots=True)
class Row:
    """One departure of a list."""

    departure: Departure
    score: int | None
    answered_at: datetime | None
    next_at: datetime | None

    @property
    def needs_recovery(self) -> bool:
        """Whether something that went wrong is still to be put right."""
        recovery = self.departure.recovery
        return recovery is not None and recovery.is_open


def page(query: Query) -> Page[Row]:
    """Return the page of departures that `query` asks for; past the last one, the last."""
    narrowed = _narrowed(select(Departure.id), query)
    count = db.session.scalar(select(func.count()).select_from(narrowed.subquery())) or 0
    number = page_within(query.page, count)
    statement = _narrowed(
        select(
            Departure,
            Response.score,
            Response.submitted_at,
            Enrolment.next_at,
        ),
        query,
    )
    statement = statement.options(
        contains_eager(Departure.client),
        contains_eager(Departure.contact),
        contains_eager(Departure.responsible),
        contains_eager(Departure.recovery),
    ).order_by(*_order(query.sort))
    rows = db.session.execute(cut(statement, number)).all()
    return Page([Row(*row) for row in rows], count, number)


def find(public_id: str) -> Departure | None:
    """Return one departure with its people, or None."""
    query = select(Departure).where(Departure.public_id == public_id)
    people = (
        joinedload(Departure.client),
        joinedload(Departure.contact),
        joinedload(Departure.responsible),
    )
    return db.session.scalar(query.options(*people))


@dataclass(frozen=True, slots=True)
class ReasonBeside:
    """A reason that the team guessed, the client gave, or both."""

    reason: Reason
    is_guessed: bool
    is_said: bool

    @property
    def differs(self) -> bool:
        """Whether only one side gave it."""
        return self.is_guessed != self.is_said


@dataclass(frozen=True, slots=True)
class OwnAnswer:
    """The answer to one of the provider's own questions, in words."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Answered:
    """The response, the reasons of both sides, and the provider's own questions."""

    response: Response
    reasons: list[ReasonBeside]
    own: list[OwnAnswer]


def answer_of(departure: Departure) -> Answered | None:
    """Return what was answered, also when it was only begun; None when nothing was."""
    query = select(Response).where(Response.departure_id == departure.id)
    response = db.session.scalar(
        query.options(selectinload(Response.answers).joinedload(Answer.question))
    )
    if response is None:
        return None
    guessed, told = departure.reasons, response.reasons
    reasons = [ReasonBeside(r, r in guessed, r in told) for r in Reason if r in guessed | told]
    language = str(get_locale())
    answers = sorted(response.answers, key=lambda row: (row.question.position, row.question_id))
    own = [OwnAnswer(row.question.text_in(language), row.words_in(language)) for row in answers]
    return Answered(response, reasons, [row for row in own if row.answer])


def testimonial_of(departure: Departure) -> Testimonial | None:
    """Return the departure's testimonial, if there is one."""
    return db.session.scalar(select(Testimonial).where(Testimonial.departure_id == departure.id))


def _narrowed(statement: Select[*tuple[Any, ...]], query: Query) -> Select[*tuple[Any, ...]]:
    joined = (
        statement.join(Client, Departure.client_id == Client.id)
        .join(Contact, Departure.contact_id == Contact.id)
        .outerjoin(TeamMember, Departure.responsible_id == TeamMember.id)
        .outerjoin(Response, Response.departure_id == Departure.id)
        .outerjoin(Recovery, Recovery.departure_id == Departure.id)
        .outerjoin(
            Enrolment,
            (Enrolment.departure_id == Departure.id) & (Enrolment.state == EnrolmentState.active),
        )
    )
    return joined.where(*_conditions(query))


def _conditions(query: Query) -> list[ColumnElement[bool]]:
    found = [*_of_state(query.state), *_of_answer(query.answered), *_of_score(query.score)]
    if query.q:
        found.append(_holds(query.q))
    if query.service:
        found.append(Departure.service == query.service)
    if query.since:
        found.append(Departure.end_on >= query.since)
    if query.until:
        found.append(Departure.end_on <= query.until)
    if query.reason in list(Reason):
        found.append(_names(Reason(query.reason)))
    return found


def _holds(text: str) -> ColumnElement[bool]:
    """Match names, addresses and services that contain `text`; % and _ mean themselves."""
    words = " ".join(text.split()).casefold()
    return or_(
        Client.name_key.contains(words, autoescape=True),
        Contact.email_key.contains(words, autoescape=True),
        Contact.name.icontains(words, autoescape=True),
        Departure.service.icontains(words, autoescape=True),
    )


def _of_state(state: str) -> list[ColumnElement[bool]]:
    if state in GROUPS:
        return [Departure.stage.in_(GROUPS[state])]
    if state in list(Stage):
        return [Departure.stage == Stage(state)]
    if state == "history":
        return [Departure.is_history.is_(True)]
    if state == "recovery":
        return [Recovery.id.is_not(None), Recovery.closed_at.is_(None)]
    return []


def _of_answer(answered: str) -> list[ColumnElement[bool]]:
    if answered == "yes":
        return [Response.submitted_at.is_not(None)]
    if answered == "no":
        invited = select(Invitation.departure_id).where(Invitation.kind == InvitationKind.survey)
        return [Response.submitted_at.is_(None), Departure.id.in_(invited)]
    return []


def _of_score(score: str) -> list[ColumnElement[bool]]:
    low, high = SCORES.get(score, (None, None))
    if low is None and score.isascii() and score.isdecimal() and len(score) <= 2:
        low = high = int(score)
    if low is None:
        return []
    return [Response.submitted_at.is_not(None), Response.score.between(low, high)]


def _names(reason: Reason) -> ColumnElement[bool]:
    guessed = select(DepartureReason.departure_id).where(DepartureReason.reason == reason)
    said = (
        select(Response.departure_id)
        .join(ResponseReason, ResponseReason.response_id == Response.id)
        .where(ResponseReason.reason == reason, Response.submitted_at.is_not(None))
    )
    return or_(Departure.id.in_(guessed), Departure.id.in_(said))


def _order(sort: str) -> list[ColumnElement[Any]]:
    column = SORTS.get(sort.removeprefix("-"), Departure.notice_on)
    is_down = sort.startswith("-") or sort.removeprefix("-") not in SORTS
    ordered = column.desc() if is_down else column.asc()
    return [ordered.nulls_last(), Departure.id.desc()]
