"""The steps of a protocol: added, edited, moved, switched, removed, taken from another version.

A change that affects departures is shown first: the same form comes back with a page that says what
becomes of whom, and is saved when it is sent once more.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import time
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from forms.protocols import StepForm
from service.errors import Conflict
from service.extensions import db
from service.labels import WEEKDAYS, label
from service.models import MailKind, Protocol, Role
from service.models.steps import EVERY_DAY, NATURES, Anchor, Condition, Step, Unit
from service.protocols.actions import editing
from service.protocols.queries.changes import impact
from service.protocols.rules.descriptions import ANCHORS, CONDITIONS, UNITS, step_name
from service.protocols.rules.step_checks import check
from service.protocols.views.protocols import the_protocol
from service.tokens import new_public_id
from service.web.access import current_member, requires

blueprint = Blueprint("protocol_steps", __name__, url_prefix="/protocols/<public_id>")

Page = str | tuple[str, int] | Response
Steps = Sequence[Step]
OF_THIS_PAGE = ("csrf_token", "confirmed", "again", "page")  # fields that are not the request

LONGEST_NAME = 60
OF_A_STEP = "step:"  # before the name of the step that is counted from


@blueprint.get("/steps/new")
@requires(Role.member)
def new(public_id: str) -> Page:
    """Show the form for a new step."""
    protocol = the_protocol(public_id)
    return _form_page(form_of_new(protocol), protocol, None)


@blueprint.post("/steps/new")
@requires(Role.member)
def add(public_id: str) -> Page:
    """Add a step after the others."""
    protocol = the_protocol(public_id)
    form = form_of_new(protocol)
    if not form.validate() or request.form.get("again"):
        return _form_page(form, protocol, None, 200 if not form.errors else 422)
    step = step_from(form, new_name(MailKind(form.kind.data)))
    return _save(form, protocol, [*protocol.steps, step], step, None)


@blueprint.get("/steps/<name>")
@requires(Role.member)
def edit(public_id: str, name: str) -> Page:
    """Show a step, to be changed."""
    protocol = the_protocol(public_id)
    step = _step(protocol, name)
    return _form_page(form_of(protocol, name, step), protocol, step)


@blueprint.post("/steps/<name>")
@requires(Role.member)
def change(public_id: str, name: str) -> Page:
    """Change a step; one that was removed meanwhile is added again, after confirmation."""
    protocol = the_protocol(public_id)
    if name.partition("-")[0] not in NATURES or len(name) > LONGEST_NAME:
        abort(404)
    was = next((step for step in protocol.steps if step.name == name), None)
    form = form_of(protocol, name, was)
    if not form.validate() or request.form.get("again"):
        return _form_page(form, protocol, was, 200 if not form.errors else 422)
    step = step_from(form, name)
    step = replace(step, is_on=was.is_on if was else True)
    steps = [step if one.name == name else one for one in protocol.steps]
    return _save(form, protocol, steps if was else [*steps, step], step, was)


@blueprint.post("/steps/<name>/move")
@requires(Role.member)
def move(public_id: str, name: str) -> Page:
    """Move it one place up or down in the list; its day stays."""
    protocol = the_protocol(public_id)
    step = _step(protocol, name)
    steps = [one for one in protocol.steps if one is not step]
    places = -1 if request.form.get("to") == "up" else 1
    steps.insert(max(0, protocol.steps.index(step) + places), step)
    return _propose(protocol, steps)


@blueprint.post("/steps/<name>/switch")
@requires(Role.member)
def switch(public_id: str, name: str) -> Page:
    """Switch a step on or off."""
    protocol = the_protocol(public_id)
    step = _step(protocol, name)
    turned = replace(step, is_on=request.form.get("on") == "yes")
    return _propose(protocol, [turned if one is step else one for one in protocol.steps])


@blueprint.post("/steps/<name>/remove")
@requires(Role.member)
def remove(public_id: str, name: str) -> Page:
    """Take it out of the protocol."""
    protocol = the_protocol(public_id)
    step = _step(protocol, name)
    return _propose(protocol, [one for one in protocol.steps if one is not step])


@blueprint.post("/versions/<int:number>/restore")
@requires(Role.member)
def restore(public_id: str, number: int) -> Page:
    """Make the steps of an earlier version the present ones, as a new version."""
    protocol = the_protocol(public_id)
    steps = editing.steps_of_version(protocol, number)
    return _propose(protocol, abort(404) if steps is None else steps)


@blueprint.post("/restore")
@requires(Role.member)
def restore_built_in(public_id: str) -> Page:
    """Make the steps that it came with the present ones."""
    protocol = the_protocol(public_id)
    steps = editing.built_in_steps(protocol)
    return _propose(protocol, abort(404) if steps is None else steps)


def _step(protocol: Protocol, name: str) -> Step:
    return next((step for step in protocol.steps if step.name == name), None) or abort(404)


def _save(form: StepForm, protocol: Protocol, steps: Steps, step: Step, was: Step | None) -> Page:
    """Save the step of a form, or show the form again with everything that is wrong."""
    for fault in check(steps):
        form.complain(fault.field if fault.step == step.name else "", fault.sentence)
    if form.errors:
        return _form_page(form, protocol, was, 422)
    try:
        return _save_or_ask(protocol, steps)
    except Conflict as conflict:
        db.session.rollback()
        flash(str(conflict), "warning")
        form.was.data = str(protocol.number)
        return _form_page(form, protocol, was, 409)


def _propose(protocol: Protocol, steps: Steps) -> Page:
    """Save the steps as a button changes them, or show what is wrong with them."""
    faults = check(steps)
    if faults:
        flash(faults[0].sentence, "warning")
        return _back(protocol)
    try:
        return _save_or_ask(protocol, steps)
    except Conflict as conflict:
        db.session.rollback()
        flash(str(conflict), "warning")
        return _back(protocol)


def _save_or_ask(protocol: Protocol, steps: Steps) -> Page:
    """Show what the change does to departures and, once that is confirmed, save it.

    Raises Conflict when there is a newer version.
    """
    was = request.form.get("was", 0, type=int)
    if not request.form.get("confirmed") and was == protocol.number:
        found = impact(protocol, steps, request.form.get("page", 1, type=int))
        if found.count:
            fields = [
                (name, value)
                for name, value in request.form.items(multi=True)
                if name not in OF_THIS_PAGE
            ]
            return render_template(
                "provider/protocols/confirm.html",
                protocol=protocol,
                found=found,
                fields=fields,
                can_change_again=request.endpoint
                in (f"{blueprint.name}.add", f"{blueprint.name}.change"),
            )
    editing.save_steps(protocol, steps, by=current_member(), was=was)
    db.session.commit()
    flash(_("Saved. What has gone stays gone; the rest goes by the new steps."), "success")
    return _back(protocol)


def _back(protocol: Protocol) -> Response:
    return redirect(url_for("protocols.show", public_id=protocol.public_id), 303)


def _form_page(form: StepForm, protocol: Protocol, step: Step | None, status: int = 200) -> Page:
    text = render_template("provider/protocols/step.html", form=form, protocol=protocol, step=step)
    return text, status


def form_of_new(protocol: Protocol) -> StepForm:
    """Return the form for a new step: at first a custom text, a week after the end, at ten."""
    first = {
        "kind": MailKind.own_text.value,
        "count": 7,
        "unit": Unit.days.value,
        "anchor": Anchor.end.value,
        "at": time(10),
        "weekdays": [str(day) for day in sorted(EVERY_DAY)],
        "stale_after": 7,
        "was": str(protocol.number),
    }
    form = StepForm(data=first)
    _prepare(form, protocol, "")
    there = {step.kind for step in protocol.steps if step.nature.is_once}
    form.kind.choices = [(kind.value, label(kind)) for kind in NATURES if kind not in there]
    return form


def form_of(protocol: Protocol, name: str, step: Step | None) -> StepForm:
    """Return the form for the step `name`; its kind is part of the name and stays."""
    form = StepForm(data=_values(step) | {"was": str(protocol.number)})
    _prepare(form, protocol, name)
    kind = MailKind(name.partition("-")[0])
    form.kind.choices = [(kind.value, label(kind))]
    form.kind.data = kind.value
    return form


def step_from(form: StepForm, name: str) -> Step:
    """Return the step that a valid form describes."""
    anchor = form.anchor.data
    is_after = anchor.startswith(OF_A_STEP)
    kind = MailKind(form.kind.data)
    chosen = set(form.only_if.data or []) - set(NATURES[kind].needs)
    return Step(
        name=name,
        kind=kind,
        anchor=Anchor.step if is_after else Anchor(anchor),
        count=form.count.data or 0,
        unit=Unit(form.unit.data),
        at=form.at.data,  # type: ignore[arg-type]  # the form requires it
        stale_after=form.stale_after.data or 0,
        after=anchor.removeprefix(OF_A_STEP) if is_after else "",
        weekdays=frozenset(int(day) for day in form.weekdays.data or []),
        only_if=tuple(condition for condition in Condition if condition in chosen),
        title="" if NATURES[kind].is_once else form.title.data or "",
    )


def new_name(kind: MailKind) -> str:
    """Return the name of a new step, which stays the same in every protocol that has it."""
    return kind.value if NATURES[kind].is_once else f"{kind.value}-{new_public_id()[:12]}"


def _values(step: Step | None) -> dict[str, Any]:
    if step is None:
        return {}
    after = OF_A_STEP + step.after
    return {
        "title": step.title,
        "count": step.count,
        "unit": step.unit.value,
        "anchor": after if step.anchor is Anchor.step else step.anchor.value,
        "at": step.at,
        "weekdays": [str(day) for day in sorted(step.weekdays)],
        "only_if": [condition.value for condition in step.conditions],
        "stale_after": step.stale_after,
    }


def _prepare(form: StepForm, protocol: Protocol, name: str) -> None:
    days = [(anchor.value, str(words)) for anchor, words in ANCHORS.items()]
    mails = [
        (OF_A_STEP + step.name, f"“{step_name(step)}”")
        for step in protocol.steps
        if step.name != name
    ]
    form.anchor.choices = [one for one in days if one[0] != Anchor.step.value] + mails
    form.unit.choices = [(unit.value, str(words)) for unit, words in UNITS.items()]
    form.weekdays.choices = [(str(day), str(words)) for day, words in enumerate(WEEKDAYS)]
    form.only_if.choices = [(one.value, str(words)) for one, words in CONDITIONS.items()]
