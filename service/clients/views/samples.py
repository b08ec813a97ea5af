"""Sample data: offered to a new install, removed with one press."""

from flask import Blueprint, flash, redirect, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from service.clients.actions import samples
from service.extensions import db
from service.models import Role
from service.web.access import current_member, requires
from service.web.language import select_language

blueprint = Blueprint("samples", __name__, url_prefix="/sample-data")


@blueprint.post("/create")
@requires(Role.member)
def create() -> Response:
    """Add sample data in the team member's language."""
    count = samples.create(select_language(), current_member().id)
    db.session.commit()
    if count:
        flash(_("Sample data is here: %(count)d departures. Nobody is ever mailed.", count=count))
    return redirect(url_for("today.index"))


@blueprint.post("/remove")
@requires(Role.member)
def remove() -> Response:
    """Remove the sample data and nothing else."""
    samples.remove()
    db.session.commit()
    flash(_("The sample data is gone. Your own data was not touched."))
    return redirect(url_for("today.index"))
