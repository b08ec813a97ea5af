"""Undo what was done to a departure, within the hour."""

from flask import Blueprint, abort, redirect, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from service.departures.actions import acts as actions
from service.departures.queries import acts
from service.models import ActKind, Role
from service.web.access import current_member, requires
from service.web.acts import do

blueprint = Blueprint("acts", __name__, url_prefix="/acts/<public_id>")


@blueprint.post("/undo")
@requires(Role.member)
def undo(public_id: str) -> Response:
    """Undo an act as a whole, and go back to the departure, or to the list when that is gone."""
    act = acts.find(public_id) or abort(404)
    if act.kind is ActKind.imported:  # of many departures: imports.undo
        abort(404)
    said = _("Undone. It is as if it had not been done, and nothing of it has left.")
    do(lambda: actions.undo(act, current_member()), said)
    departure = act.departure
    if departure is None:
        return redirect(url_for("departures.index"), 303)
    return redirect(url_for("departures.show", public_id=departure.public_id), 303)
