"""Protocols: listed, shown as a picture, made, ruled, ordered, deleted and put back."""

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response

from forms.protocols import DeleteForm, NewForm, RulesForm
from service.clients import queries as clients
from service.errors import Conflict, Refused
from service.extensions import db
from service.models import Protocol, Reason, Role
from service.protocols.actions import editing
from service.protocols.actions.editing import Fate
from service.protocols.queries import protocols
from service.protocols.rules import pictures
from service.protocols.rules.descriptions import protocol_name
from service.web.access import current_member, requires
from service.web.names import reason_choices

blueprint = Blueprint("protocols", __name__, url_prefix="/protocols")

Page = str | tuple[str, int] | Response


@blueprint.get("")
@requires(Role.viewer)
def index() -> str:
    """List the protocols in the order of their rules, and those that can be put back."""
    return render_template(
        "provider/protocols/index.html",
        rows=protocols.rows(),
        deleted=protocols.rows(is_deleted=True),
        just_deleted=request.args.get("deleted", ""),
        reasons=dict(reason_choices()),
    )


@blueprint.get("/new")
@requires(Role.member)
def new() -> str:
    """Show the form for a new protocol; ?copy_of=… chooses the one that it begins as."""
    form = _new_form()
    form.copy_of.data = request.args.get("copy_of", form.copy_of.data)
    return render_template("provider/protocols/new.html", form=form)


@blueprint.post("/new")
@requires(Role.member)
def add() -> Page:
    """Add a protocol and show it."""
    form = _new_form()
    if not form.validate():
        return render_template("provider/protocols/new.html", form=form), 422
    source = protocols.find(form.copy_of.data) if form.copy_of.data else None
    made = editing.create(form.name.data or "", source, current_member())
    db.session.commit()
    flash(_("Here it is. Say in its rules when it is used."), "success")
    return redirect(url_for(".show", public_id=made.public_id), 303)


@blueprint.get("/<public_id>")
@requires(Role.viewer)
def show(public_id: str) -> str:
    """Show the steps as a picture and as a table."""
    protocol = the_protocol(public_id)
    lanes = pictures.lanes(protocol.steps)
    return render_template(
        "provider/protocols/show.html",
        protocol=protocol,
        lanes=lanes,
        last_day=pictures.last_day(lanes),
        count=protocols.count_in(protocol),
        reasons=dict(reason_choices()),
        is_as_built_in=editing.built_in_steps(protocol) in (None, protocol.steps),
    )


@blueprint.get("/<public_id>/versions")
@requires(Role.viewer)
def versions(public_id: str) -> str:
    """List the versions: who changed what, and when."""
    protocol = the_protocol(public_id)
    found = protocols.versions(protocol, request.args.get("page", 1, type=int))
    return render_template("provider/protocols/versions.html", protocol=protocol, found=found)


@blueprint.get("/<public_id>/rules")
@requires(Role.member)
def rules(public_id: str) -> str:
    """Show the form for its name and its rules."""
    protocol = the_protocol(public_id)
    return _rules_page(_rules_form(protocol), protocol)


@blueprint.post("/<public_id>/rules")
@requires(Role.member)
def change(public_id: str) -> Page:
    """Save the name and the rules, unless somebody else changed them meanwhile."""
    protocol = the_protocol(public_id)
    form = _rules_form(protocol)
    if not form.validate():
        return _rules_page(form, protocol), 422
    reasons = {Reason(code) for code in form.reasons.data or []}
    name, was = form.name.data or "", form.was.data or ""
    try:
        editing.change(protocol, name, form.lines, reasons, was=was)
    except Conflict as conflict:
        db.session.rollback()
        flash(str(conflict), "warning")
        form.was.data = editing.seen(protocol)
        return _rules_page(form, protocol), 409
    db.session.commit()
    flash(_("Saved. Departures recorded from now on go by it."), "success")
    return redirect(url_for(".show", public_id=public_id), 303)


@blueprint.post("/<public_id>/default")
@requires(Role.member)
def make_default(public_id: str) -> Response:
    """Use it for departures that no rule fits."""
    editing.make_default(the_protocol(public_id))
    db.session.commit()
    flash(_("It is the default now."), "success")
    return redirect(url_for(".index"), 303)


@blueprint.post("/<public_id>/move")
@requires(Role.member)
def move(public_id: str) -> Response:
    """Move it one place up or down in the order of the rules."""
    editing.move(the_protocol(public_id), -1 if request.form.get("to") == "up" else 1)
    db.session.commit()
    return redirect(url_for(".index", _anchor=f"protocol-{public_id}"), 303)


@blueprint.get("/<public_id>/delete")
@requires(Role.member)
def ask_delete(public_id: str) -> str:
    """Show the form that asks what becomes of the departures in it."""
    protocol = the_protocol(public_id)
    return _delete_page(_delete_form(protocol), protocol)


@blueprint.post("/<public_id>/delete")
@requires(Role.member)
def delete(public_id: str) -> Page:
    """Delete it; the list offers to put it back."""
    protocol = the_protocol(public_id)
    form = _delete_form(protocol)
    if not form.validate():
        return _delete_page(form, protocol), 422
    to = protocols.find(form.to.data) if form.to.data else None
    try:
        editing.delete(protocol, Fate(form.fate.data), by=current_member(), to=to)
    except Refused as refusal:
        db.session.rollback()
        form.fate.errors = [str(refusal)]
        return _delete_page(form, protocol), 422
    db.session.commit()
    return redirect(url_for(".index", deleted=public_id), 303)


@blueprint.post("/<public_id>/put-back")
@requires(Role.member)
def put_back(public_id: str) -> Response:
    """Undo a deletion."""
    editing.put_back(protocols.find(public_id) or abort(404))
    db.session.commit()
    flash(_("It is back. Who was moved or stopped meanwhile stays so."), "success")
    return redirect(url_for(".show", public_id=public_id), 303)


def the_protocol(public_id: str) -> Protocol:
    """Return the protocol, or 404 when there is none or it is deleted."""
    protocol = protocols.find(public_id)
    if protocol is None or protocol.deleted_at is not None:
        abort(404)
    return protocol


def _new_form() -> NewForm:
    form = NewForm()
    names = [(one.public_id, protocol_name(one)) for one in protocols.choices()]
    copies = [(code, _("The steps of “%(name)s”", name=name)) for code, name in names]
    form.copy_of.choices = [("", _("No steps yet")), *copies]
    return form


def _rules_form(protocol: Protocol) -> RulesForm:
    form = RulesForm(
        data={
            "name": protocol.name,
            "services": protocol.services,
            "reasons": protocol.reasons.splitlines(),
            "was": editing.seen(protocol),
        }
    )
    form.reasons.choices = reason_choices()
    form.needs_name = protocol.built_in is None
    return form


def _rules_page(form: RulesForm, protocol: Protocol) -> str:
    return render_template(
        "provider/protocols/rules.html",
        form=form,
        protocol=protocol,
        services=clients.services(),
    )


def _delete_form(protocol: Protocol) -> DeleteForm:
    form = DeleteForm()
    form.fate.choices = [
        (Fate.finish.value, _("finish on it: their mails go on as planned")),
        (Fate.move.value, _("go on with another protocol")),
        (Fate.stop.value, _("get no more farewell mails")),
    ]
    form.to.choices = [
        (one.public_id, protocol_name(one)) for one in protocols.choices() if one is not protocol
    ]
    return form


def _delete_page(form: DeleteForm, protocol: Protocol) -> str:
    count = protocols.count_in(protocol)
    in_it = ngettext(
        "One departure gets its mails by it.", "%(num)d departures get their mails by it.", count
    )
    return render_template(
        "provider/protocols/delete.html",
        form=form,
        protocol=protocol,
        count=count,
        in_it=in_it if count else _("No departure gets mails by it."),
    )
