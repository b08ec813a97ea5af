"""One step of a departure's protocol, or all of them: send now, skip, put back; pause, stop, go on,
another protocol."""

from collections.abc import Callable

from flask import Blueprint, redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from service.departures.views.departures import the_departure
from service.models import Role
from service.protocols.actions import enrolments
from service.protocols.rules.descriptions import protocol_name
from service.protocols.views.protocols import the_protocol
from service.web.access import current_member, requires
from service.web.acts import do

blueprint = Blueprint("steps", __name__, url_prefix="/departures/<public_id>")


@blueprint.post("/steps/<step>/send")
@requires(Role.member)
def send(public_id: str, step: str) -> Response:
    """Send one mail now, whatever its day."""
    return _do(public_id, _("It is on its way."), enrolments.send_now, step)


@blueprint.post("/steps/<step>/skip")
@requires(Role.member)
def skip(public_id: str, step: str) -> Response:
    """Leave one mail out."""
    return _do(
        public_id, _("Skipped. You can put it back as long as you like."), enrolments.skip, step
    )


@blueprint.post("/steps/<step>/put-back")
@requires(Role.member)
def put_back(public_id: str, step: str) -> Response:
    """Take a skip back."""
    return _do(public_id, _("It is planned again."), enrolments.put_back, step)


@blueprint.post("/protocol")
@requires(Role.member)
def put_on(public_id: str) -> Response:
    """Let it go by another protocol."""
    protocol = the_protocol(request.form.get("protocol", ""))
    name = protocol_name(protocol)
    said = _("It goes by “%(name)s” now. Below you see what comes.", name=name)
    return _do(public_id, said, enrolments.put_on, protocol)


@blueprint.post("/protocol/pause")
@requires(Role.member)
def pause(public_id: str) -> Response:
    """Hold the mails back until somebody lets them go on."""
    return _do(public_id, _("The farewell mails wait until you let them go on."), enrolments.pause)


@blueprint.post("/protocol/stop")
@requires(Role.member)
def stop(public_id: str) -> Response:
    """Send nothing more."""
    said = _("No farewell mail goes out any more. You can let them go on.")
    return _do(public_id, said, enrolments.stop)


@blueprint.post("/protocol/resume")
@requires(Role.member)
def resume(public_id: str) -> Response:
    """Go on with the mails, or begin with those of a departure that was history."""
    said = _("The farewell mails go on. Below you see which, and when.")
    return _do(public_id, said, enrolments.resume)


def _do(public_id: str, said: str, act: Callable[..., object], *what: object) -> Response:
    """Act on the departure, and go back to its page with what came of it."""
    departure = the_departure(public_id)
    do(lambda: act(departure, *what, current_member()), said)
    return redirect(url_for("departures.show", public_id=public_id) + "#timeline", 303)
