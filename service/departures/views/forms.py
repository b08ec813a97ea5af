"""Between the forms of departures and what actions take: choices, defaults, values."""

from typing import Any

from flask_babel import gettext as _
from wtforms import StringField

from forms.departures import EditForm, FactsForm, RecordForm
from service.clients.actions import clients
from service.clock import today
from service.departures.actions.departures import COLUMNS, Facts, seen
from service.extensions import db
from service.models import Client, Contact, Departure, Protocol, Reason, TeamMember
from service.protocols.queries import protocols
from service.protocols.rules.descriptions import protocol_name
from service.team.queries import people_choices
from service.web.access import current_member
from service.web.names import LANGUAGE_NAMES, reason_choices
from service.web.theme import current_company


def protocol_choices() -> list[tuple[str, str]]:
    """Return the protocols to choose from: first what the rules say, and what that is mostly."""
    found = protocols.choices()
    default = next((protocol_name(one) for one in found if one.is_default), "")
    said = _("By the rules: “%(name)s”", name=default)
    if any(one.services or one.reasons for one in found):
        said = _("By the rules: “%(name)s” when none fits", name=default)
    return [("", said), *((one.public_id, protocol_name(one)) for one in found)]


def protocol_from(form: RecordForm) -> Protocol | None:
    """Return the protocol chosen by hand, None when the rules choose."""
    chosen = (one for one in protocols.choices() if one.public_id == form.protocol.data)
    return next(chosen, None)


def record_form(client: Client | None = None) -> RecordForm:
    """Return the form for a new departure: today's notice, me as its responsible."""
    company = current_company()
    defaults: dict[str, Any] = {
        "notice_on": today(company.time_zone),
        "responsible": str(current_member().id),
        "language": company.language,
    }
    if client is not None:
        defaults |= _of_client(client)
    form = RecordForm(data=defaults)
    _prepare(form)
    form.protocol.choices = protocol_choices()
    form.language.choices = list(LANGUAGE_NAMES.items())
    known_to = db.session.get(TeamMember, client.responsible_id or 0) if client else None
    form.responsible.choices = people_choices(known_to)
    known = clients.find(form.client.data) if form.is_submitted() and form.client.data else None
    form.known = {contact.email_key: contact.name for contact in known.contacts} if known else {}
    return form


def edit_form(departure: Departure) -> EditForm:
    """Return the form for a departure as it is."""
    form = EditForm(
        data={
            **{name: getattr(departure, name) for name in COLUMNS},
            "reasons": [reason.value for reason in departure.reasons],
            "responsible": str(departure.responsible_id or ""),
            "contact": departure.contact.public_id,
            "was": seen(departure),
        }
    )
    _prepare(form)
    form.responsible.choices = people_choices(departure.responsible)
    form.contact.choices = [
        (contact.public_id, f"{contact.name} · {contact.email}")
        for contact in departure.client.contacts
    ]
    return form


class Made:
    """Which client and contact a form adds: what was there before it did is noted first."""

    def __init__(self, form: RecordForm) -> None:
        self.client = clients.find(form.client.data or "")
        self.contacts = {one.id for one in self.client.contacts} if self.client else set()

    def by(self, contact: Contact) -> dict[str, int]:
        """Return the ids of the client and the contact that were not there before."""
        db.session.flush()
        made = {} if self.client else {"client": contact.client_id}
        return made if contact.id in self.contacts else {**made, "contact": contact.id}


def contact_from(form: RecordForm) -> Contact:
    """Return the person who gets the mails; adds client and contact when they are new."""
    client = clients.find_or_add(form.client.data or "", service=form.service.data or "")
    if not form.email.data:
        return client.contacts[0]
    return clients.contact_at(
        client,
        name=form.contact_name.data or form.known[form.email.data.casefold()],
        email=form.email.data,
        language=form.language.data,
        source=_("recorded by %(name)s", name=current_member().name),
    )


def facts_from(form: RecordForm) -> Facts:
    """Return what the form says of the departure."""
    reasons = frozenset(Reason(code) for code in form.reasons.data or [])
    return Facts(**_columns_of(form), responsible=_person(form), reasons=reasons)


def values_from(form: EditForm, departure: Departure) -> dict[str, Any]:
    """Return the changes that the form asks for, as departures.change takes them."""
    contacts = {contact.public_id: contact for contact in departure.client.contacts}
    person = _person(form)
    return {
        "contact_id": contacts[form.contact.data].id,
        **_columns_of(form),
        "responsible_id": person.id if person else None,
        "reasons": {Reason(code) for code in form.reasons.data or []},
    }


def _columns_of(form: FactsForm) -> dict[str, Any]:
    """Return the values of the fields that are columns; a text that is not given is empty."""
    found = ((name, form[name]) for name in COLUMNS)
    return {
        name: (field.data or "") if isinstance(field, StringField) else field.data
        for name, field in found
    }


def _prepare(form: FactsForm) -> None:
    form.reasons.choices = reason_choices()
    form.today = today(current_company().time_zone)


def _person(form: FactsForm) -> TeamMember | None:
    return db.session.get(TeamMember, int(form.responsible.data)) if form.responsible.data else None


def _of_client(client: Client) -> dict[str, Any]:
    """Return what is known of a client and its first contact, to start the form with."""
    known: dict[str, Any] = {
        "client": client.name,
        "service": client.service,
        "monthly_value": client.monthly_value,
        "acquisition_cost": client.acquisition_cost,
        "margin": client.margin,
    }
    if client.responsible_id:
        known["responsible"] = str(client.responsible_id)
    if client.contacts:
        contact = client.contacts[0]
        known |= {
            "contact_name": contact.name,
            "email": contact.email,
            "language": contact.language,
        }
    return known
