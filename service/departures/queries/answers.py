"""What the client of one departure answered, beside what the provider had guessed."""

from dataclasses import dataclass

from flask_babel import get_locale
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from service.extensions import db
from service.models import Answer, Departure, Reason, Response, Testimonial


@dataclass(frozen=True, slots=True)
class ReasonBeside:
    """One reason, and which side gave it."""

    reason: Reason
    is_guessed: bool
    is_said: bool


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


def of(departure: Departure) -> Answered | None:
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
