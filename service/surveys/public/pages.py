"""The survey's pages as answers: which template with what, in which language, with which status.

The empty page, the one that a thousand people open, depends on a few facts alone. It is rendered
once for each set of them and then kept, compressed; another fact is another page.
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

from forms.surveys import OwnQuestion, SurveyForm, made_for
from service.config import LANGUAGES
from service.current import settings
from service.models import Question
from service.surveys.queries import PublicCompany, Survey
from service.web.compression import wants_gzip
from service.web.language import browser_language, speak
from service.web.theme import accent_css, public_css

NOBODY = PublicCompany(name="", accent="", logo_version=None, postal_address="")
TRY_AGAIN = 20  # seconds, for Retry-After


@dataclass(frozen=True, slots=True)
class Page:
    """All that the empty page shows."""

    language: str
    company: PublicCompany = NOBODY
    responsible: str = ""
    has_handover: bool = True
    own: tuple[OwnQuestion, ...] = ()
    score: str | None = None

    @property
    def minutes(self) -> int:
        """How long it takes, really: two minutes, and one for every four own questions."""
        return 2 + len(self.own) // 4

    @property
    def other_languages(self) -> list[str]:
        """What else the page can speak."""
        return [language for language in LANGUAGES if language != self.language]


@dataclass(frozen=True, slots=True)
class Kept:
    """A page that is ready to go."""

    plain: bytes
    compressed: bytes
    style: str  # what the Content-Security-Policy calls its style sheet


def speak_for(language: str | None) -> None:
    """Let the page speak what its reader chose, or else `language`. Asks no database."""
    known = next((one for one in (chosen_language(), language) if one in LANGUAGES), None)
    if known is None:
        known = browser_language() or settings().default_language
    speak(known)


def chosen_language() -> str | None:
    """Return the language in the page's address, if there is one that we speak."""
    chosen = request.args.get("lang")
    return chosen if chosen in LANGUAGES else None


def own_questions(questions: Sequence[Question]) -> tuple[OwnQuestion, ...]:
    """Return the provider's own questions in the language of this request."""
    return tuple(
        OwnQuestion(q.id, q.kind.value, q.text_in(g.language), tuple(q.options_in(g.language)))
        for q in questions
    )


def page_of(survey: Survey, own: tuple[OwnQuestion, ...], score: str | None = None) -> Page:
    """Return what the page of `survey` shows in the language of this request."""
    return Page(g.language, survey.company, survey.responsible, survey.has_handover, own, score)


def empty(page: Page) -> Response:
    """Answer with the empty survey."""
    kept = _kept(page)
    g.csp_style = kept.style
    if not wants_gzip():
        return Response(kept.plain, mimetype="text/html")
    return Response(kept.compressed, mimetype="text/html", headers={"Content-Encoding": "gzip"})


def filled(
    page: Page, form: SurveyForm, status: int = 200, *, note: str = "", **more: Any
) -> Response:
    """Answer with the survey as far as it is filled in; `note` says why it is shown again."""
    return show("form", status, page=page, company=page.company, form=form, note=note, **more)


def without_database(status: int, note: str) -> Response:
    """Answer with all that was typed, asking no database: press again in a while."""
    speak_for(None)
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
    """Answer that a link is not, or no longer, good for answering; names nobody.

    What was typed in `form` is shown, to be copied.
    """
    typed = words_typed(form) if form else []
    return show("link", status, plain=True, kind=kind, typed=typed, token=token)


def show(name: str, status: int = 200, **context: Any) -> Response:
    """Answer with one of the survey's templates."""
    return make_response(render_template(f"public/surveys/{name}.html", **context), status)


def words_typed(form: SurveyForm) -> list[tuple[str, str]]:
    """Return each question that has an answer, with the answer, as a person reads it."""
    lines = []
    for field in form:
        words = ""
        if isinstance(field, TextAreaField):
            words = field.data or ""
        elif isinstance(field, (RadioField, SelectMultipleField)):
            chosen = field.data if isinstance(field.data, list) else [field.data]
            choices: Any = field.choices
            words = ", ".join(str(one.label) for one in choices if one.value in chosen)
        if words:
            lines.append((str(field.label.text), words))
    return lines


@lru_cache(maxsize=256)
def _kept(page: Page) -> Kept:
    form = made_for(page.own)(data={"score": page.score})
    html = render_template(
        "public/surveys/form.html", page=page, company=page.company, form=form, is_kept=True
    ).encode()
    css = public_css(str(current_app.static_folder)) + accent_css(page.company.accent)
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    return Kept(html, gzip.compress(html, 9, mtime=0), f"sha256-{digest}")
