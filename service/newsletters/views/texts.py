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
from service.mail.rendering import issue_links, pictures, placeholders, text_previews
from service.mail.rendering.text_checks import Faults, check
from service.mail.rendering.texts import LONGEST_BODY, Text
from service.messages.actions import test_mails
from service.messages.views import text_frames
from service.models import MailKind, Newsletter, Role
from service.newsletters.actions import images, newsletters
from service.newsletters.queries import newsletters as reports
from service.newsletters.views.newsletters import the_newsletter
from service.web.access import current_member, requires
from service.web.names import LANGUAGE_NAMES

blueprint = Blueprint("newsletter_texts", __name__, url_prefix="/newsletters/<newsletter>/text")

Page = str | tuple[str, int] | Response
KIND = MailKind.newsletter


@blueprint.get("")
@requires(Role.viewer)
def show(newsletter: str) -> Page:
    """Show the text in one language, to be written."""
    row = the_newsletter(newsletter)
    kept = row.text_in(_language(row))
    data = {**kept, "version": str(row.version)}
    return _page(row, MailTextForm(formdata=None, data=data))


@blueprint.post("")
@requires(Role.member)
def save(newsletter: str) -> Page:
    """Keep what was typed; both fields empty: it is not written in this language."""
    row, form = the_newsletter(newsletter), MailTextForm()
    language, text = _language(row), _typed(row, form)
    faults = _faults(text, language) if text.subject or text.body else Faults()
    if faults:
        return _refused(row, form, faults)
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
    text = _text(row, kept["subject"], kept["body"])
    return _framed(text, language, MailTextForm(formdata=None), Faults())


@blueprint.post("/preview")
@requires(Role.viewer)
def preview(newsletter: str) -> Response:
    """Return what was typed as a mail, for the frame of the page; nothing is kept."""
    row, form = the_newsletter(newsletter), MailTextForm()
    text = _typed(row, form)
    return _framed(text, _language(row), form, check(text, KIND, is_hosted=_hosting(text)))


@blueprint.post("/test")
@requires(Role.member)
def send_test(newsletter: str) -> Page:
    """Mail what was typed to whoever presses; nothing is kept."""
    row, form = the_newsletter(newsletter), MailTextForm()
    language, text = _language(row), _typed(row, form)
    faults = _faults(text, language)
    if faults:
        return _refused(row, form, faults)
    test_mails.send(KIND, language, current_member(), text)
    db.session.commit()
    flash(_("On its way to %(address)s.", address=current_member().email), "success")
    return _page(row, form)


def _language(row: Newsletter) -> str:
    default_language = company().language
    language = request.args.get("language") or row.language_for(default_language)
    if language not in LANGUAGES:
        abort(404)
    return language


def _typed(row: Newsletter, form: MailTextForm) -> Text:
    return _text(row, form.subject.data or "", form.body.data or "")


def _text(row: Newsletter, subject: str, body: str) -> Text:
    return pictures.text_of(subject, body, is_counted=row.counts_links)


def _hosting(text: Text) -> Callable[[str], bool]:
    known = images.known(pictures.ids_in(text.body))
    return lambda address: pictures.id_of(address) in known


def _faults(text: Text, language: str) -> Faults:
    largest = issue_links.at_its_largest(text)
    return text_previews.faults(KIND, language, largest, current_member(), _hosting(text))


def _framed(text: Text, language: str, form: MailTextForm, faults: Faults) -> Response:
    is_shown = bool(text.body.strip()) and len(text.body) <= LONGEST_BODY
    shown = text if is_shown else Text("…", "…")
    mail = text_previews.preview(KIND, language, shown, current_member())
    if form.view.data == "text":
        return text_frames.as_text(mail, faults, language)
    return text_frames.as_mail(mail, faults, dark=bool(form.dark.data))


def _refused(row: Newsletter, form: MailTextForm, faults: Faults) -> Page:
    form.subject.errors = [fault.words for fault in faults.subject]
    form.body.errors = [
        _("Line %(line)s: %(fault)s", line=fault.line, fault=fault.words) for fault in faults.body
    ]
    return _page(row, form), 422


def _page(row: Newsletter, form: MailTextForm, theirs: dict[str, str] | None = None) -> str:
    language, me = _language(row), current_member()
    return render_template(
        "provider/newsletters/text.html",
        row=row,
        form=form,
        language=language,
        languages=LANGUAGE_NAMES,
        theirs=theirs,
        placeholders=placeholders.of(KIND),
        examples=text_previews.examples(KIND, language, me),
        images=reports.images(row),
        image_form=ImageForm(formdata=None),
        path_of=pictures.path_of,
        is_member=me.role.covers(Role.member),
        is_being_sent=newsletters.is_being_sent(row),
    )
