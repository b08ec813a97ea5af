"""The custom texts of a greeting: the pages of texts.py, for one greeting."""

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from forms.mail_texts import MailTextForm
from service.config import LANGUAGES
from service.current import company
from service.errors import Conflict
from service.extensions import db
from service.mail.rendering.text_checks import Faults
from service.mail.rendering.text_defaults import default
from service.mail.rendering.texts import Text
from service.messages.actions import texts
from service.messages.views import text_pages
from service.models import Greeting, MailKind, Role
from service.models.greetings import greeting_label
from service.newsletters.views.greetings import the_greeting
from service.web.access import current_member, requires

blueprint = Blueprint("greeting_texts", __name__, url_prefix="/greetings/<public_id>/text")

Page = str | tuple[str, int] | Response
KIND = MailKind.greeting


@blueprint.get("")
@requires(Role.viewer)
def show(public_id: str) -> Page:
    """Show the text as it goes out now, to be changed."""
    greeting, language = the_greeting(public_id), _language()
    own, text = texts.find(greeting.place, language), _in_force(greeting, language)
    data = {"subject": text.subject, "body": text.body, "version": own.version if own else 0}
    return _page(greeting, language, MailTextForm(formdata=None, data=data))


@blueprint.post("")
@requires(Role.member)
def save(public_id: str) -> Page:
    """Keep what was typed."""
    greeting, language, form = the_greeting(public_id), _language(), MailTextForm()
    if text_pages.faults_of(KIND, language, form):
        return _page(greeting, language, form, status=422)
    try:
        text = text_pages.typed(form)
        texts.save(greeting.place, language, text, by=current_member(), was=form.was)
    except Conflict as conflict:
        db.session.rollback()
        own = texts.find(greeting.place, language)
        form.version.data = str(own.version if own else 0)
        flash(str(conflict), "warning")
        theirs = _in_force(greeting, language)
        return _page(greeting, language, form, status=409, theirs=theirs)
    db.session.commit()
    flash(_("Saved. The next greetings go out like this."), "success")
    return redirect(url_for(".show", public_id=public_id, language=language), 303)


@blueprint.post("/restore")
@requires(Role.member)
def restore(public_id: str) -> Page:
    """Give the own text up; it stays in the form, to be put back."""
    greeting, language = the_greeting(public_id), _language()
    given_up = texts.restore(greeting.place, language)
    db.session.commit()
    if given_up is None:
        return redirect(url_for(".show", public_id=public_id, language=language), 303)
    data = {"subject": given_up.subject, "body": given_up.body}
    form = MailTextForm(formdata=None, data=data)
    return _page(greeting, language, form, given_up=True)


@blueprint.get("/frame")
@requires(Role.viewer)
def frame(public_id: str) -> Response:
    """Return the mail as it goes out now, for the frame of the page."""
    greeting, language = the_greeting(public_id), _language()
    form = MailTextForm(formdata=None)
    return text_pages.framed(KIND, language, _in_force(greeting, language), form, Faults())


@blueprint.post("/preview")
@requires(Role.viewer)
def preview(public_id: str) -> Response:
    """Return what was typed as a mail, for the frame of the page; nothing is kept."""
    the_greeting(public_id)
    return text_pages.previewed(KIND, _language(), MailTextForm())


@blueprint.post("/test")
@requires(Role.member)
def send_test(public_id: str) -> Page:
    """Mail what was typed to whoever presses; nothing is kept."""
    greeting, language, form = the_greeting(public_id), _language(), MailTextForm()
    if text_pages.faults_of(KIND, language, form):
        return _page(greeting, language, form, status=422)
    text_pages.send_to_oneself(KIND, language, form)
    return _page(greeting, language, form)


def _language() -> str:
    language = request.args.get("language") or company().language
    return language if language in LANGUAGES else abort(404)


def _in_force(greeting: Greeting, language: str) -> Text:
    own = texts.find(greeting.place, language)
    return Text(own.subject, own.body) if own else default(KIND, language, greeting.occasion)


def _page(
    greeting: Greeting, language: str, form: MailTextForm, *, status: int = 200, **more: object
) -> Page:
    may_act = current_member().role.covers(Role.member)
    address = {"public_id": greeting.public_id, "language": language}
    page = render_template(
        "provider/newsletters/greetings/text.html",
        spot={"address": address},
        label=greeting_label(greeting),
        form=form,
        own=texts.find(greeting.place, language),
        is_owner=may_act,
        is_member=may_act,
        **text_pages.beside(KIND, language),
        **more,
    )
    return page, status
