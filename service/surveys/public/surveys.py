"""The survey on the phone: the mailed link `/s/`, and the private one of an answer, `/r/`.

The link is the authority: no cookie, no script. GET and HEAD change nothing, whoever opens them.
The mailed link never shows what was answered, so that forwarding it reveals nothing.
"""

from collections.abc import Callable

from flask import Blueprint, g, redirect, request, url_for
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import RequestEntityTooLarge, TooManyRequests
from werkzeug.wrappers import Response

from forms.surveys import TEN, SurveyForm, made_for
from service import models
from service.clock import now
from service.current import read_token, sign
from service.database import only_reading
from service.errors import Conflict, Gone
from service.extensions import csrf, db
from service.surveys import queries as reports
from service.surveys.actions import responses
from service.surveys.public import answering, pages
from service.surveys.public.answering import Different
from service.surveys.queries import Survey
from service.tokens import Purpose
from service.web import limits
from service.web.compression import compress

blueprint = Blueprint("survey", __name__)
csrf.exempt(blueprint)
blueprint.after_request(compress)
BUSY = (OperationalError, InterfaceError, PoolTimeout, Conflict)


class Unusable(Exception):
    """A link that cannot be used, and the answer that says so."""

    def __init__(self, kind: str, status: int) -> None:
        super().__init__(kind)
        self.kind, self.status = kind, status


@blueprint.get("/s/<token>")
def show(token: str) -> Response:
    """Show the empty survey; `?score=` only preselects."""
    survey = _survey(token, Purpose.survey)
    if survey.submitted_at is not None:
        return pages.link("sent", 410, token=token)
    if survey.has_response:
        return pages.link("begun", 200, token=token)
    score = request.args.get("score")
    own = pages.own_questions(survey.questions)
    page = pages.page_of(survey, own, score if score in TEN else None)
    return pages.empty(page)


@blueprint.post("/s/<token>")
@limits.sends
def answer(token: str) -> Response:
    """Keep the first answer, sent or partial; the same once more is thanked once more."""
    survey, form, send = _typed(token, Purpose.survey)
    if not form.validate_to(send=send):
        return _again(survey, form, 422)
    public_id, language = read_token(Purpose.survey, token) or "", str(g.language)
    try:
        return _done(lambda: answering.keep_first(public_id, form, language, send), send)
    except Different:
        return pages.link("different", 409, form=form, token=token)
    except BUSY:
        return _busy(survey, form)


@blueprint.post("/s/<token>/link")
@limits.mails
def mail_link(token: str) -> Response:
    """Mail the contact a fresh private link to the answer; nobody else ever gets it."""
    survey = _survey(token, Purpose.survey)
    if not survey.has_response:
        return redirect(url_for(".show", token=token), 303)
    response = answering.response_to(read_token(Purpose.survey, token) or "")
    went = responses.mail_link(response)
    db.session.commit()
    return pages.link("mailed" if went else "not_mailed", 200)


@blueprint.get("/r/<token>")
def review(token: str) -> Response:
    """Show the answer to whoever holds its private link, with thanks once it was sent."""
    survey = _survey(token, Purpose.answer)
    response = answering.response_of(read_token(Purpose.answer, token) or "")
    own = pages.own_questions(reports.questions_with(answering.answered(response)))
    return pages.filled(
        pages.page_of(survey, own),
        answering.form_of(response, own),
        note="saved" if survey.submitted_at is None else "sent",
        closes_at=survey.closes_at,
        response=response,
        steps=answering.next_steps(response),
        survey_token=sign(Purpose.survey, response.invitation.public_id),
    )


@blueprint.post("/r/<token>")
@limits.sends
def change(token: str) -> Response:
    """Keep what was changed, until the survey closes."""
    survey, form, send = _typed(token, Purpose.answer)
    send = send or survey.submitted_at is not None
    if not form.validate_to(send=send):
        return _again(survey, form, 422)
    public_id, language = read_token(Purpose.answer, token) or "", str(g.language)
    try:
        return _done(lambda: answering.keep_changed(public_id, form, language, send), send)
    except Different as different:
        form.version.data = str(different.version)  # pressed once more, these words win
        return _again(survey, form, 409, "changed")
    except BUSY:
        return _busy(survey, form)


def _survey(token: str, purpose: Purpose) -> Survey:
    """Return the survey that `token` opens, and speak its contact's language; else Unusable."""
    public_id = read_token(purpose, token)
    find = reports.by_invitation if purpose is Purpose.survey else reports.by_response
    survey = find(public_id) if public_id else None
    pages.speak_for(survey.language if survey else None)
    if survey is None:
        raise Unusable("unknown", 404)
    if not survey.is_open(now()):
        raise Unusable("closed", 410)
    return survey


def _typed(token: str, purpose: Purpose) -> tuple[Survey, SurveyForm, bool]:
    """Return the survey, what was typed, and whether it is to be sent. Takes no lock yet."""
    only_reading.set(True)
    survey = _survey(token, purpose)
    return survey, _form(), request.form.get("action") != "save"


def _form() -> SurveyForm:
    """Return the form as it was posted, with every own question that was on it."""
    questions = reports.questions_with(answering.asked_about())
    return made_for(pages.own_questions(questions))(request.form)


def _done(keep: Callable[[], models.Response], send: bool) -> Response:
    """Keep the answer, commit, and lead to the answer's own address."""
    token = sign(Purpose.answer, answering.written(keep).public_id)
    db.session.commit()
    address = url_for(
        ".review", token=token, sent=1 if send else None, lang=pages.chosen_language()
    )
    return redirect(address, 303)


def _again(survey: Survey, form: SurveyForm, status: int, note: str = "") -> Response:
    """Show the form again with everything that was typed."""
    page = pages.page_of(survey, form.own)
    return pages.filled(page, form, status, note=note)


def _busy(survey: Survey, form: SurveyForm) -> Response:
    """Say that nothing could be kept just now, with everything that was typed."""
    db.session.rollback()
    response = _again(survey, form, 503, "busy")
    response.headers["Retry-After"] = str(pages.TRY_AGAIN)
    return response


@blueprint.errorhandler(Gone)
def _gone(_error: Gone) -> Response:
    return pages.link("closed", 410, form=_form())


@blueprint.errorhandler(Unusable)
def _unusable(error: Unusable) -> Response:
    form = _form() if request.method == "POST" else None
    return pages.link(error.kind, error.status, form=form)


def _away(_error: Exception) -> Response:
    db.session.rollback()
    return pages.without_database(503, "busy")


for _kind in BUSY:
    blueprint.register_error_handler(_kind, _away)


@blueprint.errorhandler(TooManyRequests)
def _too_many(_error: TooManyRequests) -> Response:
    return pages.without_database(429, "too_many")


@blueprint.errorhandler(RequestEntityTooLarge)
def _too_long(_error: RequestEntityTooLarge) -> Response:
    pages.speak_for(None)
    return pages.link("too_long", 413)
