"""From the survey's form to the answer and back, and the one transaction that keeps it.

Reading and checking happen before, without a lock; a writer begins only with a form that is right.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from flask import request
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from forms.surveys import OwnQuestion, SurveyForm, made_for, own_data
from service.clock import now
from service.database import only_reading
from service.errors import Conflict, Gone
from service.extensions import db
from service.mail import links
from service.models import Departure, Invitation, Reason, Response, Testimonial
from service.surveys.actions import invitations, responses
from service.surveys.actions.responses import Answers
from service.tokens import Purpose

T = TypeVar("T")
ATTEMPTS = 3
_OWN_NAME = re.compile(r"q_([1-9][0-9]{0,8})")


class Different(Exception):
    """Another answer stands there already; `version` is its version."""

    def __init__(self, version: int) -> None:
        super().__init__(version)
        self.version = version


def asked_about() -> frozenset[int]:
    """Return the ids of the own questions that were posted, also those that vanished meanwhile."""
    found = (_OWN_NAME.fullmatch(name) for name in request.form)
    return frozenset(int(match[1]) for match in found if match)


def answers_of(form: SurveyForm) -> Answers:
    """Return what a valid form says."""
    return Answers(
        score=form.score.number,
        satisfaction=form.satisfaction.number,
        handover=form.handover.number,
        reasons=frozenset(Reason(code) for code in form.reasons.data or ()),
        valued_most=form.valued_most.data or "",
        to_improve=form.to_improve.data or "",
        comment=form.comment.data or "",
        return_likelihood=form.return_likelihood.number,
        keep_in_touch=form.keep_in_touch.data,
        own={question.id: form.own_value(question) for question in form.own},
    )


def form_of(response: Response, own: Sequence[OwnQuestion]) -> SurveyForm:
    """Return the form filled with what `response` holds."""
    held = {answer.question_id: answer.value for answer in response.answers}
    data: dict[str, Any] = {q.name: own_data(q, held.get(q.id)) for q in own}
    for name in ("score", "satisfaction", "handover", "return_likelihood"):
        number = getattr(response, name)
        data[name] = None if number is None else str(number)
    for name in ("valued_most", "to_improve", "comment", "keep_in_touch"):
        data[name] = getattr(response, name)
    data["reasons"] = [reason.value for reason in response.reasons]
    data["version"] = str(response.version)
    return made_for(own)(data=data)


def wording_of(form: SurveyForm) -> str:
    """Return the words that stood beside the box, as the consent keeps them."""
    return f"{form.keep_in_touch.label.text}\n{form.keep_in_touch.description}"


def response_of(public_id: str) -> Response:
    """Return the answer that a private link names; raises Gone when there is none any more."""
    response = db.session.scalar(
        select(Response)
        .where(Response.public_id == public_id)
        .options(
            joinedload(Response.invitation),
            joinedload(Response.departure).options(
                joinedload(Departure.contact), joinedload(Departure.responsible)
            ),
        )
    )
    if response is None:
        raise Gone
    return response


def response_to(public_id: str) -> Response:
    """Return the answer to the invitation that a mailed link names; there is one."""
    query = select(Response).join(Response.invitation).where(Invitation.public_id == public_id)
    return db.session.scalars(query).one()


def answered(response: Response) -> frozenset[int]:
    """Return the ids of the own questions that have an answer, whether they are asked or not."""
    return frozenset(answer.question_id for answer in response.answers)


def keep_first(public_id: str, form: SurveyForm, language: str, send: bool) -> Response:
    """Keep the answer to an invitation. Raises Different when another one stands there."""
    invitation = db.session.scalar(select(Invitation).where(Invitation.public_id == public_id))
    if invitation is None or not invitation.is_open(now()):
        raise Gone
    answers, wording = answers_of(form), wording_of(form)
    response = db.session.scalar(select(Response).where(Response.invitation_id == invitation.id))
    if response is None:
        return responses.record(invitation, answers, language=language, wording=wording, send=send)
    if not responses.says_the_same(response, answers):
        raise Different(response.version)
    responses.change(response, answers, language=language, wording=wording, send=send)
    return response


def keep_changed(public_id: str, form: SurveyForm, language: str, send: bool) -> Response:
    """Keep a changed answer. Raises Different when it is not the one that was on the page."""
    response = response_of(public_id)
    if not response.invitation.is_open(now()):
        raise Gone
    answers = answers_of(form)
    is_other = form.version_seen not in (None, response.version)
    if is_other and not responses.says_the_same(response, answers):
        raise Different(response.version)
    responses.change(response, answers, language=language, wording=wording_of(form), send=send)
    return response


def written(keep: Callable[[], T]) -> T:
    """Run `keep` in a transaction of its own and commit; again when somebody else was faster."""
    for attempt in range(ATTEMPTS):
        db.session.rollback()  # what was only read, or the attempt that came second
        only_reading.set(False)
        try:
            return keep()
        except Conflict:
            if attempt == ATTEMPTS - 1:
                raise
        except BaseException:
            db.session.rollback()
            raise
    raise AssertionError


def next_steps(response: Response) -> dict[str, str]:
    """Return the links that fit after a sent answer. Makes no row: those stand there already."""
    found = {
        "talk": links.path_of(Purpose.talk, response.departure.contact),
        "preferences": links.path_of(Purpose.preferences, response.departure.contact),
    }
    invitation = invitations.testimonial_invitation(response.departure)
    if (
        invitation is not None
        and invitation.is_open(now())
        and invitations.deserves_testimonial(response)
        and not _has_testimonial(response.departure_id)
    ):
        found["testimonial"] = links.path_of(Purpose.testimonial, invitation)
    return found


def _has_testimonial(departure_id: int) -> bool:
    found = select(Testimonial.id).where(Testimonial.departure_id == departure_id)
    return db.session.scalar(found) is not None
