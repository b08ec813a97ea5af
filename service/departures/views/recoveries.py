"""Recoveries: the open ones, the oldest first; close one with what came of it."""

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from forms.recoveries import ClosingForm
from service.departures.actions import recoveries as actions
from service.departures.queries import recoveries
from service.extensions import db
from service.models import Recovery, Role
from service.web.access import current_member, requires
from service.web.acts import do

blueprint = Blueprint("recoveries", __name__, url_prefix="/recoveries")

Page = str | tuple[str, int] | Response


@blueprint.get("")
@requires(Role.viewer)
def index() -> str:
    """List what went wrong: open, or with ?state=closed what was closed."""
    state = "closed" if request.args.get("state") == "closed" else "open"
    found = recoveries.page(state, request.args.get("page", 1, type=int))
    return render_template("provider/departures/recoveries/index.html", found=found, state=state)


@blueprint.get("/<public_id>")
@requires(Role.viewer)
def show(public_id: str) -> str:
    """Show what went wrong in a departure and, while it is open, the form that closes it."""
    return _page(the_recovery(public_id), ClosingForm())


@blueprint.post("/<public_id>")
@requires(Role.member)
def close(public_id: str) -> Page:
    """Close it."""
    recovery = the_recovery(public_id)
    form = ClosingForm()
    if not form.validate():
        return _page(recovery, form), 422
    is_resolved = form.is_resolved.data == "yes"
    note, me = form.note.data or "", current_member()
    said = _("Closed. The farewell mails of this client go on.")
    if not do(lambda: actions.close(recovery, is_resolved=is_resolved, note=note, by=me), said):
        return _page(the_recovery(public_id), form), 409
    return redirect(url_for("departures.show", public_id=public_id), 303)


@blueprint.post("/<public_id>/reopen")
@requires(Role.member)
def reopen(public_id: str) -> Response:
    """Take the closing back."""
    actions.reopen(the_recovery(public_id), current_member())
    db.session.commit()
    flash(_("It is open again. No testimonial is asked for meanwhile."), "success")
    return redirect(url_for(".show", public_id=public_id), 303)


def the_recovery(public_id: str) -> Recovery:
    """Return the recovery of the departure with that public id, or 404."""
    return recoveries.find(public_id) or abort(404)


def _page(recovery: Recovery, form: ClosingForm) -> str:
    return render_template(
        "provider/departures/recoveries/show.html",
        recovery=recovery,
        form=form,
        answer=recoveries.answer_of(recovery),
    )
