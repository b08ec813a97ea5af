"""Render the survey's pages: each template with its context, its language and its status.

The empty survey, the page that a thousand contacts open, depends on a few facts only. It is
rendered once for each combination of them and then kept in memory, plain and compressed.
"""

import base64
import gzip
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from flask import Response, current_app, g, make_response, render_template, request
from wtforms import RadioField, SelectMultipleField, TextAreaField

from forms.surveys import CustomQuestion, SurveyForm, survey_form
from service.config import LANGUAGES
from service.current import settings
from service.models import Question
from service.surveys.queries import PublicCompany, Survey
from service.web.compression import wants_gzip
from service.web.language import browser_language, speak
from service.web.theme import accent_css, public_css

NO_COMPANY = PublicCompany(name="", accent="", logo_version=None, postal_address="")
TRY_AGAIN = 20  # seconds, for Retry-After


@dataclass(frozen=True, slots=True)
class Page:
    """All that the empty survey shows."""

    language: str
    company: PublicCompany = NO_COMPANY
    responsible: str = ""
    has_handover: bool = True
    custom: tuple[CustomQuestion, ...] = ()
    score: str | None = None  # preselected

    @property
    def minutes(self) -> int:
        """The minutes that answering takes: two, and one more for every four custom questions."""
        return 2 + len(self.custom) // 4

    @property
    def other_languages(self) -> list[str]:
        """The other languages that the page is offered in."""
        return [language for language in LANGUAGES if language != self.language]


@dataclass(frozen=True, slots=True)
class RenderedPage:
    """An empty survey that is ready to be sent."""

    plain: bytes
    compressed: bytes
    style: str  # the hash of its style sheet, for the Content-Security-Policy


def select_page_language(language: str | None) -> None:
    """Use the language of the address, else `language`, else the browser's. Asks no database."""
    code = chosen_language() or (language if language in LANGUAGES else None)
    speak(code or browser_language() or settings().default_language)


def chosen_language() -> str | None:
    """Return the language named in the page's address; None when it is none of ours."""
    chosen = request.args.get("lang")
    return chosen if chosen in LANGUAGES else None


def in_page_language(questions: Sequence[Question]) -> tuple[CustomQuestion, ...]:
    """Return custom questions in the language of this request."""
    return tuple(
        CustomQuestion(q.id, q.kind.value, q.text_in(g.language), tuple(q.options_in(g.language)))
        for q in questions
    )


def page_of(survey: Survey, custom: tuple[CustomQuestion, ...], score: str | None = None) -> Page:
    """Return the page of `survey` in the language of this request."""
    return Page(g.language, survey.company, survey.responsible, survey.has_handover, custom, score)


def empty(page: Page) -> Response:
    """Return the response with the empty survey."""
    rendered = _rendered(page)
    g.csp_style = rendered.style
    if not wants_gzip():
        return Response(rendered.plain, mimetype="text/html")
    headers = {"Content-Encoding": "gzip"}
    return Response(rendered.compressed, mimetype="text/html", headers=headers)


@lru_cache(maxsize=256)
def _rendered(page: Page) -> RenderedPage:
    form = survey_form(page.custom)(data={"score": page.score})
    html = render_template(
        "public/surveys/form.html",
        page=page,
        company=page.company,
        form=form,
        is_kept=True,
        asks_handover=page.has_handover,
    ).encode()
    css = public_css(str(current_app.static_folder)) + accent_css(page.company.accent)
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    return RenderedPage(html, gzip.compress(html, 9, mtime=0), f"sha256-{digest}")


def filled(
    page: Page, form: SurveyForm, status: int = 200, *, note: str = "", **more: Any
) -> Response:
    """Return the response with the survey as it was filled in; `note` names why it is shown."""
    return show(
        "form",
        status,
        page=page,
        company=page.company,
        form=form,
        note=note,
        is_sent=note == "sent",
        asks_handover=page.has_handover or bool(form.handover.data),
        **more,
    )


def without_database(status: int, note: str) -> Response:
    """Return the response with all that was typed, to be sent again later; asks no database."""
    select_page_language(None)
    carried = [
        (name, value)
        for name, values in request.form.lists()
        for value in values
        if name.startswith("q_")
    ]
    page, form = Page(g.language), SurveyForm(request.form)
    response = filled(page, form, status, note=note, plain=True, carried=carried)
    response.headers["Retry-After"] = str(TRY_AGAIN)
    return response


def link(kind: str, status: int, *, form: SurveyForm | None = None, token: str = "") -> Response:
    """Return the response that says why a link cannot be used for answering; names nobody.

    What was typed in `form` is shown, to be copied.
    """
    return show(
        "link",
        status,
        plain=True,
        kind=kind,
        typed=typed_answers(form) if form else [],
        offers_link=kind in ("begun", "sent", "different"),
        token=token,
    )


def show(name: str, status: int = 200, **context: Any) -> Response:
    """Return the response with one of the survey's templates."""
    return make_response(render_template(f"public/surveys/{name}.html", **context), status)


def typed_answers(form: SurveyForm) -> list[tuple[str, str]]:
    """Return each answered question of `form` with its answer as text."""
    answers = []
    for field in form:
        answer = ""
        if isinstance(field, TextAreaField):
            answer = field.data or ""
        elif isinstance(field, (RadioField, SelectMultipleField)):
            chosen = field.data if isinstance(field.data, list) else [field.data]
            choices: Any = field.choices
            answer = ", ".join(str(one.label) for one in choices if one.value in chosen)
        if answer:
            answers.append((str(field.label.text), answer))
    return answers
