"""Recoveries: the open ones, the oldest first; note the apology, close one with what came of it."""

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from forms.recoveries import ApologyForm, ClosingForm
from service import responsibles
from service.clock import today
from service.departures.actions import recoveries as actions
from service.departures.actions.recoveries import Apology
from service.departures.queries import recoveries
from service.departures.rules import APOLOGY_WAYS, with_buts
from service.extensions import db
from service.labels import channel_name
from service.models import Channel, Recovery, Role, TeamMember
from service.team.queries import people_choices
from service.web.access import current_member, requires
from service.web.acts import do
from service.web.theme import current_company

blueprint = Blueprint("recoveries", __name__, url_prefix="/recoveries")

Page = str | tuple[str, int] | Response


@blueprint.get("")
@requires(Role.viewer)
def index() -> str:
    """List what went wrong: open, or with ?state=closed what was closed."""
    state = "closed" if request.args.get("state") == "closed" else "open"
    found = recoveries.page(state, request.args.get("page", 1, type=int))
    return render_template("provider/departures/recoveries/index.html", found=found, state=state)


@blueprint.get("/<public_id>")
@requires(Role.viewer)
def show(public_id: str) -> str:
    """Show what went wrong in a departure, how to apologise, and while it is open its forms."""
    return _page(the_recovery(public_id))


@blueprint.post("/<public_id>")
@requires(Role.member)
def close(public_id: str) -> Page:
    """Close it."""
    recovery = the_recovery(public_id)
    form = ClosingForm()
    if not form.validate():
        return _page(recovery, closing=form), 422
    is_resolved = form.is_resolved.data == "yes"
    note, me = form.note.data or "", current_member()
    said = _("Closed. The farewell mails of this client go on.")
    if not do(lambda: actions.close(recovery, is_resolved=is_resolved, note=note, by=me), said):
        return _page(the_recovery(public_id), closing=form), 409
    return redirect(url_for("departures.show", public_id=public_id), 303)


@blueprint.post("/<public_id>/apology")
@requires(Role.member)
def apologise(public_id: str) -> Page:
    """Note how the apology was made, or correct it."""
    recovery = the_recovery(public_id)
    form = _apology_form(recovery)
    if not form.validate():
        return _page(recovery, apology=form), 422
    way = Channel(form.way.data)
    apology = Apology(
        form.day.data,
        int(form.by.data),
        way,
        form.why.data or "" if way is Channel.phone else "",
        form.words.data or "",
    )
    was, me = form.was.data or "", current_member()
    said = _("The apology is noted.")
    if not do(lambda: actions.apologise(recovery, apology, was=was, by=me), said):
        recovery = the_recovery(public_id)
        form.was.data = ""  # look, then save again: over what is noted now
        return _page(recovery, apology=form), 409
    return redirect(url_for(".show", public_id=public_id), 303)


@blueprint.post("/<public_id>/apology/remove")
@requires(Role.member)
def remove_apology(public_id: str) -> Response:
    """Take out an apology that has not been made."""
    recovery, me = the_recovery(public_id), current_member()
    was = request.form.get("was", "")
    said = _("It is taken out: no apology is noted.")
    do(lambda: actions.apologise(recovery, Apology(), was=was, by=me), said)
    return redirect(url_for(".show", public_id=public_id), 303)


@blueprint.post("/<public_id>/reopen")
@requires(Role.member)
def reopen(public_id: str) -> Response:
    """Take the closing back."""
    actions.reopen(the_recovery(public_id), current_member())
    db.session.commit()
    flash(
        _("It is open again. Meanwhile no testimonial request and no closing letter goes."),
        "success",
    )
    return redirect(url_for(".show", public_id=public_id), 303)


def the_recovery(public_id: str) -> Recovery:
    """Return the recovery of the departure with that public id, or 404."""
    return recoveries.find(public_id) or abort(404)


@blueprint.app_template_filter("channel_named")
def channel_named(channel: Channel) -> str:
    """Return how somebody talks, such as "In person"."""
    return channel_name(channel)


def _apology_form(recovery: Recovery) -> ApologyForm:
    """Return the form with what is noted, or with who answers for the client and today."""
    day, answers = today(current_company().time_zone), _who_answers(recovery)
    form = ApologyForm(
        data={
            "way": recovery.apology_way.value if recovery.apology_way else None,
            "why": recovery.apology_why,
            "by": str(recovery.apologised_by_id or (answers or current_member()).id),
            "day": recovery.apologised_on or day,
            "words": recovery.apology_note,
            "was": actions.seen(recovery),
        }
    )
    form.way.choices = [(way.value, channel_name(way)) for way in APOLOGY_WAYS]
    form.by.choices = people_choices(recovery.apologised_by or answers)[1:]
    form.today = day
    return form


def _who_answers(recovery: Recovery) -> TeamMember | None:
    departure = recovery.departure
    return responsibles.load().of(departure.responsible_id, departure.client.responsible_id)


def _page(
    recovery: Recovery, *, closing: ClosingForm | None = None, apology: ApologyForm | None = None
) -> str:
    was = apology.was.data if apology else ""
    noted = with_buts(recovery.apology_note)
    return render_template(
        "provider/departures/recoveries/show.html",
        recovery=recovery,
        form=closing or ClosingForm(formdata=None),
        apology_form=apology or _apology_form(recovery),
        form_is_open=apology is not None or (recovery.is_open and recovery.apology_way is None),
        answers=_who_answers(recovery),
        was=was or actions.seen(recovery),
        noted=noted,
        has_but=any(is_but for _words, is_but in noted),
        answer=recoveries.answer_of(recovery),
    )
