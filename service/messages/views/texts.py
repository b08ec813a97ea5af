"""The pages of custom texts: list, edit, preview, try and give up."""

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, abort, flash, g, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from forms.mail_texts import MailTextForm
from service.config import LANGUAGES
from service.current import company
from service.errors import Conflict
from service.extensions import db
from service.labels import label
from service.mail.rendering.text_checks import Faults
from service.mail.rendering.texts import Text
from service.messages import queries as reports
from service.messages.actions import texts
from service.messages.queries import OF_ALL, Place, Scope
from service.messages.views import text_pages
from service.models import MailKind, MailText, Role
from service.web.access import current_member, requires
from service.web.names import LANGUAGE_NAMES

blueprint = Blueprint("texts", __name__, url_prefix="/texts")

Page = str | tuple[str, int] | Response


@blueprint.get("")
@requires(Role.viewer)
def index() -> str:
    """List the mails to clients, and which have a custom text."""
    scope = _scope()
    steps, answers = reports.lines(scope)
    return render_template(
        "provider/messages/texts/index.html",
        scope=scope,
        steps=steps,
        answers=answers,
        languages=LANGUAGE_NAMES,
    )


@blueprint.get("/<place>")
@requires(Role.viewer)
def show(place: str) -> Page:
    """Show the text as it goes out now, to be changed."""
    spot = _spot(place)
    text, own = spot.in_force(), spot.own()
    data = {"subject": text.subject, "body": text.body, "version": own.version if own else 0}
    return _page(spot, MailTextForm(formdata=None, data=data), own)


@blueprint.post("/<place>")
@requires(Role.owner)
def save(place: str) -> Page:
    """Keep what was typed."""
    spot, form = _spot(place), MailTextForm()
    if text_pages.faults_of(spot.kind, spot.language, form):
        return _page(spot, form, spot.own(), status=422)
    try:
        texts.save(
            place,
            spot.language,
            text_pages.typed(form),
            by=current_member(),
            was=form.was,
            protocol_id=spot.scope.protocol_id,
        )
    except Conflict as conflict:
        db.session.rollback()
        own = spot.own()
        form.version.data = str(own.version if own else 0)
        flash(str(conflict), "warning")
        return _page(spot, form, own, status=409, theirs=spot.in_force())
    db.session.commit()
    flash(_("Saved. The next mails go out like this."), "success")
    return redirect(url_for(".show", **spot.address), 303)


@blueprint.post("/<place>/restore")
@requires(Role.owner)
def restore(place: str) -> Page:
    """Give the own text up; it stays in the form, to be put back."""
    spot = _spot(place)
    given_up = texts.restore(place, spot.language, spot.scope.protocol_id)
    db.session.commit()
    if given_up is None:
        return redirect(url_for(".show", **spot.address), 303)
    data = {"subject": given_up.subject, "body": given_up.body}
    return _page(spot, MailTextForm(formdata=None, data=data), None, given_up=True)


@blueprint.get("/<place>/frame")
@requires(Role.viewer)
def frame(place: str) -> Response:
    """Return the mail as it goes out now, for the frame of the page."""
    spot = _spot(place)
    form = MailTextForm(formdata=None)
    return text_pages.framed(spot.kind, spot.language, spot.in_force(), form, Faults())


@blueprint.post("/<place>/preview")
@requires(Role.viewer)
def preview(place: str) -> Response:
    """Return what was typed as a mail, for the frame of the page; nothing is kept."""
    spot = _spot(place)
    return text_pages.previewed(spot.kind, spot.language, MailTextForm())


@blueprint.post("/<place>/test")
@requires(Role.member)
def send_test(place: str) -> Page:
    """Mail what was typed to whoever presses; nothing is kept."""
    spot, form = _spot(place), MailTextForm()
    if text_pages.faults_of(spot.kind, spot.language, form):
        return _page(spot, form, spot.own(), status=422)
    text_pages.send_to_oneself(spot.kind, spot.language, form)
    return _page(spot, form, spot.own())


@dataclass(frozen=True, slots=True)
class Spot:
    """The one text that a page is about."""

    scope: Scope
    place: Place
    language: str

    @property
    def kind(self) -> MailKind:
        """What mail it is."""
        return self.place.kind

    @property
    def address(self) -> dict[str, Any]:
        """What the addresses of its pages are made of."""
        return {"place": self.place.name, "language": self.language, **self.scope.address}

    def own(self) -> MailText | None:
        """Return the row, if there is one of this scope."""
        return texts.find(self.place.name, self.language, self.scope.protocol_id)

    def in_force(self) -> Text:
        """Return what goes out now."""
        return reports.in_force(self.scope, self.place, self.language)


@blueprint.url_value_preprocessor
def _take_protocol(_endpoint: str | None, values: dict[str, Any] | None) -> None:
    """Keep whose texts an address is about: all protocols' and one's have the same pages."""
    g.texts_of = (values or {}).pop("protocol", None)


def _scope() -> Scope:
    if g.texts_of is None:
        return OF_ALL
    scope = reports.scope_of(g.texts_of)
    if scope is None:
        abort(404)
    return scope


def _spot(name: str) -> Spot:
    scope = _scope()
    place = scope.place(name)
    language = request.args.get("language") or company().language
    if place is None or language not in LANGUAGES:
        abort(404)
    return Spot(scope, place, language)


def _page(
    spot: Spot, form: MailTextForm, own: MailText | None, *, status: int = 200, **more: Any
) -> Page:
    me = current_member()
    text = render_template(
        "provider/messages/texts/edit.html",
        spot=spot,
        label=spot.place.title or label(spot.kind),
        form=form,
        own=own,
        is_owner=me.role.covers(Role.owner),
        is_member=me.role.covers(Role.member),
        **text_pages.beside(spot.kind, spot.language),
        **more,
    )
    return text, status
