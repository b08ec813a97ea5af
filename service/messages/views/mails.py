"""Previews of every mail in every language, as it would leave now, and a test sent to oneself."""

from collections.abc import Sequence
from typing import Any

from flask import (
    Blueprint,
    abort,
    flash,
    redirect,
    render_template,
    request,
    url_for,
)
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from service.config import LANGUAGES
from service.extensions import db
from service.labels import label
from service.mail.kinds import RULES
from service.mail.rendering import custom_texts, rendering
from service.mail.rendering.messages import decoded
from service.mail.rendering.rendering import Rendering
from service.mail.rendering.samples import sample
from service.messages import actions, queries
from service.messages.views.mail_frames import in_frame, with_pictures_inside
from service.models import MailKind, Role
from service.web.access import current_member, requires

VIEWS = ("phone", "desk", "text")

blueprint = Blueprint("mails", __name__, url_prefix="/mails")


@blueprint.get("")
@requires(Role.viewer)
def index() -> str:
    """List the kinds: those to clients in the order of a departure, then those to the team."""
    language = current_member().language or rendering.company_facts().company.language
    mails = _rendered_all(list(MailKind), language)
    subjects = {kind: mail.subject for kind, mail in zip(MailKind, mails, strict=True)}
    return render_template(
        "provider/messages/mails/index.html",
        to_clients=[kind for kind in MailKind if not RULES[kind].to_team],
        to_team=[kind for kind in MailKind if RULES[kind].to_team],
        subjects=subjects,
        label=label,
        languages=LANGUAGES,
        language=language,
    )


@blueprint.get("/<kind>/<language>")
@requires(Role.viewer)
def show(kind: str, language: str) -> str:
    """Show one mail: on a phone, on a desk, as text."""
    found = _kind(kind, language)
    view = request.args.get("as", "phone")
    rendered = _rendered(found, language)
    return render_template(
        "provider/messages/mails/show.html",
        kind=found,
        label=label(found),
        mail=rendered,
        text=decoded(rendered.text),
        language=language,
        languages=LANGUAGES,
        view=view if view in VIEWS else "phone",
        is_optional=not RULES[found].is_transactional,
        has_text=found in queries.kinds(),
    )


@blueprint.get("/<kind>/<language>/frame")
@requires(Role.viewer)
def frame(kind: str, language: str) -> Response:
    """Return the HTML part itself, allowed to style itself and nothing else."""
    return in_frame(with_pictures_inside(_rendered(_kind(kind, language), language)))


@blueprint.post("/<kind>/<language>/test")
@requires(Role.member)
def send_test(kind: str, language: str) -> Response:
    """Mail the sample to whoever presses."""
    found = _kind(kind, language)
    actions.send_test_mail(found, language, current_member())
    db.session.commit()
    flash(_("On its way to %(address)s.", address=current_member().email), "success")
    there: dict[str, Any] = {"kind": found, "language": language, "as": request.args.get("as")}
    return redirect(url_for(".show", **there), 303)


def _kind(kind: str, language: str) -> MailKind:
    if language not in LANGUAGES or kind not in list(MailKind):
        abort(404)
    return MailKind(kind)


def _rendered(kind: MailKind, language: str) -> Rendering:
    return _rendered_all([kind], language)[0]


def _rendered_all(kinds: Sequence[MailKind], language: str) -> list[Rendering]:
    """Return a sample of each of `kinds`, with its custom text where there is one."""
    with db.session.no_autoflush:
        facts = rendering.company_facts()
        contexts = [sample(kind, language, current_member(), facts.company) for kind in kinds]
        texts = custom_texts.of_rows([context.row for context in contexts])
        for context, text in zip(contexts, texts, strict=True):
            context.custom_text = text
        return [rendering.render_context(context, facts) for context in contexts]
