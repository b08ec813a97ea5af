"""What a newsletter says in each language: typed, looked at, tried; never lost."""

from collections.abc import Callable

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from forms.mail_texts import MailTextForm
from forms.newsletters import ImageForm
from service.config import LANGUAGES
from service.current import company
from service.errors import Conflict
from service.extensions import db
from service.mail.rendering import custom_texts
from service.mail.rendering.custom_texts import Text
from service.mail.rendering.text_drafts import Faults, check
from service.messages.views import text_editor
from service.messages.views.text_editor import Page
from service.models import MailKind, Newsletter, Role
from service.newsletters.actions import images, newsletters
from service.newsletters.queries import newsletters as queries
from service.newsletters.views.newsletters import the_newsletter
from service.web.access import requires

blueprint = Blueprint("newsletter_texts", __name__, url_prefix="/newsletters/<newsletter>/text")

KIND = MailKind.newsletter


@blueprint.get("")
@requires(Role.viewer)
def show(newsletter: str) -> Page:
    """Show the text in one language, to be written."""
    row = the_newsletter(newsletter)
    data = {**row.text_in(_language(row)), "version": str(row.version)}
    return _page(row, MailTextForm(formdata=None, data=data))


@blueprint.post("")
@requires(Role.member)
def save(newsletter: str) -> Page:
    """Save what was typed; with both fields empty it is not written in this language."""
    row, form = the_newsletter(newsletter), MailTextForm()
    language, text = _language(row), _typed(row, form)
    if (text.subject or text.body) and _faults_of(text, language, form):
        return _page(row, form), 422
    try:
        newsletters.save_text(row, language, text, form.was)
    except Conflict as conflict:
        db.session.rollback()
        row = the_newsletter(newsletter)
        form.version.data = str(row.version)
        flash(str(conflict), "warning")
        return _page(row, form, theirs=row.text_in(language)), 409
    db.session.commit()
    flash(_("Saved."), "success")
    return redirect(url_for(".show", newsletter=newsletter, language=language), 303)


@blueprint.get("/frame")
@requires(Role.viewer)
def frame(newsletter: str) -> Response:
    """Return the mail as it is kept, for the frame of the page."""
    row = the_newsletter(newsletter)
    language = _language(row)
    kept = row.text_in(language)
    text = _with_pictures(row, kept["subject"], kept["body"])
    return text_editor.framed(KIND, language, text, MailTextForm(formdata=None), Faults())


@blueprint.post("/preview")
@requires(Role.viewer)
def preview(newsletter: str) -> Response:
    """Return the mail that was typed, for the frame of the page; nothing is saved."""
    row, form = the_newsletter(newsletter), MailTextForm()
    text = _typed(row, form)
    faults = check(text, KIND, _hosting(text))
    return text_editor.framed(KIND, _language(row), text, form, faults)


@blueprint.post("/test")
@requires(Role.member)
def send_test(newsletter: str) -> Page:
    """Mail what was typed to whoever presses; nothing is saved."""
    row, form = the_newsletter(newsletter), MailTextForm()
    language, text = _language(row), _typed(row, form)
    if _faults_of(text, language, form):
        return _page(row, form), 422
    text_editor.send_to_oneself(KIND, language, text, form)
    return _page(row, form)


def _language(row: Newsletter) -> str:
    default = company().language
    language = request.args.get("language") or row.language_for(default)
    if language not in LANGUAGES:
        abort(404)
    return language


def _typed(row: Newsletter, form: MailTextForm) -> Text:
    return _with_pictures(row, form.subject.data or "", form.body.data or "")


def _with_pictures(row: Newsletter, subject: str, body: str) -> Text:
    return custom_texts.with_pictures(subject, body, is_counted=row.counts_links)


def _hosting(text: Text) -> Callable[[str], bool]:
    """Return a function that answers whether the picture at an address is one of ours."""
    existing = images.existing(custom_texts.picture_ids(text.body))
    return lambda address: custom_texts.picture_id_at(address) in existing


def _faults_of(text: Text, language: str, form: MailTextForm) -> Faults:
    return text_editor.faults_of(KIND, language, text, form, _hosting(text))


def _page(row: Newsletter, form: MailTextForm, theirs: dict[str, str] | None = None) -> str:
    return render_template(
        "provider/newsletters/text.html",
        row=row,
        form=form,
        theirs=theirs,
        images=queries.images(row),
        image_form=ImageForm(formdata=None),
        picture_path=custom_texts.picture_path,
        is_being_sent=newsletters.is_being_sent(row),
        **text_editor.beside(KIND, _language(row)),
    )
