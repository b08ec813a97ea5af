"""Mails and what became of them; those that failed or are uncertain get a person's decision."""

from collections.abc import Callable

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from service.actions import deliveries as actions
from service.errors import Refused
from service.extensions import db
from service.models import OutboxMessage, Provider, Role
from service.models.labels import why_not
from service.reports import deliveries, suppressions, timeline
from service.web.provider.access import current_provider, requires

blueprint = Blueprint("deliveries", __name__, url_prefix="/deliveries")


@blueprint.get("")
@requires(Role.viewer)
def index() -> str:
    """List mails: those in trouble first, then the rest by what we did with them."""
    tab = request.args.get("state", "troubled")
    found = deliveries.page(tab, request.args.get("page", 1, type=int))
    return render_template(
        "provider/deliveries/index.html",
        found=found,
        stopped=suppressions.reasons_of(found.mails.lines),
        said=timeline.said,
        why_not=why_not,
    )


@blueprint.post("/<public_id>/again")
@requires(Role.member)
def send_again(public_id: str) -> Response:
    """Send a mail once more."""
    return _do(public_id, actions.send_again, _("It is on its way again."))


@blueprint.post("/<public_id>/arrived")
@requires(Role.member)
def arrived(public_id: str) -> Response:
    """Say of an uncertain mail that it arrived."""
    return _do(public_id, actions.say_it_arrived, _("Noted: it arrived."))


@blueprint.post("/<public_id>/give-up")
@requires(Role.member)
def give_up(public_id: str) -> Response:
    """Leave a mail that failed as it is."""
    return _do(public_id, actions.give_up, _("It stays unsent."))


def _do(public_id: str, act: Callable[[OutboxMessage, Provider], None], done: str) -> Response:
    mail = deliveries.find(public_id) or abort(404)
    there = _where_from(mail)
    try:
        act(mail, current_provider())
    except Refused as refusal:
        db.session.rollback()
        flash(str(refusal), "warning")
    else:
        db.session.commit()
        flash(done, "success")
    return redirect(there, 303)


def _where_from(mail: OutboxMessage) -> str:
    """Return the page to go back to: the departure's when the button stood there."""
    if request.form.get("from") == "departure" and mail.departure is not None:
        return url_for("departures.show", public_id=mail.departure.public_id) + "#timeline"
    return url_for("deliveries.index")
