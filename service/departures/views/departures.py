"""Departures: list, record, read, change, move on, take back."""

from datetime import date

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from forms.departures import EditForm, RecordForm
from forms.talk_requests import EndForm
from forms.texts import tidied
from service import responsibles
from service.clients import queries as clients
from service.clock import now, today
from service.departures.actions import acts, returns
from service.departures.actions import departures as actions
from service.departures.queries import acts as done
from service.departures.queries import departures, talk_requests, timeline
from service.departures.rules import OpenThing, mail_controls, open_things, stages_for, standing
from service.departures.views import forms, panels
from service.departures.views.talk_requests import plan_form_of
from service.errors import Conflict, Refused
from service.extensions import db
from service.labels import label
from service.mail.policy.legal_basis import widest
from service.models import Departure, Role, Stage
from service.protocols.queries import protocols, situations
from service.web.access import current_member, requires
from service.web.acts import do
from service.web.lists import searched
from service.web.names import reason_choices
from service.web.theme import current_company

blueprint = Blueprint("departures", __name__, url_prefix="/departures")

Page = str | tuple[str, int] | Response


@blueprint.get("")
@requires(Role.viewer)
def index() -> str:
    """List departures; the query string holds the filters."""
    query = _query()
    return render_template(
        "provider/departures/index.html",
        query=query,
        found=departures.page(query),
        services=clients.services(),
        reasons=reason_choices(),
        imports=done.imports(),
    )


@blueprint.get("/new")
@requires(Role.member)
def new() -> str:
    """Show the form for a new departure; ?client=… fills in what is known of a client."""
    known = clients.find(request.args.get("client", ""))
    return _record_page(forms.record_form(known))


@blueprint.post("/new")
@requires(Role.member)
def record() -> Page:
    """Show which mails will be sent, and record the departure once that was seen."""
    form = forms.record_form()
    if not form.validate():
        return _record_page(form), 422
    if panels.wants_form():
        return _record_page(form)
    facts, made = forms.facts_from(form), forms.Made(form)
    contact = forms.contact_from(form)
    twin = actions.twin(contact.client, facts)
    if twin is not None:
        db.session.rollback()
        flash(_("This departure is already recorded; here it is."), "warning")
        return _to(twin)
    choice = panels.chosen()

    def record() -> Departure:
        return acts.record(
            contact,
            facts,
            by=current_member(),
            sends_mails=form.sends_mails.data,
            protocol=forms.protocol_from(form),
            made=made.by(contact),
            choice=choice or acts.NOTHING,
        )

    try:
        if choice is None:
            title = _("Record the departure of %(client)s", client=contact.client.name)
            panel = panels.foreseen(record)
            return panels.ask(panel, title, _("Record it"), url_for(".index"), has_form=True)
        departure = record()
    except Refused as refusal:
        db.session.rollback()
        form.end_on.errors = [str(refusal)]
        return _record_page(form), 422
    db.session.commit()
    flash(_what_comes(departure), "success")
    return _to(departure)


@blueprint.get("/<public_id>")
@requires(Role.viewer)
def show(public_id: str) -> str:
    """Show everything about a departure."""
    return _page(the_departure(public_id))


@blueprint.app_template_filter("standing")
def standing_now(departure: Departure) -> str:
    """Return what to add to the stage of a departure today, so that it says what is so."""
    return standing(departure, today(current_company().time_zone))


def _page(departure: Departure, *, wanted: Stage | None = None) -> str:
    """Return the departure's page, with the stage `wanted` chosen, to which it could not move."""
    is_named = departure.responsible is not None and departure.responsible.is_active
    answers = responsibles.load().of(departure.responsible_id, departure.client.responsible_id)
    situation = situations.of(departure)
    talks = talk_requests.of(departure)
    return render_template(
        "provider/departures/show.html",
        departure=departure,
        enrolment=situation.enrolment,
        recovery=situation.recovery,
        controls=mail_controls(situation),
        items=timeline.of(departure),
        protocol=protocols.of(departure),
        protocols=protocols.choices(),
        paused_by=timeline.paused_by(departure),
        answer=departures.answer_of(departure),
        testimonial=departures.testimonial_of(departure),
        can_be_deleted=actions.can_be_deleted(departure),
        at_risk=clients.at_risk_beside(departure.client),
        talks=talks,
        open_talk=next((talk for talk in talks if not talk.is_over), None),
        plan_form=plan_form_of(talks[0]) if talks else None,
        end_form=EndForm(formdata=None),
        came_back=returns.of(departure),
        stages=[one for one in Stage if one is wanted or one in stages_for(departure)],
        stage=wanted or departure.stage,
        to_settle=_to_settle(departure),
        act=done.last_of(departure),
        nothing_before=done.nothing_before(situation),
        touch=widest(departure.contact, current_company(), now()),
        stands_in=None if is_named else answers,
        answers=answers,
    )


@blueprint.get("/<public_id>/edit")
@requires(Role.member)
def edit(public_id: str) -> str:
    """Show the form that changes a departure."""
    departure = the_departure(public_id)
    return _edit_page(departure, forms.edit_form(departure))


@blueprint.post("/<public_id>/edit")
@requires(Role.member)
def change(public_id: str) -> Page:
    """Change it, unless somebody else did meanwhile."""
    departure = the_departure(public_id)
    form = forms.edit_form(departure)
    if not form.validate():
        return _edit_page(departure, form), 422
    values = forms.values_from(form, departure)
    try:
        changed = actions.change(departure, values, by=current_member(), was=form.was.data)
    except Conflict as conflict:
        db.session.rollback()
        flash(str(conflict), "warning")
        form.was.data = form.was.raw_data = None
        return _edit_page(departure, form, is_stale=True), 409
    except Refused as refusal:
        db.session.rollback()
        form.end_on.errors = [str(refusal)]
        return _edit_page(departure, form), 422
    db.session.commit()
    flash(_("Saved.") if changed else _("Nothing was different, so nothing changed."), "success")
    return _to(departure)


@blueprint.post("/<public_id>/stage")
@requires(Role.member)
def move(public_id: str) -> Page:
    """Move it to another stage, once the mails that go then were seen."""
    departure = the_departure(public_id)
    try:
        to, was = Stage(request.form.get("stage", "")), Stage(request.form.get("was", ""))
    except ValueError:
        abort(400)
    if to is Stage.returned and was is not Stage.returned:
        return redirect(
            url_for("returns.new", public_id=public_id), 303
        )  # a form asks what led to it
    choice, here = panels.chosen(), url_for(".show", public_id=public_id)
    if choice is None and to in actions.LINE and to is not was:
        title = _("Move to: %(stage)s", stage=label(to))
        asked = panels.ask_first(lambda: _move(departure, to, was), title, _("Move"), here)
        return asked or (_page(the_departure(public_id), wanted=to), 409)
    is_done = do(lambda: _move(departure, to, was, choice or acts.NOTHING), _moved(to))
    return _to(departure) if is_done else (_page(the_departure(public_id), wanted=to), 409)


@blueprint.post("/<public_id>/delete")
@requires(Role.member)
def delete(public_id: str) -> Response:
    """Delete it, as long as nothing has reached the client."""
    departure = the_departure(public_id)
    name = departure.client.name
    said = _("The departure of %(client)s is gone, as if it never was.", client=name)
    is_gone = do(lambda: actions.remove(departure), said)
    return redirect(url_for(".index"), 303) if is_gone else _to(departure)


def the_departure(public_id: str) -> Departure:
    """Return the departure with its people, or 404."""
    return departures.find(public_id) or abort(404)


def _to(departure: Departure) -> Response:
    return redirect(url_for("departures.show", public_id=departure.public_id), 303)


def _query() -> departures.Query:
    """Read the query string; what cannot be read counts as not given."""
    words = request.args
    return departures.Query(
        q=searched(),
        state=words.get("state", ""),
        service=tidied(words.get("service")) or "",
        since=words.get("since", type=date.fromisoformat),
        until=words.get("until", type=date.fromisoformat),
        answered=words.get("answered", ""),
        score=words.get("score", ""),
        reason=words.get("reason", ""),
        sort=words.get("sort", "-notice_on"),
        page=words.get("page", 1, type=int),
    )


def _to_settle(departure: Departure) -> list[tuple[str, str]]:
    """Return what keeps it from being closed: what to do, and where."""
    ways = {OpenThing.recovery: (_("Put right what went wrong"), "recoveries.show")}
    found = [ways[thing] for thing in open_things(departure)]
    return [(words, url_for(endpoint, public_id=departure.public_id)) for words, endpoint in found]


def _record_page(form: RecordForm) -> str:
    return render_template(
        "provider/departures/new.html",
        form=form,
        client_names=clients.names(),
        services=clients.services(),
    )


def _edit_page(departure: Departure, form: EditForm, *, is_stale: bool = False) -> str:
    return render_template(
        "provider/departures/edit.html",
        form=form,
        departure=departure,
        services=clients.services(),
        was=actions.seen(departure) if is_stale else form.was.data,
    )


def _what_comes(departure: Departure) -> str:
    said = _("Recorded. Below you see which mails go out, and when.")
    if departure.is_history:
        said = _("Recorded as history: it ended long ago, so no mail goes out.")
    elif not any(item.is_going for item in timeline.coming(situations.of(departure))):
        said = _("Recorded. No mail goes out.")
    return str(said)


def _move(
    departure: Departure, to: Stage, was: Stage, choice: acts.Choice = acts.NOTHING
) -> Departure:
    acts.move(departure, to, was=was, by=current_member(), choice=choice)
    return departure


def _moved(to: Stage) -> str:
    said = _("Saved.")
    if to is Stage.retained:
        said = _("They stay. No farewell mail goes out any more.")
    return str(said)
