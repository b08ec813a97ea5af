"""Why we may write to a contact, purpose by purpose; a yes or a no that was given elsewhere."""

from datetime import time

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from forms.consents import ConsentForm
from service.clients import queries as clients
from service.clients.views.clients import the_contact
from service.clock import local_moment, now, today
from service.consent.actions import consents as actions
from service.consent.actions.consents import OfflineAnswer
from service.errors import Refused
from service.extensions import db
from service.labels import (
    CONSENT_CHANNELS,
    basis_label,
    scope_of_suppression,
    source_of_suppression,
    why_not,
)
from service.mail.policy.legal_basis import PURPOSES, Permission, last_day
from service.models import Basis, ConsentPurpose, Contact, Role, SuppressionScope
from service.web.access import current_member, requires
from service.web.theme import current_company

blueprint = Blueprint("consents", __name__, url_prefix="/clients/contacts")

Page = str | tuple[str, int] | Response


@blueprint.app_context_processor
def name_bases() -> dict[str, object]:
    """Give templates the names of bases and purposes, and why a mail may not go."""
    return {
        "basis_label": basis_label,
        "basis_sentence": basis_sentence,
        "purpose_label": purpose_label,
        "why_not": why_not,
    }


def basis_sentence(permission: Permission) -> str:
    """Return why we may write or not; with an `until`, the day is to follow the sentence."""
    if permission.why_not:
        return str(why_not(permission.why_not))
    if permission.basis is Basis.consent:
        return str(_("They said yes to it, until they say no."))
    if permission.basis is Basis.contract:
        return str(_("They are a client."))
    return str(_("As a former client, until they say no, or until:"))


def purpose_label(purpose: ConsentPurpose) -> str:
    """Return what a purpose is called."""
    if purpose is ConsentPurpose.keep_in_touch:
        return str(_("Keep in touch"))
    return str(scope_of_suppression(SuppressionScope(purpose)))


@blueprint.get("/<public_id>/consents")
@requires(Role.viewer)
def show(public_id: str) -> str:
    """Show the legal basis of each purpose, and every yes and no of the contact."""
    return _page(the_contact(public_id), _form())


@blueprint.post("/<public_id>/consents")
@requires(Role.member)
def record(public_id: str) -> Page:
    """Record a yes or a no that was given elsewhere."""
    contact, form = the_contact(public_id), _form()
    if not form.validate():
        return _page(contact, form), 422
    try:
        actions.record(contact, _answer_in(form), by=current_member())
    except Refused as refusal:
        db.session.rollback()
        form.said.errors = [str(refusal)]
        return _page(contact, form), 409
    db.session.commit()
    flash(_("Kept. It stays in the list below as you wrote it."), "success")
    return redirect(url_for(".show", public_id=public_id), 303)


def _form() -> ConsentForm:
    form = ConsentForm(data={"given_on": today(current_company().time_zone)})
    form.purpose.choices = [
        (purpose.value, scope_of_suppression(SuppressionScope(purpose))) for purpose in PURPOSES
    ]
    form.channel.choices = [(code, source_of_suppression(code)) for code in CONSENT_CHANNELS]
    return form


def _answer_in(form: ConsentForm) -> OfflineAnswer:
    """Return the answer in the form, given now if its day is today, or else at noon of it."""
    zone = current_company().time_zone
    day = form.given_on.data or today(zone)
    return OfflineAnswer(
        purpose=ConsentPurpose(form.purpose.data),
        is_granted=form.said.data == "yes",
        channel=form.channel.data,
        given_at=now() if day == today(zone) else local_moment(day, time(12), zone),
        wording=form.wording.data or "",
    )


def _page(contact: Contact, form: ConsentForm) -> str:
    company, moment = current_company(), now()
    consents = clients.consents_of(contact)
    return render_template(
        "provider/consent/consents/show.html",
        contact=contact,
        form=form,
        purposes=clients.purposes_of(contact, consents, company, moment),
        consents=consents,
        last_day=last_day(contact, company),
        today=today(company.time_zone),
    )
