"""The testimonial by two links: the mailed one, `/t/`, writes it; the private one, `/q/`, shows it.

Mails are forwarded, so the mailed link never shows what was written; it can only withdraw it.
"""

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import joinedload
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.wrappers import Response

from forms.testimonials import TestimonialForm
from service import clock, current
from service.errors import Conflict, Gone
from service.extensions import csrf, db
from service.models import Departure, Invitation, InvitationKind, Testimonial
from service.testimonials import actions, queries
from service.testimonials.actions import PERMISSIONS, Submission
from service.tokens import Purpose
from service.web import limits
from service.web.compression import compress
from service.web.language import select_language, speak

blueprint = Blueprint("testimonial", __name__)
csrf.exempt(blueprint)
blueprint.after_request(compress)


def invitation_of(token: str) -> Invitation:
    """Return the invitation of a mailed link and select its contact's language; else 404."""
    public_id = current.read_token(Purpose.testimonial, token)
    people = joinedload(Invitation.departure).options(
        joinedload(Departure.contact), joinedload(Departure.responsible)
    )
    invitation = db.session.scalar(
        select(Invitation)
        .where(Invitation.public_id == public_id, Invitation.kind == InvitationKind.testimonial)
        .options(people)
    )
    if public_id is None or invitation is None:
        abort(404)
    speak(invitation.departure.contact.language)
    return invitation


def testimonial_of(token: str) -> Testimonial:
    """Return the testimonial of a private link and select its contact's language; else 404."""
    public_id = current.read_token(Purpose.quote, token)
    people = joinedload(Testimonial.departure).joinedload(Departure.contact)
    testimonial = db.session.scalar(
        select(Testimonial).where(Testimonial.public_id == public_id).options(people)
    )
    if public_id is None or testimonial is None:
        abort(404)
    speak(testimonial.departure.contact.language)
    return testimonial


def submission_of(form: TestimonialForm) -> Submission:
    """Return the submission of a valid form."""
    return Submission(
        quote=form.quote.data or "",
        display_name=form.display_name.data or "",
        display_role=form.display_role.data or "",
        display_company=form.display_company.data or "",
        permissions={purpose: bool(form[purpose].data) for purpose in PERMISSIONS},
        wordings={purpose: form.wordings[purpose] for purpose in PERMISSIONS},
        language=select_language(),
    )


def to_private_page(testimonial: Testimonial, said: str) -> Response:
    """Redirect to the private link, which stays in this browser."""
    token = current.sign(Purpose.quote, testimonial.public_id)
    return redirect(url_for(".own", token=token, said=said), 303)


def page(
    name: str, form: TestimonialForm, invitation: Invitation, status: int = 200, **more: object
) -> tuple[str, int]:
    """Return a page of the mailed link."""
    found = render_template(
        f"public/testimonials/{name}.html",
        form=form,
        responsible=invitation.departure.responsible,
        **more,
    )
    return found, status


@blueprint.get("/t/<token>")
def show(token: str) -> tuple[str, int]:
    """Show the form, or that a testimonial was sent already; changes nothing."""
    invitation = invitation_of(token)
    found = queries.of_invitation(invitation)
    if found is not None:
        return page("received", TestimonialForm(), invitation, testimonial=found, token=token)
    if not invitation.is_open(clock.now()):
        return page("closed", TestimonialForm(), invitation, 410)
    return page("write", TestimonialForm(), invitation)


@blueprint.post("/t/<token>")
@limits.sends
def submit(token: str) -> tuple[str, int] | Response:
    """Send the testimonial, or show how it will look."""
    invitation = invitation_of(token)
    form = TestimonialForm(request.form)
    if not form.validate():
        return page("write", form, invitation, 422)
    if request.form.get("action") == "preview":
        return page("write", form, invitation, preview=submission_of(form))
    try:
        testimonial = actions.submit(invitation, submission_of(form))
    except Gone:
        return page("closed", form, invitation, 410)
    except Conflict:
        found = queries.of_invitation(invitation)
        if found is not None and found.quote == form.quote.data:
            return to_private_page(found, "sent")
        return page("received", form, invitation, 409, testimonial=found, token=token)
    db.session.commit()
    return to_private_page(testimonial, "sent")


@blueprint.post("/t/<token>/link")
@limits.mails
def mail_link(token: str) -> tuple[str, int]:
    """Mail the contact a new private link."""
    invitation = invitation_of(token)
    found = queries.of_invitation(invitation) or abort(404)
    actions.mail_link(found)
    db.session.commit()
    return page("link_sent", TestimonialForm(), invitation)


@blueprint.post("/t/<token>/withdraw")
@limits.sends
def withdraw(token: str) -> tuple[str, int]:
    """Withdraw the testimonial from every page and file at once."""
    invitation = invitation_of(token)
    found = queries.of_invitation(invitation) or abort(404)
    actions.withdraw(found, _("Withdraw my testimonial"))
    db.session.commit()
    return page("received", TestimonialForm(), invitation, testimonial=found, token=token)


@blueprint.get("/q/<token>")
def own(token: str, form: TestimonialForm | None = None, status: int = 200) -> tuple[str, int]:
    """Show the contact the testimonial and its state; changes nothing."""
    testimonial = testimonial_of(token)
    found = render_template(
        "public/testimonials/own.html",
        form=form or TestimonialForm(obj=testimonial),
        testimonial=testimonial,
        token=token,
        said=request.args.get("said"),
        was_changed_elsewhere=status == 409,
        has_no_shorter=status == 410,
        is_form_open=form is not None or testimonial.is_withdrawn,
    )
    return found, status


@blueprint.post("/q/<token>")
@limits.sends
def change(token: str) -> tuple[str, int] | Response:
    """Keep new words or permissions."""
    testimonial = testimonial_of(token)
    form = TestimonialForm(request.form)
    if not form.validate():
        return own(token, form, 422)
    try:
        actions.change(testimonial, submission_of(form))
        db.session.commit()
    except StaleDataError:  # changed by another request meanwhile
        db.session.rollback()
        return own(token, form, 409)
    return redirect(url_for(".own", token=token, said="changed"), 303)


@blueprint.post("/q/<token>/withdraw")
@limits.sends
def withdraw_own(token: str) -> Response:
    """Withdraw the testimonial from every page and file at once."""
    testimonial = testimonial_of(token)
    actions.withdraw(testimonial, _("Withdraw my testimonial"))
    db.session.commit()
    return redirect(url_for(".own", token=token, said="withdrawn"), 303)


@blueprint.post("/q/<token>/edit")
@limits.sends
def confirm_edit(token: str) -> tuple[str, int] | Response:
    """Record the contact's answer to the shorter version."""
    testimonial = testimonial_of(token)
    try:
        actions.confirm_edit(testimonial, request.form.get("answer") == "yes")
    except Gone:
        return own(token, status=410)
    db.session.commit()
    return redirect(url_for(".own", token=token, said="decided"), 303)
