"""The pages of moderation: read testimonials, approve, reject, propose a shorter version."""

from collections.abc import Callable

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import joinedload
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.wrappers import Response

from forms.testimonials import ShorteningForm
from service.errors import Refused
from service.extensions import db
from service.models import Departure, Role, Testimonial, TestimonialState
from service.testimonials import actions, queries
from service.testimonials.rules import left_out
from service.web.access import current_member, requires

blueprint = Blueprint("testimonials", __name__, url_prefix="/testimonials")


def _find(public_id: str) -> Testimonial:
    """Return the testimonial with its departure, client and contact, or 404."""
    people = joinedload(Testimonial.departure).options(
        joinedload(Departure.client), joinedload(Departure.contact)
    )
    query = select(Testimonial).where(Testimonial.public_id == public_id).options(people)
    return db.session.scalar(query) or abort(404)


@blueprint.get("")
@requires(Role.viewer)
def index() -> str:
    """Show a page of the testimonials, of a state, searched and sorted."""
    asked = request.args.get("state")
    state = TestimonialState(asked) if asked in queries.STATES else None
    counts = queries.counts()
    words, sort = request.args.get("q", ""), request.args.get("sort", "-submitted")
    return render_template(
        "provider/testimonials/index.html",
        found=queries.find(state, words, sort, request.args.get("page", 1, int)),
        counts=counts,
        count=sum(counts.values()),
        state=state,
        q=words,
        sort=sort,
    )


@blueprint.get("/<public_id>")
@requires(Role.viewer)
def show(public_id: str) -> str:
    """Show a testimonial with the contact's permissions."""
    testimonial = _find(public_id)
    return _page(testimonial, ShorteningForm(edited_quote=testimonial.edited_quote))


def _page(testimonial: Testimonial, form: ShorteningForm) -> str:
    if not form.edited_quote.data:
        form.edited_quote.data = testimonial.quote
    return render_template(
        "provider/testimonials/show.html",
        testimonial=testimonial,
        form=form,
        pieces=left_out(testimonial.quote, testimonial.edited_quote),
    )


def _decide(public_id: str, action: Callable[[Testimonial], None], message: str) -> Response:
    testimonial = _find(public_id)
    try:
        action(testimonial)
        db.session.commit()
    except Refused as refused:
        db.session.rollback()
        flash(str(refused), "error")
    except StaleDataError:
        db.session.rollback()
        flash(_("Somebody changed this testimonial a moment ago. Look at it again."), "error")
    else:
        flash(message, "success")
    return redirect(url_for(".show", public_id=public_id), 303)


@blueprint.post("/<public_id>/approve")
@requires(Role.member)
def approve(public_id: str) -> Response:
    """Approve a testimonial."""
    member = current_member()
    return _decide(public_id, lambda t: actions.approve(t, member), _("Approved."))


@blueprint.post("/<public_id>/reject")
@requires(Role.member)
def reject(public_id: str) -> Response:
    """Reject a testimonial."""
    member = current_member()
    return _decide(public_id, lambda t: actions.reject(t, member), _("It is not shown."))


@blueprint.post("/<public_id>/reopen")
@requires(Role.member)
def reopen(public_id: str) -> Response:
    """Undo an approval or a rejection."""
    return _decide(public_id, actions.reopen, _("Undone. It waits for a decision again."))


@blueprint.post("/<public_id>/shorten")
@requires(Role.member)
def shorten(public_id: str) -> Response | tuple[str, int]:
    """Propose a shorter version to the contact."""
    testimonial = _find(public_id)
    form = ShorteningForm(request.form)
    if not form.validate():
        return _page(testimonial, form), 422
    try:
        actions.shorten(testimonial, form.edited_quote.data or "", current_member())
    except Refused as refused:
        form.edited_quote.errors = [str(refused)]
        return _page(testimonial, form), 422
    db.session.commit()
    flash(_("Sent to the contact. Their own words stand until they say yes."), "success")
    return redirect(url_for(".show", public_id=public_id), 303)
