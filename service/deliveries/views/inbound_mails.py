"""What came in: bounces, complaints, replies, and mails that could not be recognised."""

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from service.deliveries.actions import inbound as actions
from service.deliveries.queries import inbound
from service.models import InboundMail, Role
from service.web.access import current_member, requires
from service.web.acts import do

blueprint = Blueprint("inbound_mails", __name__, url_prefix="/inbound")
MOST_SHOWN = 20_000  # characters of a mail's source


def the_mail(public_id: str) -> InboundMail:
    """Return one mail that came in, or 404."""
    return inbound.find(public_id) or abort(404)


@blueprint.get("")
@requires(Role.viewer)
def index() -> str:
    """List what came in; the first tab is what waits for a person."""
    q = request.args.get("q", "").replace("\0", "").strip()[:200]
    found = inbound.page(
        request.args.get("kind", "waiting"), q, request.args.get("page", 1, type=int)
    )
    return render_template(
        "provider/deliveries/inbound_mails/index.html",
        found=found,
        q=q,
        counted=inbound.COUNTED,
    )


@blueprint.get("/<public_id>")
@requires(Role.viewer)
def show(public_id: str) -> str:
    """Show one mail that came in, as text, never as HTML."""
    mail = the_mail(public_id)
    source = (mail.raw or b"")[:MOST_SHOWN].decode("utf-8", "replace").replace("\0", "")
    return render_template(
        "provider/deliveries/inbound_mails/show.html",
        mail=mail,
        source=source,
        is_paused=inbound.is_paused(mail),
    )


@blueprint.post("/<public_id>/done")
@requires(Role.member)
def have_done(public_id: str) -> Response:
    """Mark one as done."""
    mail = the_mail(public_id)
    done = _("Done with it. It stays in the list.")
    do(lambda: actions.have_done(mail, current_member()), done)
    return redirect(url_for(".index"), 303)
