"""Mail preferences and unsubscribe, by the link in every mail. The link never expires."""

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy import select
from werkzeug.wrappers import Response

from forms.preferences import PreferencesForm
from service import current
from service.clock import now
from service.consent.actions import preferences
from service.extensions import csrf, db
from service.mail.policy.legal_basis import PURPOSES, Permission, permission
from service.models import Basis, ConsentPurpose, Contact
from service.tokens import Purpose
from service.web import limits
from service.web.compression import compress
from service.web.dates import shortly
from service.web.language import speak

blueprint = Blueprint("preferences", __name__)
csrf.exempt(blueprint)
blueprint.after_request(compress)


def contact_of(token: str, purpose: Purpose) -> Contact:
    """Return the contact that `token` names and switch to their language; 404 for other tokens."""
    public_id = current.read_token(purpose, token)
    contact = db.session.scalar(select(Contact).where(Contact.public_id == public_id))
    if public_id is None or contact is None:
        abort(404)
    speak(contact.language)
    return contact


@blueprint.get("/p/<token>")
def show(token: str) -> str:
    """Show what the contact gets; changes nothing."""
    contact = contact_of(token, Purpose.preferences)
    wanted = preferences.wanted(contact)
    company, moment = current.company(), now()
    permissions = {
        purpose: permission(contact, purpose, company, moment)
        for purpose in wanted
        if wanted[purpose]
    }
    return render_template(
        "public/consent/show.html",
        form=PreferencesForm(data={purpose.value: wanted[purpose] for purpose in wanted}),
        token=token,
        is_unsubscribed=preferences.is_unsubscribed(contact),
        is_stopped_by_others=preferences.is_stopped_by_others(contact),
        saved=request.args.get("saved"),
        reasons={purpose.value: _why_sent(one) for purpose, one in permissions.items()},
        can_go_on=any(one.until for one in permissions.values()),
    )


@blueprint.post("/p/<token>")
@limits.sends
def save(token: str) -> Response:
    """Save what the contact ticked."""
    contact = contact_of(token, Purpose.preferences)
    form = PreferencesForm(request.form)
    if form.unsubscribe_all.data:
        preferences.unsubscribe(contact, str(form.unsubscribe_all.label.text), "preferences page")
    else:
        preferences.save(
            contact,
            {purpose: bool(form[purpose].data) for purpose in PURPOSES},
            {purpose: _wording(form, purpose) for purpose in PURPOSES},
            goes_on=bool(form.go_on.data),
        )
    db.session.commit()
    return redirect(url_for(".show", token=token, saved="yes"), 303)


@blueprint.get("/p/<token>/one-click")
def ask_one_click(token: str) -> str:
    """Show the button; scanners follow links, so this changes nothing."""
    contact = contact_of(token, Purpose.preferences)
    return _one_click_page(token, preferences.is_unsubscribed(contact, _purpose_asked()))


@blueprint.post("/p/<token>/one-click")
@limits.sends
def one_click(token: str) -> str:
    """Unsubscribe at one press, by a mail program or a person (RFC 8058); twice is once."""
    contact = contact_of(token, Purpose.preferences)
    channel = "one-click" if request.form.get("List-Unsubscribe") == "One-Click" else "link"
    preferences.unsubscribe(contact, _("Unsubscribe"), channel, _purpose_asked())
    db.session.commit()
    return _one_click_page(token, is_unsubscribed=True)


def _wording(form: PreferencesForm, purpose: ConsentPurpose) -> str:
    """Return the wording shown beside a box, as the consent keeps it."""
    lines = [form[purpose].label.text]
    if form.go_on.data and form[purpose].data:
        lines.append(form.go_on.label.text)
    return "\n".join(str(line) for line in lines)


def _why_sent(basis: Permission) -> str:
    """Return the sentence on why the contact gets these mails; "" for a client by contract."""
    if basis.basis is Basis.consent and basis.since:
        day = shortly(basis.since)
        return str(_("You get it because you said yes on %(day)s.", day=day))
    if basis.until:
        return str(
            _(
                "You get it because you were our client. It ends by itself on %(day)s if we do not "
                "hear from you.",
                day=shortly(basis.until),
            )
        )
    return ""


def _purpose_asked() -> ConsentPurpose | None:
    """Return the purpose that the link is about; None stands for all unasked mails."""
    asked = request.args.get("purpose")
    return next((purpose for purpose in PURPOSES if purpose == asked), None)


def _one_click_page(token: str, is_unsubscribed: bool) -> str:
    purpose = _purpose_asked()
    return render_template(
        "public/consent/one_click.html",
        token=token,
        is_unsubscribed=is_unsubscribed,
        of=PreferencesForm()[purpose].label.text if purpose else None,
    )
