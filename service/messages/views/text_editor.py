"""The editor of a mail's text, whichever mail it is of: shown, checked, saved, previewed, tried."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Response, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from forms.mail_texts import MailTextForm
from service.errors import Conflict
from service.extensions import db
from service.mail.rendering import placeholders, text_drafts
from service.mail.rendering.custom_texts import LONGEST_BODY, Text
from service.mail.rendering.text_drafts import Faults, check, no_picture
from service.messages import actions, queries
from service.messages.queries import Place, Scope
from service.messages.views import mail_frames
from service.models import MailKind, MailText
from service.web.access import current_member
from service.web.names import LANGUAGE_NAMES

Page = str | tuple[str, int] | AnyResponse


@dataclass(frozen=True, slots=True)
class EditedText:
    """The custom text that the pages of an address are about.

    `template` is the page of the editor, `address` the values of its own address; `occasion`
    decides which built-in text a greeting has.
    """

    scope: Scope
    place: Place
    language: str
    label: str
    template: str
    address: dict[str, Any]
    may_write: bool
    occasion: str = ""

    @property
    def kind(self) -> MailKind:
        """Which mail it is the text of."""
        return self.place.kind

    def custom(self) -> MailText | None:
        """Return the custom text of exactly this scope, if there is one."""
        return queries.custom_text(self.place.name, self.language, self.scope.protocol_id)

    def in_use(self) -> Text:
        """Return the text that goes out now."""
        return queries.text_in_use(self.scope, self.place, self.language, self.occasion)


def show(edited: EditedText) -> Page:
    """Show the text as it goes out now, to be changed."""
    text, custom = edited.in_use(), edited.custom()
    version = custom.version if custom else 0
    data = {"subject": text.subject, "body": text.body, "version": version}
    return _page(edited, MailTextForm(formdata=None, data=data))


def save(edited: EditedText, done: str) -> Page:
    """Save what was typed and say `done`; commits."""
    form = MailTextForm()
    text = typed(form)
    if faults_of(edited.kind, edited.language, text, form):
        return _page(edited, form, status=422)
    try:
        actions.save_text(
            edited.place.name,
            edited.language,
            text,
            by=current_member(),
            was=form.was,
            protocol_id=edited.scope.protocol_id,
        )
    except Conflict as conflict:
        db.session.rollback()
        custom = edited.custom()
        form.version.data = str(custom.version if custom else 0)
        flash(str(conflict), "warning")
        return _page(edited, form, status=409, theirs=edited.in_use())
    db.session.commit()
    flash(done, "success")
    return redirect(url_for(".show", **edited.address), 303)


def restore(edited: EditedText) -> Page:
    """Go back to the built-in text, and keep the custom one in the form; commits."""
    given_up = actions.restore_built_in(
        edited.place.name, edited.language, edited.scope.protocol_id
    )
    db.session.commit()
    if given_up is None:
        return redirect(url_for(".show", **edited.address), 303)
    data = {"subject": given_up.subject, "body": given_up.body}
    return _page(edited, MailTextForm(formdata=None, data=data), given_up=True)


def frame(edited: EditedText) -> Response:
    """Return the mail as it goes out now, for the frame of the page."""
    form = MailTextForm(formdata=None)
    return framed(edited.kind, edited.language, edited.in_use(), form, Faults())


def preview(edited: EditedText) -> Response:
    """Return the mail that was typed, for the frame of the page; nothing is saved."""
    form = MailTextForm()
    text = typed(form)
    return framed(edited.kind, edited.language, text, form, check(text, edited.kind))


def send_test(edited: EditedText) -> Page:
    """Mail what was typed to whoever presses; nothing is saved. Commits."""
    form = MailTextForm()
    text = typed(form)
    if faults_of(edited.kind, edited.language, text, form):
        return _page(edited, form, status=422)
    send_to_oneself(edited.kind, edited.language, text, form)
    return _page(edited, form)


def _page(edited: EditedText, form: MailTextForm, *, status: int = 200, **more: Any) -> Page:
    page = render_template(
        edited.template,
        edited=edited,
        form=form,
        custom=edited.custom(),
        people=queries.people(),
        **beside(edited.kind, edited.language),
        **more,
    )
    return page, status


# --- what the text of a newsletter, which is saved elsewhere, shares with these pages ---


def typed(form: MailTextForm) -> Text:
    """Return what was typed."""
    return Text(form.subject.data or "", form.body.data or "")


def faults_of(
    kind: MailKind,
    language: str,
    text: Text,
    form: MailTextForm,
    is_hosted: Callable[[str], bool] = no_picture,
) -> Faults:
    """Return what is wrong with `text`, and write it into the form, line by line."""
    faults = text_drafts.faults(kind, language, text, current_member(), is_hosted)
    form.subject.errors = [fault.words for fault in faults.subject]
    form.body.errors = [
        _("Line %(line)s: %(fault)s", line=fault.line, fault=fault.words) for fault in faults.body
    ]
    return faults


def framed(
    kind: MailKind, language: str, text: Text, form: MailTextForm, faults: Faults
) -> Response:
    """Return `text` as a mail, looked at in the way that the form says.

    Nothing, and what is too long to be saved, is not rendered.
    """
    if not text.body.strip() or len(text.body) > LONGEST_BODY:
        text = Text("…", "…")
    like = queries.departure_named(form.like.data or "")
    mail = text_drafts.preview(kind, language, text, current_member(), like)
    if form.view.data == "text":
        return mail_frames.text_part(mail, faults, language)
    return mail_frames.html_part(mail, faults, dark=bool(form.dark.data))


def send_to_oneself(kind: MailKind, language: str, text: Text, form: MailTextForm) -> None:
    """Mail `text` to whoever presses, and say so; commits."""
    me = current_member()
    like = queries.departure_named(form.like.data or "")
    actions.send_test_mail(kind, language, me, text, like)
    db.session.commit()
    flash(_("On its way to %(address)s.", address=me.email), "success")


def beside(kind: MailKind, language: str) -> dict[str, Any]:
    """Return what the page shows beside the form."""
    return {
        "language": language,
        "languages": LANGUAGE_NAMES,
        "placeholders": placeholders.of(kind),
        "examples": text_drafts.examples(kind, language, current_member()),
    }
