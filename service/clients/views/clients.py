"""Clients: list, read, change; their contacts."""

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from forms.clients import ClientForm, ContactForm
from service.clients import queries as clients
from service.clients.actions import clients as actions
from service.errors import Refused
from service.extensions import db
from service.models import Client, Contact, Role, TeamMember
from service.team.queries import people_choices
from service.web.access import current_member, requires
from service.web.dates import days, months
from service.web.lists import searched
from service.web.names import LANGUAGE_NAMES, time_zones
from service.web.theme import current_company
from service.yearly import parts_of

blueprint = Blueprint("clients", __name__, url_prefix="/clients")

Page = str | tuple[str, int] | Response
STATES = {
    "": _l("All"),
    "staying": _l("With us"),
    "leaving": _l("Leaving or gone"),
    "ending": _l("Ending soon"),
}
TEXTS = ("name", "group", "service", "notes")
FACTS = ("started_on", "monthly_value", "acquisition_cost", "margin")


@blueprint.get("")
@requires(Role.viewer)
def index() -> str:
    """List clients, filtered and sorted as the address says."""
    arguments = request.args
    q, state = searched(), arguments.get("state", "")
    sort = arguments.get("sort", "name")
    return render_template(
        "provider/clients/index.html",
        found=clients.page(q, state, sort, arguments.get("page", 1, type=int)),
        q=q,
        state=state,
        states=STATES,
        is_ending=state == "ending",
        is_narrowed=bool(q or state),
        sort=sort,
    )


@blueprint.get("/<public_id>")
@requires(Role.viewer)
def show(public_id: str) -> str:
    """Show a client with its contacts, its departures, and who else is in its group."""
    client = the_client(public_id)
    return render_template(
        "provider/clients/show.html",
        client=client,
        departures=clients.departures_of(client),
        at_risk=clients.at_risk_beside(client),
        language_names=LANGUAGE_NAMES,
    )


@blueprint.get("/<public_id>/edit")
@requires(Role.member)
def edit(public_id: str) -> str:
    """Show the form to change the client."""
    client = the_client(public_id)
    return _client_page(client, _client_form(client))


@blueprint.post("/<public_id>/edit")
@requires(Role.member)
def change(public_id: str) -> Page:
    """Change the client."""
    client = the_client(public_id)
    form = _client_form(client)
    if not form.validate():
        return _client_page(client, form), 422
    try:
        actions.change(client, _client_values(form))
    except Refused as refusal:
        db.session.rollback()
        form.name.errors = [str(refusal)]
        return _client_page(client, form), 409
    db.session.commit()
    return _saved(client)


@blueprint.get("/<public_id>/contacts/new")
@requires(Role.member)
def new_contact(public_id: str) -> str:
    """Show the form for another contact of the client."""
    client = the_client(public_id)
    return _contact_page(client, _contact_form(None), None)


@blueprint.post("/<public_id>/contacts/new")
@requires(Role.member)
def add_contact(public_id: str) -> Page:
    """Add the contact."""
    client = the_client(public_id)
    form = _contact_form(None)
    if not form.validate():
        return _contact_page(client, form, None), 422
    try:
        source = _("recorded by %(name)s", name=current_member().name)
        actions.add_contact(client, _contact_values(form), source=source)
    except Refused as refusal:
        db.session.rollback()
        form.email.errors = [str(refusal)]
        return _contact_page(client, form, None), 409
    db.session.commit()
    return _saved(client)


@blueprint.get("/contacts/<public_id>")
@requires(Role.member)
def edit_contact(public_id: str) -> str:
    """Show the form to change a contact."""
    contact = the_contact(public_id)
    return _contact_page(contact.client, _contact_form(contact), contact)


@blueprint.post("/contacts/<public_id>")
@requires(Role.member)
def change_contact(public_id: str) -> Page:
    """Change the contact."""
    contact = the_contact(public_id)
    form = _contact_form(contact)
    if not form.validate():
        return _contact_page(contact.client, form, contact), 422
    try:
        actions.change_contact(contact, _contact_values(form))
    except Refused as refusal:
        db.session.rollback()
        form.email.errors = [str(refusal)]
        return _contact_page(contact.client, form, contact), 409
    db.session.commit()
    return _saved(contact.client)


def the_client(public_id: str) -> Client:
    """Return the client with its contacts, or 404."""
    return clients.find(public_id) or abort(404)


def the_contact(public_id: str) -> Contact:
    """Return the contact with its client, or 404."""
    return clients.find_contact(public_id) or abort(404)


def _saved(client: Client) -> Response:
    flash(_("Saved."), "success")
    return redirect(url_for("clients.show", public_id=client.public_id), 303)


def _client_form(client: Client) -> ClientForm:
    data: dict[str, Any] = {name: getattr(client, name) for name in (*TEXTS, *FACTS)}
    form = ClientForm(data={**data, "responsible": str(client.responsible_id or "")})
    form.responsible.choices = people_choices(
        db.session.get(TeamMember, client.responsible_id or 0)
    )
    return form


def _client_values(form: ClientForm) -> dict[str, Any]:
    texts = {name: form[name].data or "" for name in TEXTS}
    responsible = int(form.responsible.data) if form.responsible.data else None
    return {**texts, **{name: form[name].data for name in FACTS}, "responsible_id": responsible}


def _client_page(client: Client, form: ClientForm) -> str:
    return render_template(
        "provider/clients/edit.html",
        client=client,
        form=form,
        groups=clients.groups(),
        services=clients.services(),
    )


def _contact_form(contact: Contact | None) -> ContactForm:
    names = ("name", "email", "language", "phone", "time_zone", "keep_in_touch")
    data = {name: getattr(contact, name) for name in names} if contact else {}
    form = ContactForm(data=data or {"language": current_company().language})
    if contact and contact.birthday and not form.is_submitted():
        form.month.data, form.day.data = map(str, parts_of(contact.birthday))
    form.month.choices, form.day.choices = months(), days()
    form.language.choices = list(LANGUAGE_NAMES.items())
    form.time_zone.zones = time_zones() | {contact.time_zone or "" if contact else ""}
    return form


def _contact_values(form: ContactForm) -> dict[str, Any]:
    texts = {name: form[name].data or "" for name in ("name", "email", "language", "phone")}
    more = {"time_zone": form.time_zone.data or None, "keep_in_touch": form.keep_in_touch.data}
    return {**texts, **more, "birthday": form.day_key}


def _contact_page(client: Client, form: ContactForm, contact: Contact | None) -> str:
    return render_template(
        "provider/clients/contact.html",
        client=client,
        form=form,
        contact=contact,
        zones=sorted(time_zones()),
    )
