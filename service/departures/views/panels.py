"""The panel that comes before an act: the same form comes back, and does it when sent once more."""

from collections.abc import Callable

from flask import flash, render_template, request
from werkzeug.wrappers import Response

from service.departures.actions.acts import Choice
from service.departures.queries import panels
from service.errors import Refused
from service.extensions import db
from service.models import Departure
from service.protocols.queries import situations

OF_THE_PANEL = ("csrf_token", "panel", "hold")  # fields that are not what was asked for
Page = str | tuple[str, int] | Response


def chosen() -> Choice | None:
    """Return what was chosen on the panel; None when it has not been shown yet."""
    pressed = request.form.get("panel", "")
    if pressed not in ("yes", "now"):
        return None
    return Choice(frozenset(request.form.getlist("hold")), is_now=pressed == "now")


def wants_form() -> bool:
    """Say whether somebody wants to go back from the panel to the form."""
    return request.form.get("panel") == "again"


def foreseen(act: Callable[[], Departure]) -> panels.Panel:
    """Return which mails go once `act` is done, and change nothing; raises what `act` raises.

    The act itself is done and rolled back, so that the panel cannot tell anything else.
    """
    try:
        return panels.of(situations.of(act()))
    finally:
        db.session.rollback()


def ask(panel: panels.Panel, title: str, button: str, back: str, *, has_form: bool = False) -> str:
    """Show the panel, with the button that does it, and the fields of the form once more."""
    fields = [
        (name, value) for name, value in request.form.items(multi=True) if name not in OF_THE_PANEL
    ]
    return render_template(
        "provider/departures/panel.html",
        panel=panel,
        title=title,
        button_text=button,
        back=back,
        has_form=has_form,
        fields=fields,
    )


def ask_first(act: Callable[[], Departure], title: str, button: str, back: str) -> str | None:
    """Show the panel of an act without a form of its own; None, with why flashed, if refused."""
    try:
        panel = foreseen(act)
    except Refused as refusal:
        flash(str(refusal), "warning")
        return None
    return ask(panel, title, button, back)
