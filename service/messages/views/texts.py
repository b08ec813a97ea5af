"""The pages of custom texts: list, edit, preview, try and give up."""

from typing import Any

from flask import Blueprint, abort, g, render_template, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from service.config import LANGUAGES
from service.current import company
from service.labels import label
from service.messages import queries
from service.messages.queries import OF_ALL, Scope
from service.messages.views import text_editor
from service.messages.views.text_editor import EditedText, Page
from service.models import Role
from service.web.access import current_member, requires
from service.web.names import LANGUAGE_NAMES

blueprint = Blueprint("texts", __name__, url_prefix="/texts")


@blueprint.url_value_preprocessor
def _take_protocol(_endpoint: str | None, values: dict[str, Any] | None) -> None:
    """Keep whose texts an address is about: all protocols' and one's have the same pages."""
    g.texts_of = (values or {}).pop("protocol", None)


@blueprint.get("")
@requires(Role.viewer)
def index() -> str:
    """List the mails to clients, and which have a custom text."""
    scope = _scope()
    steps, answers = queries.texts_of(scope)
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
    return text_editor.show(_edited(place))


@blueprint.post("/<place>")
@requires(Role.owner)
def save(place: str) -> Page:
    """Save what was typed."""
    return text_editor.save(_edited(place), _("Saved. The next mails go out like this."))


@blueprint.post("/<place>/restore")
@requires(Role.owner)
def restore(place: str) -> Page:
    """Go back to the built-in text; the custom one stays in the form, to be saved again."""
    return text_editor.restore(_edited(place))


@blueprint.get("/<place>/frame")
@requires(Role.viewer)
def frame(place: str) -> Response:
    """Return the mail as it goes out now, for the frame of the page."""
    return text_editor.frame(_edited(place))


@blueprint.post("/<place>/preview")
@requires(Role.viewer)
def preview(place: str) -> Response:
    """Return the mail that was typed, for the frame of the page; nothing is saved."""
    return text_editor.preview(_edited(place))


@blueprint.post("/<place>/test")
@requires(Role.member)
def send_test(place: str) -> Page:
    """Mail what was typed to whoever presses; nothing is saved."""
    return text_editor.send_test(_edited(place))


def _scope() -> Scope:
    if g.texts_of is None:
        return OF_ALL
    return queries.scope_of(g.texts_of) or abort(404)


def _edited(name: str) -> EditedText:
    scope = _scope()
    place = scope.place(name)
    language = request.args.get("language") or company().language
    if place is None or language not in LANGUAGES:
        abort(404)
    return EditedText(
        scope,
        place,
        language,
        label=place.title or label(place.kind),
        template="provider/messages/texts/edit.html",
        address={"place": place.name, "language": language, **scope.address},
        may_write=current_member().role.covers(Role.owner),
    )
