"""What all pages on which a mail's text is written share, whichever mail it is of."""

from typing import Any

from flask import Response, flash
from flask_babel import gettext as _

from forms.mail_texts import MailTextForm
from service.extensions import db
from service.mail.rendering import placeholders, text_previews
from service.mail.rendering.text_checks import Faults, check
from service.mail.rendering.texts import LONGEST_BODY, Text
from service.messages import queries as reports
from service.messages.actions import test_mails
from service.messages.views import text_frames
from service.models import MailKind
from service.web.access import current_member
from service.web.names import LANGUAGE_NAMES


def typed(form: MailTextForm) -> Text:
    """Return what was typed."""
    return Text(form.subject.data or "", form.body.data or "")


def faults_of(kind: MailKind, language: str, form: MailTextForm) -> Faults:
    """Return what is wrong with what was typed, and tell it in the form, line by line."""
    faults = text_previews.faults(kind, language, typed(form), current_member())
    form.subject.errors = [fault.words for fault in faults.subject]
    form.body.errors = [
        _("Line %(line)s: %(fault)s", line=fault.line, fault=fault.words) for fault in faults.body
    ]
    return faults


def previewed(kind: MailKind, language: str, form: MailTextForm) -> Response:
    """Return what was typed as a mail, for the frame; a megabyte is refused unread."""
    text = typed(form)
    is_shown = bool(text.body.strip()) and len(text.body) <= LONGEST_BODY
    return framed(kind, language, text if is_shown else Text("…", "…"), form, check(text, kind))


def framed(
    kind: MailKind, language: str, text: Text, form: MailTextForm, faults: Faults
) -> Response:
    """Return `text` as a mail, looked at in the way that the form says."""
    like = reports.departure_of(form.like.data or "")
    mail = text_previews.preview(kind, language, text, current_member(), like)
    if form.view.data == "text":
        return text_frames.as_text(mail, faults, language)
    return text_frames.as_mail(mail, faults, dark=bool(form.dark.data))


def send_to_oneself(kind: MailKind, language: str, form: MailTextForm) -> None:
    """Mail what was typed to whoever presses; commits, and says so."""
    like = reports.departure_of(form.like.data or "")
    test_mails.send(kind, language, current_member(), typed(form), like)
    db.session.commit()
    flash(_("On its way to %(address)s.", address=current_member().email), "success")


def beside(kind: MailKind, language: str) -> dict[str, Any]:
    """Return what the page shows beside the form."""
    return {
        "language": language,
        "languages": LANGUAGE_NAMES,
        "placeholders": placeholders.of(kind),
        "examples": text_previews.examples(kind, language, current_member()),
        "people": reports.people(),
    }
