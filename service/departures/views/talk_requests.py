"""Those who would like to talk: listed, planned, held or declined."""

from collections.abc import Callable

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from forms.talk_requests import EndForm, PlanForm
from service.clock import local_moment, now
from service.departures.actions import talk_requests as actions
from service.departures.queries import talk_requests
from service.errors import Conflict, Refused
from service.extensions import db
from service.labels import channel_name, day_part_name, talk_request_state
from service.models import Role, TalkRequest, TalkRequestState
from service.web.access import current_member, requires
from service.web.theme import current_company

blueprint = Blueprint("talk_requests", __name__, url_prefix="/conversations")

Page = str | tuple[str, int] | Response


TONES = {TalkRequestState.open: "wait", TalkRequestState.declined: ""}


@blueprint.app_template_global()
def talk_request_labels(row: TalkRequest) -> dict[str, str]:
    """Return the state of a talk request, its tone, how and when they would like to talk."""
    ours = current_company()
    late_since = ours.business_hours.late_at(row.asked_at, ours.time_zone)
    is_late = row.state is TalkRequestState.open and now() > late_since
    day_part = day_part_name(row.day_part) if row.day_part else ""
    return {
        "state": _("late") if is_late else talk_request_state(row.state),
        "tone": "late" if is_late else TONES.get(row.state, "good"),
        "channel": channel_name(row.channel) if row.channel else "",
        "suits": "\n".join(part for part in (day_part, row.suits) if part),
    }


@blueprint.get("")
@requires(Role.viewer)
def index() -> str:
    """List who waits, or with ?state=over what came of those before."""
    state = "over" if request.args.get("state") == "over" else "open"
    found = talk_requests.page(state, request.args.get("page", 1, type=int))
    return render_template("provider/departures/talk_requests/index.html", found=found, state=state)


@blueprint.get("/<public_id>")
@requires(Role.viewer)
def show(public_id: str) -> str:
    """Show what somebody wants to talk about, and what can be done."""
    return _page(the_talk_request(public_id))


@blueprint.post("/<public_id>/plan")
@requires(Role.member)
def plan(public_id: str) -> Page:
    """Say when they talk."""
    talk_request, form = the_talk_request(public_id), PlanForm()
    if not form.validate():
        return _page(talk_request, plan_form=form), 422
    day, hour = form.day.data, form.hour.data
    if day is None or hour is None:
        abort(400)
    at = local_moment(day, hour, current_company().time_zone)
    try:
        actions.plan(talk_request, at, version=form.seen, by=current_member())
    except Conflict as conflict:
        return _stale(public_id, conflict, plan_form=form)
    except Refused as refusal:
        form.hour.errors = [str(refusal)]
        return _page(talk_request, plan_form=form), 422
    return _done(talk_request, _("It is planned. You see it on the first page that day."))


@blueprint.post("/<public_id>/held")
@requires(Role.member)
def hold(public_id: str) -> Page:
    """Say that they have talked."""
    return _end(public_id, actions.hold, _("Noted. If they come back, say so at their departure."))


@blueprint.post("/<public_id>/decline")
@requires(Role.member)
def decline(public_id: str) -> Page:
    """Say that there will be no talk."""
    return _end(public_id, actions.decline, _("Noted. You can open it again."))


@blueprint.post("/<public_id>/reopen")
@requires(Role.member)
def reopen(public_id: str) -> Page:
    """Take back what was decided."""
    talk_request, form = the_talk_request(public_id), EndForm()
    if not form.validate():
        abort(400)
    try:
        actions.reopen(talk_request, version=form.seen, by=current_member())
    except Conflict as conflict:
        return _stale(public_id, conflict)
    return _done(talk_request, _("It waits for you again."))


def the_talk_request(public_id: str) -> TalkRequest:
    """Return the talk request with its people, or 404."""
    return talk_requests.find(public_id) or abort(404)


def _end(public_id: str, act: Callable[..., None], said: str) -> Page:
    talk_request, form = the_talk_request(public_id), EndForm()
    if not form.validate():
        return _page(talk_request, end_form=form), 422
    try:
        act(talk_request, form.note.data or "", version=form.seen, by=current_member())
    except Conflict as conflict:
        return _stale(public_id, conflict, end_form=form)
    return _done(talk_request, said)


def _done(talk_request: TalkRequest, said: str) -> Response:
    db.session.commit()
    flash(said, "success")
    return redirect(url_for(".show", public_id=talk_request.public_id), 303)


def _stale(
    public_id: str,
    conflict: Conflict,
    plan_form: PlanForm | None = None,
    end_form: EndForm | None = None,
) -> Page:
    """Show it as it is now, with what was typed; the next press decides."""
    db.session.rollback()
    flash(str(conflict), "warning")
    for form in (plan_form, end_form):
        if form is not None:
            form.version.data = form.version.raw_data = None
    return _page(the_talk_request(public_id), plan_form, end_form), 409


def _page(
    talk_request: TalkRequest,
    plan_form: PlanForm | None = None,
    end_form: EndForm | None = None,
) -> str:
    return render_template(
        "provider/departures/talk_requests/show.html",
        talk_request=talk_request,
        plan_form=plan_form or plan_form_of(talk_request),
        end_form=end_form or EndForm(formdata=None),
    )


def plan_form_of(talk_request: TalkRequest) -> PlanForm:
    """Return the form with the planned day and time."""
    local = talk_request.planned_at
    local = local.astimezone(current_company().zone) if local else None
    values = {"day": local.date(), "hour": local.time()} if local else {}
    return PlanForm(formdata=None, data=values)
