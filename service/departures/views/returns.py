"""Who came back and what led to it: listed, recorded, corrected, taken back."""

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import format_date
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from forms.returns import ReturnForm
from service.clients import queries as clients
from service.clock import today
from service.departures.actions import acts
from service.departures.actions import returns as actions
from service.departures.actions.returns import Facts
from service.departures.queries import returns, talk_requests
from service.departures.views import panels
from service.departures.views.departures import the_departure
from service.departures.views.filters import chosen, name_of, periods, rows_of
from service.errors import Conflict
from service.extensions import db
from service.labels import label, reason_of_return
from service.models import Departure, MailKind, OutboxMessage, Return, ReturnReason, Role, Stage
from service.web.access import current_member, requires
from service.web.acts import do
from service.web.theme import current_company

blueprint = Blueprint("returns", __name__)

Page = str | tuple[str, int] | Response


@blueprint.app_template_global()
def return_labels(row: Return) -> dict[str, str]:
    """Return the reason of a return and the mail that led to it, as templates show them."""
    return {
        "reason": reason_of_return(row.reason),
        "mail": label(row.mail_kind) if row.mail_kind else "",
    }


@blueprint.get("/returns")
@requires(Role.viewer)
def index() -> str:
    """List who came back; the period, a reason or a mail stand in the address."""
    form, filters = chosen()
    reason, led = request.args.get("reason", ""), request.args.get("led", "")
    by_reason, by_mail = returns.what_led(filters)
    return render_template(
        "provider/departures/returns/index.html",
        form=form,
        filters=filters,
        periods=periods(),
        found=returns.page(filters, reason, led, request.args.get("page", 1, type=int)),
        rate=returns.rate(filters, today(current_company().time_zone)),
        by_reason=by_reason,
        by_mail=by_mail,
        name_of=name_of,
        here=rows_of(filters),
        narrowed=_narrowed(reason, led),
    )


def _narrowed(reason: str, led: str) -> str:
    """Return the name of the filter in force; empty for none."""
    if reason in list(ReturnReason):
        return reason_of_return(ReturnReason(reason))
    if led in list(MailKind):
        return label(MailKind(led))
    return str(_("none that we know of")) if led == returns.NO_MAIL else ""


@blueprint.get("/departures/<public_id>/return")
@requires(Role.member)
def new(public_id: str) -> Page:
    """Ask when they come back and what led to it."""
    departure = the_departure(public_id)
    return _page(departure, _form(departure))


@blueprint.post("/departures/<public_id>/return")
@requires(Role.member)
def record(public_id: str) -> Page:
    """Mark the client as returned, or correct what is known of the return."""
    departure = the_departure(public_id)
    known, form = actions.of(departure), _form(departure)
    if not form.validate():
        return _page(departure, form), 422
    facts = _facts(form, departure)
    if known is not None:
        actions.change(known, facts, current_member())
        db.session.commit()
        flash(_("Saved."), "success")
        return _to(departure)
    try:
        was = Stage(form.was.data or "")
    except ValueError:
        abort(400)
    me, thanks = current_member(), bool(form.sends_thanks.data)
    said = _("They are back. No farewell mail goes out any more.")
    if thanks and not departure.client.is_sample:
        said = _("They are back. Your thanks go out in ten minutes; until then you can undo it.")
    do(lambda: actions.record(departure, facts, was=was, by=me, sends_thanks=thanks), said)
    return _to(departure)


@blueprint.post("/departures/<public_id>/return/undo")
@requires(Role.member)
def undo(public_id: str) -> Page:
    """Take it back, once the mails that go then were seen: they have not come back after all."""
    departure, choice = the_departure(public_id), panels.chosen()
    row, me = actions.of(departure), current_member()
    to = row.was if row else Stage.closed

    def take_back() -> Departure:
        acts.move(departure, to, was=Stage.returned, by=me)
        return departure

    if choice is None:
        title, here = _("They have not come back"), url_for("departures.show", public_id=public_id)
        asked = panels.ask_first(take_back, title, _("Take it back"), here)
        return asked or _to(departure)
    try:
        is_unsaid = acts.move(departure, to, was=Stage.returned, by=me, choice=choice)
    except Conflict as conflict:
        db.session.rollback()
        flash(str(conflict), "warning")
        return _to(departure)
    db.session.commit()
    if is_unsaid:
        flash(_("Undone: it stands where it stood before."), "success")
    else:
        flash(_("Undone, but the thanks had gone already. A call may be in place."), "warning")
    return _to(departure)


def _to(departure: Departure) -> Response:
    return redirect(url_for("departures.show", public_id=departure.public_id), 303)


def _form(departure: Departure) -> ReturnForm:
    """Return the form, filled with the return or with what the last talk request suggests."""
    known = actions.of(departure)
    form = ReturnForm(data=_known(known) if known else _proposed(departure))
    form.notice_on = departure.notice_on
    form.reason.choices = [(reason.value, reason_of_return(reason)) for reason in ReturnReason]
    form.mail.choices = [("", _("None, or I do not know"))] + [
        (mail.public_id, _mail_name(mail)) for mail in returns.mails_sent(departure)
    ]
    return form


def _known(known: Return) -> dict[str, Any]:
    return {
        "returned_on": known.returned_on,
        "service": known.service,
        "reason": known.reason.value,
        "mail": known.mail.public_id if known.mail else "",
        "note": known.note,
    }


def _proposed(departure: Departure) -> dict[str, Any]:
    talk_request = talk_requests.last_with(departure)
    mail = talk_request.mail if talk_request else None
    return {
        "returned_on": today(current_company().time_zone),
        "service": departure.service,
        "reason": ReturnReason.our_contact.value if mail else None,
        "mail": mail.public_id if mail else "",
        "was": departure.stage.value,
    }


def _mail_name(mail: OutboxMessage) -> str:
    day = format_date(mail.ended_at, "medium") if mail.ended_at else ""
    return f"{label(mail.kind)} · {day}" if day else label(mail.kind)


def _facts(form: ReturnForm, departure: Departure) -> Facts:
    mails = {mail.public_id: mail for mail in returns.mails_sent(departure)}
    return Facts(
        returned_on=form.returned_on.data or today(current_company().time_zone),
        reason=ReturnReason(form.reason.data),
        service=form.service.data or "",
        note=form.note.data or "",
        mail=mails.get(form.mail.data or ""),
    )


def _page(departure: Departure, form: ReturnForm) -> str:
    return render_template(
        "provider/departures/returns/new.html",
        departure=departure,
        form=form,
        known=actions.of(departure),
        services=clients.services(),
    )
