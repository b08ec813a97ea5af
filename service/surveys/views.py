"""The pages of the custom questions: list, write, order, switch, delete and preview them."""

from flask import Blueprint, abort, flash, g, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from forms.questions import KINDS, QuestionForm, question_form
from forms.surveys import survey_form
from service import current
from service.config import LANGUAGES
from service.extensions import db
from service.models import Question, QuestionKind, Role
from service.surveys import queries
from service.surveys.actions import questions
from service.surveys.public import pages
from service.surveys.queries import PublicCompany
from service.web.access import current_member, requires
from service.web.names import LANGUAGE_NAMES

blueprint = Blueprint("questions", __name__, url_prefix="/questions")

Page = str | tuple[str, int] | Response


@blueprint.get("")
@requires(Role.owner)
def index() -> Page:
    """Show the questions in order, and the deleted ones, which can be put back."""
    return render_template(
        "provider/surveys/index.html",
        questions=queries.questions(),
        deleted=queries.questions(deleted=True),
        just_deleted=request.args.get("deleted", type=int),
        kinds=KINDS,
        languages=_languages(),
    )


@blueprint.get("/new")
@requires(Role.owner)
def new() -> Page:
    """Show the form of a new question."""
    return _form_page(question_form(_languages())())


@blueprint.post("/new")
@requires(Role.owner)
def add() -> Page:
    """Add a question at the end."""
    form = question_form(_languages())()
    if not form.validate():
        return _form_page(form, status=422)
    questions.add(QuestionKind(form.kind.data), form.text, form.options)
    return _back(_("The question is in the survey now."))


@blueprint.get("/<int:question_id>")
@requires(Role.owner)
def edit(question_id: int) -> Page:
    """Show the form of a question."""
    question = _find(question_id)
    return _form_page(_form_of(question), question)


@blueprint.post("/<int:question_id>")
@requires(Role.owner)
def change(question_id: int) -> Page:
    """Change a question."""
    question = _find(question_id)
    form = _form_of(question)
    if not form.validate():
        return _form_page(form, question, 422)
    questions.change(question, QuestionKind(form.kind.data), form.text, form.options)
    return _back(_("Saved."))


@blueprint.post("/<int:question_id>/move")
@requires(Role.owner)
def move(question_id: int) -> Page:
    """Move a question one place up or down."""
    questions.move(_find(question_id), -1 if request.form.get("to") == "up" else 1)
    return _back(anchor=f"question-{question_id}")


@blueprint.post("/<int:question_id>/switch")
@requires(Role.owner)
def switch(question_id: int) -> Page:
    """Switch a question on or off."""
    questions.switch(_find(question_id), is_on=request.form.get("on") == "yes")
    return _back(anchor=f"question-{question_id}")


@blueprint.post("/<int:question_id>/delete")
@requires(Role.owner)
def delete(question_id: int) -> Page:
    """Delete a question; the next page offers to put it back."""
    questions.delete(_find(question_id))
    return _back(deleted=question_id)


@blueprint.post("/<int:question_id>/put-back")
@requires(Role.owner)
def put_back(question_id: int) -> Page:
    """Undo a deletion."""
    questions.put_back(_find(question_id))
    return _back(_("It is back in its place."), anchor=f"question-{question_id}")


@blueprint.get("/preview")
@requires(Role.owner)
def preview() -> Response:
    """Show the survey as clients see it; `also` is the id of a question that is switched off."""
    company = current.company()
    pages.select_page_language(company.language)
    also = request.args.get("also", type=int)
    asked = [one for one in queries.questions() if one.is_on or one.id == also]
    page = pages.Page(
        g.language,
        PublicCompany(company.name, company.accent, company.logo_version, company.postal_address),
        current_member().name,
        custom=pages.in_page_language(asked),
    )
    return pages.filled(page, survey_form(page.custom)(), is_preview=True)


def _find(question_id: int) -> Question:
    return db.session.get(Question, question_id) or abort(404)


def _languages() -> dict[str, str]:
    """Return the names of the languages by code, the company's language first."""
    codes = sorted(LANGUAGES, key=lambda code: code != current.company().language)
    return {code: LANGUAGE_NAMES[code] for code in codes}


def _form_of(question: Question) -> QuestionForm:
    data: dict[str, str] = {"kind": question.kind.value}
    for code in _languages():
        data[f"text_{code}"] = question.text.get(code, "")
        data[f"options_{code}"] = "\n".join(question.options.get(code, []))
    return question_form(_languages())(data=data)


def _form_page(form: QuestionForm, question: Question | None = None, status: int = 200) -> Page:
    text = render_template(
        "provider/surveys/edit.html",
        form=form,
        question=question,
        is_answered=question is not None and queries.is_answered(question),
    )
    return text, status


def _back(message: str = "", anchor: str | None = None, deleted: int | None = None) -> Response:
    db.session.commit()
    if message:
        flash(message, "success")
    return redirect(url_for(".index", deleted=deleted, _anchor=anchor), 303)
