"""One step of a departure's protocol, or all of them: send now, skip, put back; pause, stop, go on,
another protocol."""

from collections.abc import Callable

from flask import Blueprint, redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from service.departures.actions import acts
from service.departures.views import panels
from service.departures.views.departures import the_departure
from service.models import Departure, Role
from service.protocols.actions import enrolments
from service.protocols.rules.descriptions import protocol_name
from service.protocols.views.protocols import the_protocol
from service.web.access import current_member, requires
from service.web.acts import do

Page = str | tuple[str, int] | Response
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
def put_on(public_id: str) -> Page:
    """Let it go by another protocol, once the mails that go then were seen."""
    protocol = the_protocol(request.form.get("protocol", ""))
    name = protocol_name(protocol)
    said = _("It goes by “%(name)s” now. Below you see what comes.", name=name)

    def act(departure: Departure, choice: acts.Choice) -> None:
        acts.put_on(departure, protocol, current_member(), choice)

    title = _("Another protocol: “%(name)s”", name=name)
    return _ask_and_do(public_id, act, title, _("Change it"), said)


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
def resume(public_id: str) -> Page:
    """Go on with the mails, or begin with those that were history, once they were seen."""
    said = _("The farewell mails go on. Below you see which, and when.")

    def act(departure: Departure, choice: acts.Choice) -> None:
        acts.resume(departure, current_member(), choice)

    title = _("Let the farewell mails go on")
    return _ask_and_do(public_id, act, title, _("Let the mails go on"), said)


def _ask_and_do(
    public_id: str,
    act: Callable[[Departure, acts.Choice], None],
    title: str,
    button: str,
    said: str,
) -> Page:
    """Show the panel first; do it, with what was chosen there, when it comes back."""
    departure, choice = the_departure(public_id), panels.chosen()
    here = url_for("departures.show", public_id=public_id) + "#timeline"

    def done(choice: acts.Choice = acts.NOTHING) -> Departure:
        act(departure, choice)
        return departure

    if choice is None:
        return panels.ask_first(done, title, button, here) or redirect(here, 303)
    do(lambda: done(choice), said)
    return redirect(here, 303)


def _do(public_id: str, said: str, act: Callable[..., object], *what: object) -> Response:
    """Act on the departure, and go back to its page with what came of it."""
    departure = the_departure(public_id)
    do(lambda: act(departure, *what, current_member()), said)
    return redirect(url_for("departures.show", public_id=public_id) + "#timeline", 303)
