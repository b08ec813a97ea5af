"""The custom texts of a greeting, in the editor of all custom texts."""

from flask import Blueprint, abort, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from service.config import LANGUAGES
from service.current import company
from service.messages.queries import OF_ALL, Place
from service.messages.views import text_editor
from service.messages.views.text_editor import EditedText, Page
from service.models import MailKind, Role
from service.models.greetings import greeting_label, wishes_of
from service.newsletters.views.greetings import the_greeting
from service.web.access import current_member, requires
from service.yearly import parts_of

blueprint = Blueprint("greeting_texts", __name__, url_prefix="/greetings/<public_id>/text")


@blueprint.get("")
@requires(Role.viewer)
def show(public_id: str) -> Page:
    """Show the text as it goes out now, to be changed."""
    return text_editor.show(_edited(public_id))


@blueprint.post("")
@requires(Role.member)
def save(public_id: str) -> Page:
    """Save what was typed."""
    return text_editor.save(_edited(public_id), _("Saved. The next greetings go out like this."))


@blueprint.post("/restore")
@requires(Role.member)
def restore(public_id: str) -> Page:
    """Go back to the built-in text; the custom one stays in the form, to be saved again."""
    return text_editor.restore(_edited(public_id))


@blueprint.get("/frame")
@requires(Role.viewer)
def frame(public_id: str) -> Response:
    """Return the mail as it goes out now, for the frame of the page."""
    return text_editor.frame(_edited(public_id))


@blueprint.post("/preview")
@requires(Role.viewer)
def preview(public_id: str) -> Response:
    """Return the mail that was typed, for the frame of the page; nothing is saved."""
    return text_editor.preview(_edited(public_id))


@blueprint.post("/test")
@requires(Role.member)
def send_test(public_id: str) -> Page:
    """Mail what was typed to whoever presses; nothing is saved."""
    return text_editor.send_test(_edited(public_id))


def _edited(public_id: str) -> EditedText:
    greeting = the_greeting(public_id)
    language = request.args.get("language") or company().language
    if language not in LANGUAGES:
        abort(404)
    month = parts_of(greeting.day_key)[0] if greeting.day_key else 0
    return EditedText(
        OF_ALL,
        Place(greeting.place, MailKind.greeting),
        language,
        label=greeting_label(greeting),
        template="provider/newsletters/greetings/text.html",
        address={"public_id": greeting.public_id, "language": language},
        may_write=current_member().role.covers(Role.member),
        occasion=wishes_of(greeting.occasion, month),
    )
