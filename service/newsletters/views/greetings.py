"""Greetings: listed with who would get them, switched, added, changed, deleted."""

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from forms.greetings import GreetingForm
from service.clock import now
from service.errors import Conflict
from service.extensions import db
from service.labels import why_not
from service.models import Circle, Greeting, Occasion, Role, SkipReason
from service.models.greetings import circle_label, greeting_label
from service.newsletters.actions import greetings as actions
from service.newsletters.actions.greetings import Plan
from service.newsletters.queries import greetings as queries
from service.web.access import current_member, requires
from service.web.dates import days, months
from service.web.names import LANGUAGE_NAMES
from service.yearly import parts_of

blueprint = Blueprint("greetings", __name__, url_prefix="/greetings")

Page = str | tuple[str, int] | Response
WHICH = (queries.GOING, *(reason.value for reason in SkipReason))
NOBODY_YET = {
    Occasion.season: _l("Nobody yet. It goes to the contacts of your clients."),
    Occasion.anniversary: _l("Nobody yet. It goes to clients whose “Client since” is known."),
    Occasion.birthday: _l(
        "Nobody yet. It goes to contacts who told you their birthday, if you wrote it down on "
        "their page."
    ),
}
DAY_OF_EACH = {  # of greetings for which each reader has a day of their own
    Occasion.anniversary: _l(
        "It goes on the day and month of “Client since”, from the first year on."
    ),
    Occasion.birthday: _l(
        "It goes to contacts who told you their birthday, if you wrote it down on their page."
    ),
}


@blueprint.app_context_processor
def name_greetings() -> dict[str, object]:
    """Give templates the names of greetings and of whom they are for."""
    return {"greeting_label": greeting_label, "circle_label": circle_label}


@blueprint.get("")
@requires(Role.viewer)
def index() -> str:
    """List greetings with their next day, and who gets them or not."""
    at = now()
    return render_template(
        "provider/newsletters/greetings/index.html",
        greetings=[queries.summary(greeting, at) for greeting in actions.in_order()],
        languages=LANGUAGE_NAMES,
        why_not=why_not,
        shows_day=_shows_day,
        nobody_label=lambda greeting: NOBODY_YET[greeting.occasion],
    )


@blueprint.get("/new")
@requires(Role.member)
def new() -> Page:
    """Ask for a new greeting, on a day of the year."""
    return _form_page(_form(None), None)


@blueprint.post("/new")
@requires(Role.member)
def add() -> Page:
    """Add it, switched off."""
    form = _form(None)
    if not form.validate():
        return _form_page(form, None, 422)
    greeting = actions.add(_plan(form))
    db.session.commit()
    flash(_("Added, and still off. Read its text, then switch it on."), "success")
    return redirect(url_for("greeting_texts.show", public_id=greeting.public_id), 303)


@blueprint.get("/<public_id>")
@requires(Role.member)
def edit(public_id: str) -> Page:
    """Ask what to change."""
    greeting = the_greeting(public_id)
    return _form_page(_form(greeting), greeting)


@blueprint.post("/<public_id>")
@requires(Role.member)
def change(public_id: str) -> Page:
    """Change day, time or people."""
    greeting = the_greeting(public_id)
    form = _form(greeting)
    if not form.validate():
        return _form_page(form, greeting, 422)
    try:
        actions.change(greeting, _plan(form), was=form.was)
    except Conflict as conflict:
        return _first_came_another(public_id, conflict)
    return _back(_("Saved."))


@blueprint.post("/<public_id>/switch")
@requires(Role.member)
def switch(public_id: str) -> Page:
    """Switch a greeting on or off."""
    greeting = the_greeting(public_id)
    try:
        actions.switch(greeting, is_on=request.form.get("on") == "yes")
    except Conflict as conflict:
        db.session.rollback()
        flash(str(conflict), "warning")
    return _back(anchor=public_id)


@blueprint.post("/<public_id>/delete")
@requires(Role.member)
def delete(public_id: str) -> Page:
    """Delete a greeting that the team added; built-in ones can only be off."""
    greeting = the_greeting(public_id)
    if greeting.is_built_in:
        abort(404)
    actions.remove(greeting)
    return _back(_("Deleted."))


@blueprint.get("/<public_id>/people")
@requires(Role.viewer)
def people(public_id: str) -> str:
    """List whom it is for, with why some would not get it; which of them is in the address."""
    greeting, which = the_greeting(public_id), request.args.get("which", "")
    which = which if which in WHICH else ""
    at, number = now(), request.args.get("page", 1, type=int)
    return render_template(
        "provider/newsletters/greetings/people.html",
        greeting=greeting,
        which=which,
        listed=queries.summary(greeting, at),
        found=queries.people(greeting, which, number, at),
        why_not=why_not,
        shows_days=greeting.occasion is not Occasion.season and _shows_day(greeting),
    )


def the_greeting(public_id: str) -> Greeting:
    """Return the greeting, or 404."""
    return actions.find(public_id) or abort(404)


def _shows_day(greeting: Greeting) -> bool:
    """Return whether whoever looks may see the day: birthdays are for those who may act."""
    is_birthday = greeting.occasion is Occasion.birthday
    return current_member().role.covers(Role.member) or not is_birthday


def _form(greeting: Greeting | None) -> GreetingForm:
    data: dict[str, Any] = {"circle": Circle.both.value}
    if greeting is not None:
        data = {"name": greeting.name, "at": greeting.at, "circle": greeting.circle.value}
        data["version"] = str(greeting.version)
        if greeting.day_key:
            month, day = parts_of(greeting.day_key)
            data |= {"month": str(month), "day": str(day)}
    form = GreetingForm(data=data)
    form.month.choices, form.day.choices = months(), days()
    form.circle.choices = [(circle.value, circle_label(circle)) for circle in Circle]
    form.needs_name = greeting is None or not greeting.is_built_in
    form.needs_day = greeting is None or greeting.occasion is Occasion.season
    return form


def _plan(form: GreetingForm) -> Plan:
    if form.at.data is None:
        raise ValueError("a greeting without its hour passed the form")
    return Plan(form.at.data, Circle(form.circle.data), form.name.data or "", form.day_key)


def _form_page(form: GreetingForm, greeting: Greeting | None, status: int = 200) -> Page:
    page = render_template(
        "provider/newsletters/greetings/edit.html",
        form=form,
        greeting=greeting,
        day_note=DAY_OF_EACH.get(greeting.occasion) if greeting else None,
    )
    return page, status


def _first_came_another(public_id: str, conflict: Conflict) -> Page:
    """Show the greeting as somebody else left it, in a fresh form."""
    db.session.rollback()
    flash(str(conflict), "warning")
    greeting = the_greeting(public_id)
    form = _form(greeting)
    form.version.data = str(greeting.version)
    return _form_page(form, greeting, 409)


def _back(done: str = "", anchor: str | None = None) -> Response:
    db.session.commit()
    if done:
        flash(done, "success")
    return redirect(url_for("greetings.index", _anchor=anchor), 303)
