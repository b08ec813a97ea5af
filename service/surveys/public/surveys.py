"""The survey on the phone: the mailed link `/s/`, and the private link of a response, `/r/`.

The link is the authority: no cookie, no script. GET and HEAD change nothing, whoever opens them.
The mailed link never shows what was answered, so that forwarding it reveals nothing. The form is
read and checked without a lock; only a valid one opens the transaction that writes.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

from flask import Blueprint, g, redirect, request, url_for
from sqlalchemy import select
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import joinedload
from werkzeug.exceptions import RequestEntityTooLarge, TooManyRequests
from werkzeug.wrappers import Response as Reply

from forms.surveys import TEN, CustomQuestion, SurveyForm, field_data, survey_form
from service.clock import now
from service.current import read_token, sign
from service.database import only_reading
from service.errors import Conflict, Gone
from service.extensions import csrf, db
from service.mail import links
from service.models import Departure, Invitation, Reason, Response, Testimonial
from service.surveys import queries
from service.surveys.actions import responses
from service.surveys.actions.responses import Answers
from service.surveys.public import pages
from service.surveys.queries import Survey
from service.tokens import Purpose
from service.web import limits
from service.web.compression import compress

blueprint = Blueprint("survey", __name__)
csrf.exempt(blueprint)
blueprint.after_request(compress)
BUSY = (OperationalError, InterfaceError, PoolTimeout, Conflict)
ATTEMPTS = 3
_CUSTOM_FIELD = re.compile(r"q_([1-9][0-9]{0,8})")


class Unusable(Exception):
    """The link cannot be used; `kind` and `status` name the page that says so."""

    def __init__(self, kind: str, status: int) -> None:
        super().__init__(kind)
        self.kind, self.status = kind, status


class Different(Exception):
    """A different response has been kept already; `version` is its version."""

    def __init__(self, version: int) -> None:
        super().__init__(version)
        self.version = version


@blueprint.get("/s/<token>")
def show(token: str) -> Reply:
    """Show the empty survey; `?score=` only preselects."""
    survey = _survey(token, Purpose.survey)
    if survey.submitted_at is not None:
        return pages.link("sent", 410, token=token)
    if survey.has_response:
        return pages.link("begun", 200, token=token)
    score = request.args.get("score")
    custom = pages.in_page_language(survey.questions)
    return pages.empty(pages.page_of(survey, custom, score if score in TEN else None))


@blueprint.post("/s/<token>")
@limits.sends
def answer(token: str) -> Reply:
    """Keep the first response, sent or partial; the same one again gets the same thanks."""
    survey, form, send = _posted(token, Purpose.survey)
    if not form.validate_to(send=send):
        return _show_again(survey, form, 422)
    public_id, language = read_token(Purpose.survey, token) or "", str(g.language)
    try:
        return _keep(lambda: _keep_first(public_id, form, language, send), send)
    except Different:
        return pages.link("different", 409, form=form, token=token)
    except BUSY:
        return _show_busy(survey, form)


@blueprint.post("/s/<token>/link")
@limits.mails
def mail_link(token: str) -> Reply:
    """Mail a new private link to the contact's address, and to no other."""
    survey = _survey(token, Purpose.survey)
    if not survey.has_response:
        return redirect(url_for(".show", token=token), 303)
    public_id = read_token(Purpose.survey, token) or ""
    query = select(Response).join(Response.invitation).where(Invitation.public_id == public_id)
    may_be_mailed = responses.mail_link(db.session.scalars(query).one())
    db.session.commit()
    return pages.link("mailed" if may_be_mailed else "not_mailed", 200)


@blueprint.get("/r/<token>")
def review(token: str) -> Reply:
    """Show a response to whoever holds its private link, with thanks once it was sent."""
    survey = _survey(token, Purpose.answer)
    response = _response(read_token(Purpose.answer, token) or "")
    answered = frozenset(answer.question_id for answer in response.answers)
    custom = pages.in_page_language(queries.questions_with(answered))
    return pages.filled(
        pages.page_of(survey, custom),
        _filled_form(response, custom),
        note="saved" if survey.submitted_at is None else "sent",
        closes_at=survey.closes_at,
        response=response,
        steps=_next_steps(response),
        survey_token=sign(Purpose.survey, response.invitation.public_id),
    )


@blueprint.post("/r/<token>")
@limits.sends
def change(token: str) -> Reply:
    """Keep a changed response, until the survey closes."""
    survey, form, send = _posted(token, Purpose.answer)
    send = send or survey.submitted_at is not None
    if not form.validate_to(send=send):
        return _show_again(survey, form, 422)
    public_id, language = read_token(Purpose.answer, token) or "", str(g.language)
    try:
        return _keep(lambda: _keep_changed(public_id, form, language, send), send)
    except Different as different:
        form.version.data = str(different.version)  # sent once more, this form replaces the other
        return _show_again(survey, form, 409, "changed")
    except BUSY:
        return _show_busy(survey, form)


def _survey(token: str, purpose: Purpose) -> Survey:
    """Return the survey of `token` and select its contact's language; raises Unusable."""
    public_id = read_token(purpose, token)
    find = queries.by_invitation if purpose is Purpose.survey else queries.by_response
    survey = find(public_id) if public_id else None
    pages.select_page_language(survey.language if survey else None)
    if survey is None:
        raise Unusable("unknown", 404)
    if not survey.is_open(now()):
        raise Unusable("closed", 410)
    return survey


def _response(public_id: str) -> Response:
    """Return the response of a private link with its people; raises Gone when there is none."""
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


def _posted(token: str, purpose: Purpose) -> tuple[Survey, SurveyForm, bool]:
    """Return the survey, the form as posted, and whether to send it. Takes no lock yet."""
    only_reading.set(True)
    survey = _survey(token, purpose)
    return survey, _posted_form(), request.form.get("action") != "save"


def _posted_form() -> SurveyForm:
    """Return the posted form with each custom question on it, also one switched off since."""
    found = (_CUSTOM_FIELD.fullmatch(name) for name in request.form)
    posted = frozenset(int(match[1]) for match in found if match)
    return survey_form(pages.in_page_language(queries.questions_with(posted)))(request.form)


def _filled_form(response: Response, custom: Sequence[CustomQuestion]) -> SurveyForm:
    """Return the form filled in from `response`."""
    held = {answer.question_id: answer.value for answer in response.answers}
    data: dict[str, Any] = {q.name: field_data(q, held.get(q.id)) for q in custom}
    for name in ("score", "satisfaction", "handover", "return_likelihood"):
        number = getattr(response, name)
        data[name] = None if number is None else str(number)
    for name in ("valued_most", "to_improve", "comment", "keep_in_touch"):
        data[name] = getattr(response, name)
    data["reasons"] = [reason.value for reason in response.reasons]
    data["version"] = str(response.version)
    return survey_form(custom)(data=data)


def _answers(form: SurveyForm) -> Answers:
    """Return the answers of a valid form."""
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
        custom={question.id: form.stored_value(question) for question in form.custom},
    )


def _consent_wording(form: SurveyForm) -> str:
    """Return the text beside the box of `keep_in_touch`, as the consent records it."""
    return f"{form.keep_in_touch.label.text}\n{form.keep_in_touch.description}"


def _keep_first(public_id: str, form: SurveyForm, language: str, send: bool) -> Response:
    """Keep the response to an invitation; raises Different when another one has been kept."""
    invitation = db.session.scalar(select(Invitation).where(Invitation.public_id == public_id))
    if invitation is None or not invitation.is_open(now()):
        raise Gone
    answers, wording = _answers(form), _consent_wording(form)
    response = db.session.scalar(select(Response).where(Response.invitation_id == invitation.id))
    if response is None:
        return responses.record(invitation, answers, language=language, wording=wording, send=send)
    if not responses.says_the_same(response, answers):
        raise Different(response.version)
    responses.change(response, answers, language=language, wording=wording, send=send)
    return response


def _keep_changed(public_id: str, form: SurveyForm, language: str, send: bool) -> Response:
    """Keep a changed response; raises Different when it is not the version shown on the page."""
    response = _response(public_id)
    if not response.invitation.is_open(now()):
        raise Gone
    answers, wording = _answers(form), _consent_wording(form)
    is_other = form.version_seen not in (None, response.version)
    if is_other and not responses.says_the_same(response, answers):
        raise Different(response.version)
    responses.change(response, answers, language=language, wording=wording, send=send)
    return response


def _keep(keep: Callable[[], Response], send: bool) -> Reply:
    """Run `keep` in a new transaction, commit, and redirect to the response's private link.

    A Conflict with another request is tried again; the last of ATTEMPTS raises it.
    """
    for attempt in range(ATTEMPTS):
        db.session.rollback()  # what was only read, or the attempt that lost
        only_reading.set(False)
        try:
            token = sign(Purpose.answer, keep().public_id)
            break
        except Conflict:
            if attempt == ATTEMPTS - 1:
                raise
        except BaseException:
            db.session.rollback()
            raise
    db.session.commit()
    address = url_for(
        ".review", token=token, sent=1 if send else None, lang=pages.chosen_language()
    )
    return redirect(address, 303)


def _next_steps(response: Response) -> dict[str, str]:
    """Return the links to offer after a sent response. Adds no row."""
    departure = response.departure
    steps = {
        "talk": links.path_of(Purpose.talk, departure.contact),
        "preferences": links.path_of(Purpose.preferences, departure.contact),
    }
    invitation = queries.testimonial_invitation(departure)
    written = select(Testimonial.id).where(Testimonial.departure_id == departure.id)
    if (
        invitation is not None
        and invitation.is_open(now())
        and queries.deserves_testimonial(response)
        and db.session.scalar(written) is None
    ):
        steps["testimonial"] = links.path_of(Purpose.testimonial, invitation)
    return steps


def _show_again(survey: Survey, form: SurveyForm, status: int, note: str = "") -> Reply:
    """Show the form again with everything that was typed."""
    return pages.filled(pages.page_of(survey, form.custom), form, status, note=note)


def _show_busy(survey: Survey, form: SurveyForm) -> Reply:
    """Show that nothing could be kept just now, with everything that was typed."""
    db.session.rollback()
    response = _show_again(survey, form, 503, "busy")
    response.headers["Retry-After"] = str(pages.TRY_AGAIN)
    return response


@blueprint.errorhandler(Gone)
def _closed(_error: Gone) -> Reply:
    return pages.link("closed", 410, form=_posted_form())


@blueprint.errorhandler(Unusable)
def _unusable(error: Unusable) -> Reply:
    form = _posted_form() if request.method == "POST" else None
    return pages.link(error.kind, error.status, form=form)


def _database_away(_error: Exception) -> Reply:
    db.session.rollback()
    return pages.without_database(503, "busy")


for _kind in BUSY:
    blueprint.register_error_handler(_kind, _database_away)


@blueprint.errorhandler(TooManyRequests)
def _too_many(_error: TooManyRequests) -> Reply:
    return pages.without_database(429, "too_many")


@blueprint.errorhandler(RequestEntityTooLarge)
def _too_long(_error: RequestEntityTooLarge) -> Reply:
    pages.select_page_language(None)
    return pages.link("too_long", 413)
