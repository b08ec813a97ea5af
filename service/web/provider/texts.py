"""Texts of mails in the provider's own words: listed, edited, looked at, tried, given up."""

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from forms.mail_texts import MailTextForm
from service.actions import test_mails, texts
from service.config import LANGUAGES
from service.current import company
from service.errors import Conflict
from service.extensions import db
from service.mail import placeholders, text_previews
from service.mail.text_checks import Faults, check
from service.mail.text_defaults import default
from service.mail.texts import LONGEST_BODY, Text
from service.models import MailKind, MailText, Role
from service.models.labels import label
from service.reports import texts as reports
from service.web.names import LANGUAGE_NAMES
from service.web.provider import text_frames
from service.web.provider.access import current_provider, requires

blueprint = Blueprint("texts", __name__, url_prefix="/texts")

Page = str | tuple[str, int] | Response


@blueprint.get("")
@requires(Role.viewer)
def index() -> str:
    """List the mails to clients, and which are in words of one's own."""
    steps, answers = reports.lines()
    return render_template(
        "provider/texts/index.html", steps=steps, answers=answers, languages=LANGUAGE_NAMES
    )


@blueprint.get("/<place>")
@requires(Role.viewer)
def show(place: str) -> Page:
    """Show the text as it goes out now, to be changed."""
    kind, language = _kind(place), _language()
    own = texts.find(place, language)
    text = Text(own.subject, own.body) if own else default(kind, language)
    form = MailTextForm(
        formdata=None,
        data={"subject": text.subject, "body": text.body, "version": own.version if own else 0},
    )
    return _page(kind, language, form, own)


@blueprint.post("/<place>")
@requires(Role.owner)
def save(place: str) -> Page:
    """Keep what was typed."""
    kind, language = _kind(place), _language()
    form = MailTextForm()
    text = _typed(form)
    faults = text_previews.faults(kind, language, text, current_provider())
    if faults:
        return _refused(kind, language, form, faults)
    try:
        texts.save(place, language, text, by=current_provider(), was=form.was)
    except Conflict as conflict:
        db.session.rollback()
        theirs = texts.find(place, language)
        form.version.data = str(theirs.version if theirs else 0)
        flash(str(conflict), "warning")
        return _page(kind, language, form, theirs, status=409, theirs=_theirs(theirs, kind))
    db.session.commit()
    flash(_("Saved. The next mails go out like this."), "success")
    return redirect(url_for(".show", place=place, language=language), 303)


@blueprint.post("/<place>/restore")
@requires(Role.owner)
def restore(place: str) -> Page:
    """Go back to the built-in text; what is given up stays in the form, to be put back."""
    kind, language = _kind(place), _language()
    given_up = texts.restore(place, language)
    db.session.commit()
    if given_up is None:
        return redirect(url_for(".show", place=place, language=language), 303)
    form = MailTextForm(formdata=None, data={"subject": given_up.subject, "body": given_up.body})
    return _page(kind, language, form, None, given_up=True)


@blueprint.get("/<place>/frame")
@requires(Role.viewer)
def frame(place: str) -> Response:
    """Return the mail as it goes out now, for the frame of the page."""
    kind, language = _kind(place), _language()
    own = texts.find(place, language)
    text = Text(own.subject, own.body) if own else default(kind, language)
    return _framed(kind, language, text, MailTextForm(formdata=None), Faults())


@blueprint.post("/<place>/preview")
@requires(Role.viewer)
def preview(place: str) -> Response:
    """Return what was typed as a mail, for the frame of the page; nothing is kept."""
    kind, language = _kind(place), _language()
    form = MailTextForm()
    text = _typed(form)
    faults = check(text, kind)
    return _framed(kind, language, text if _is_shown(text) else Text("…", "…"), form, faults)


@blueprint.post("/<place>/test")
@requires(Role.member)
def send_test(place: str) -> Page:
    """Mail what was typed to whoever presses; nothing is kept."""
    kind, language = _kind(place), _language()
    form = MailTextForm()
    text = _typed(form)
    faults = text_previews.faults(kind, language, text, current_provider())
    if faults:
        return _refused(kind, language, form, faults)
    test_mails.send(kind, language, current_provider(), text)
    db.session.commit()
    flash(_("On its way to %(address)s.", address=current_provider().email), "success")
    return _page(kind, language, form, texts.find(place, language))


def _kind(place: str) -> MailKind:
    if place not in reports.kinds():
        abort(404)
    return MailKind(place)


def _language() -> str:
    language = request.args.get("language") or company().language
    if language not in LANGUAGES:
        abort(404)
    return language


def _typed(form: MailTextForm) -> Text:
    return Text(form.subject.data or "", form.body.data or "")


def _is_shown(text: Text) -> bool:
    """Whether a preview is worth its while: a megabyte is refused unread."""
    return bool(text.body.strip()) and len(text.body) <= LONGEST_BODY


def _framed(
    kind: MailKind, language: str, text: Text, form: MailTextForm, faults: Faults
) -> Response:
    like = reports.departure_of(form.like.data or "")
    mail = text_previews.preview(kind, language, text, current_provider(), like)
    if form.view.data == "text":
        return text_frames.as_text(mail, faults, language)
    return text_frames.as_mail(mail, faults, dark=bool(form.dark.data))


def _refused(kind: MailKind, language: str, form: MailTextForm, faults: Faults) -> Page:
    """Show what was typed again, with what is wrong, line by line."""
    form.subject.errors = [fault.words for fault in faults.subject]
    form.body.errors = [
        _("Line %(line)s: %(fault)s", line=fault.line, fault=fault.words) for fault in faults.body
    ]
    own = texts.find(kind, language)
    return _page(kind, language, form, own, status=422)


def _theirs(theirs: MailText | None, kind: MailKind) -> Text:
    return Text(theirs.subject, theirs.body) if theirs else default(kind, _language())


def _page(
    kind: MailKind,
    language: str,
    form: MailTextForm,
    own: MailText | None,
    *,
    status: int = 200,
    **more: Any,
) -> Page:
    text = render_template(
        "provider/texts/edit.html",
        kind=kind,
        label=label(kind),
        language=language,
        languages=LANGUAGE_NAMES,
        form=form,
        own=own,
        placeholders=placeholders.of(kind),
        examples=text_previews.examples(kind, language, current_provider()),
        people=reports.people(),
        is_owner=current_provider().role.covers(Role.owner),
        is_member=current_provider().role.covers(Role.member),
        **more,
    )
    return text, status
