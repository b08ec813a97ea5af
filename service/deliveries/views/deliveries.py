"""Mails and what became of them, and what a person decides about each."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response

from service.clock import now
from service.config import Rate
from service.current import settings
from service.deliveries.actions import deliveries as actions
from service.deliveries.queries import deliveries, stories
from service.deliveries.queries.deliveries import COUNTED, LISTS, TABS, Query
from service.extensions import db
from service.mail.delivery import health
from service.models import (
    OPEN_STATES,
    MailKind,
    MailState,
    OutboxMessage,
    Role,
    TeamMember,
)
from service.protocols.actions import held
from service.protocols.queries import reasons
from service.web.access import current_member, requires, way_back
from service.web.acts import do
from service.web.lists import searched
from service.web.theme import current_company

blueprint = Blueprint("deliveries", __name__, url_prefix="/deliveries")

YEARS = (2000, 2200)  # a day outside of them is a slip of the keyboard
LONGEST = 24 * 366  # hours


@dataclass(frozen=True, slots=True)
class Shown:
    """One mail of the list, as the page shows it."""

    mail: OutboxMessage
    at: datetime | None  # when it is due, if `is_open`; else when what the tab is about happened
    is_open: bool
    tries: int  # shown unless 0
    note: str  # why it did not go
    quoted: str  # the server's answer, when there is no note
    doubt: str  # what it means that it is uncertain, or held, if it is
    question: str
    because: list[str]


@blueprint.get("")
@requires(Role.viewer)
def index() -> str:
    """Show the health of the mail, and the list that the address asks for."""
    query = _query()
    found = deliveries.page(query)
    known = reasons.known_of(found.mails.lines)
    return render_template(
        "provider/deliveries/index.html",
        query=query,
        health=health.check(query.moment),
        found=found,
        shown_mails=[_shown(mail, query, known) for mail in found.mails.lines],
        counts=deliveries.counts(query),
        counted=COUNTED,
        tabs=TABS,
        kinds=list(MailKind),
        limits=_limits(),
        many=health.COUNTED,
    )


def _shown(mail: OutboxMessage, query: Query, known: reasons.Known) -> Shown:
    is_open, is_sent = mail.state in OPEN_STATES, mail.state is MailState.sent
    moment = mail.due_at if is_open else mail.ended_at or mail.due_at
    return Shown(
        mail,
        at=mail.outcome_at if query.kept.tab == "back" else moment,
        is_open=is_open and query.kept.tab != "back",
        tries=0 if is_sent and mail.attempts == 1 else mail.attempts,
        note=reasons.why_in_short(mail),
        quoted=mail.outcome_words or ("" if is_sent else reasons.server_said(mail)),
        doubt=_doubt(mail),
        question=reasons.question(mail),
        because=reasons.why(mail, known),
    )


def _doubt(mail: OutboxMessage) -> str:
    if mail.is_held:
        return reasons.held_until(mail)
    return reasons.in_doubt() if mail.is_uncertain else ""


@blueprint.get("/<public_id>")
@requires(Role.viewer)
def show(public_id: str) -> str:
    """Show what happened to one mail, and why."""
    mail, server = _the_mail(public_id), health.server(now())
    return render_template(
        "provider/deliveries/show.html",
        mail=mail,
        items=stories.story(mail, now()),
        question=reasons.question(mail),
        because=reasons.why(mail, reasons.known_of([mail])),
        unreachable=server if mail.state is MailState.queued and server.is_failing else None,
    )


@blueprint.post("/<public_id>/again")
@requires(Role.member)
def send_again(public_id: str) -> Response:
    """Send a mail once more."""
    return _do(public_id, actions.send_again, _("It is on its way again."))


@blueprint.post("/<public_id>/after-all")
@requires(Role.member)
def send_after_all(public_id: str) -> Response:
    """Send a mail that was cancelled."""
    return _do(public_id, actions.send_after_all, _("It goes after all."))


@blueprint.post("/again")
@requires(Role.member)
def send_all_again() -> Response:
    """Send all mails of the list that failed once more."""
    count = actions.send_all_again(deliveries.failed(_query()), current_member())
    db.session.commit()
    flash(ngettext("%(num)s mail goes once more.", "%(num)s mails go once more.", count), "success")
    return redirect(url_for(".index"), 303)


@blueprint.post("/<public_id>/cancel")
@requires(Role.member)
def cancel(public_id: str) -> Response:
    """Cancel a mail that waits."""
    return _do(public_id, actions.cancel, _("It will not go. You can still send it after all."))


@blueprint.post("/<public_id>/release")
@requires(Role.member)
def release(public_id: str) -> Response:
    """Let a held mail go on its day, or in the next hours in which mails go."""
    return _do(public_id, held.release, _("It is not held any more: it goes when it is its time."))


@blueprint.post("/<public_id>/now")
@requires(Role.member)
def send_held(public_id: str) -> Response:
    """Send a held mail at once."""
    return _do(public_id, held.send_now, _("It is on its way."))


@blueprint.post("/<public_id>/drop")
@requires(Role.member)
def drop(public_id: str) -> Response:
    """Leave a held mail out."""
    return _do(public_id, held.drop, _("Skipped. You can put it back as long as you like."))


@blueprint.post("/<public_id>/arrived")
@requires(Role.member)
def arrived(public_id: str) -> Response:
    """Record that an uncertain mail arrived."""
    return _do(public_id, actions.say_it_arrived, _("Noted: it arrived."))


@blueprint.post("/<public_id>/give-up")
@requires(Role.member)
def give_up(public_id: str) -> Response:
    """Leave a mail that failed as it is."""
    return _do(public_id, actions.give_up, _("It stays unsent."))


def _query() -> Query:
    """Return what the address asks for; parameters that cannot be read are ignored."""
    asked = request.args
    kind, state = asked.get("kind", ""), asked.get("state", "troubled")
    hours = asked.get("hours", 0, type=int)
    return Query(
        moment=now(),
        zone=current_company().time_zone,
        state=state if state in LISTS else "troubled",
        kind=MailKind(kind) if kind in list(MailKind) else None,
        q=searched(),
        since=asked.get("since", type=_day),
        until=asked.get("until", type=_day),
        hours=hours if 0 < hours <= LONGEST else None,
        sort=asked.get("sort", ""),
        page=asked.get("page", 1, type=int),
    )


def _day(text: str) -> date:
    """Return the day; raises ValueError on one that nobody can mean."""
    day = date.fromisoformat(text)
    if not YEARS[0] <= day.year < YEARS[1]:
        raise ValueError(text)
    return day


def _limits() -> list[tuple[str, str]]:
    """Return the settings that hold mails back, each with what it means."""
    limits = []
    if (rate := settings().mail_rate) is not None:
        limits.append(("MAIL_RATE", _in_words(rate)))
    if (rate := settings().mail_domain_rate) is not None:
        limits.append(("MAIL_DOMAIN_RATE", " ".join([_in_words(rate), _("to each domain")])))
    return limits


def _in_words(rate: Rate) -> str:
    sentences = {
        1: ngettext("%(num)s mail a second", "%(num)s mails a second", rate.mails),
        60: ngettext("%(num)s mail a minute", "%(num)s mails a minute", rate.mails),
        3600: ngettext("%(num)s mail an hour", "%(num)s mails an hour", rate.mails),
    }
    return str(sentences[rate.seconds])


def _the_mail(public_id: str) -> OutboxMessage:
    return deliveries.find(public_id) or abort(404)


def _do(public_id: str, act: Callable[[OutboxMessage, TeamMember], None], done: str) -> Response:
    mail = _the_mail(public_id)
    there = _where_from(mail)
    do(lambda: act(mail, current_member()), done)
    return redirect(there, 303)


def _where_from(mail: OutboxMessage) -> str:
    """Return the page to go back to: the one where the button was pressed."""
    origin = request.form.get("from", "")
    if origin == "departure" and mail.departure is not None:
        return url_for("departures.show", public_id=mail.departure.public_id) + "#timeline"
    return way_back(origin) if origin.startswith("/deliveries") else url_for("deliveries.index")
