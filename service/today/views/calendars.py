"""One's own calendar: its address for a calendar program, whose things it shows."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from forms.calendars import CalendarForm
from service.extensions import db
from service.mail import links
from service.models import Role
from service.today import actions
from service.web.access import current_member, requires

blueprint = Blueprint("calendars", __name__, url_prefix="/profile/calendar")

Page = str | tuple[str, int] | Response


@blueprint.get("")
@requires(Role.viewer)
def show() -> str:
    """Say how to subscribe, or what a calendar would be good for."""
    return _page(_form())


@blueprint.post("")
@requires(Role.viewer)
def save() -> Page:
    """Make the calendar if there is none yet, and keep whose things it shows."""
    form, me = _form(), current_member()
    if not form.validate():
        return _page(form), 422
    is_new = me.calendar_key is None
    actions.open_one(me)
    actions.choose(me, is_teams=form.shows.data == "team")
    said = _("Here is the address. Paste it into your calendar once.") if is_new else _("Saved.")
    return _done(said)


@blueprint.post("/renew")
@requires(Role.viewer)
def renew() -> Response:
    """Put another address in the place of one that others may know."""
    actions.renew(current_member())
    return _done(_("This is the new address. The old one shows nothing any more."))


@blueprint.post("/close")
@requires(Role.viewer)
def close() -> Response:
    """Take the address away."""
    actions.close(current_member())
    return _done(_("Your calendar is closed. Its address shows nothing any more."))


def _form() -> CalendarForm:
    return CalendarForm(shows="team" if current_member().calendar_is_teams else "mine")


def _page(form: CalendarForm) -> str:
    me = current_member()
    address = links.calendar(me) if me.calendar_key else ""
    return render_template(
        "provider/today/calendars/show.html",
        form=form,
        address=address,
        as_webcal="webcal" + address.removeprefix("https").removeprefix("http"),
    )


def _done(said: str) -> Response:
    db.session.commit()
    flash(said, "success")
    return redirect(url_for(".show"), 303)
