"""The first page: what the team member has to do, with one action each."""

from dataclasses import dataclass, replace
from datetime import datetime

from flask import Blueprint, render_template, url_for
from flask_babel import gettext as _

from service.clients.actions import samples
from service.clock import now
from service.clock import today as today_in
from service.departures.rules import standing
from service.models import Contact, Role
from service.today.queries.today import Kind, Task, Today, today
from service.web.access import current_member, requires
from service.web.theme import current_company

blueprint = Blueprint("today", __name__)


@dataclass(frozen=True, slots=True)
class Step:
    """One of the first steps of a new install; `is_next` is the first that is not done."""

    title: str
    why: str
    url: str
    action: str
    is_done: bool
    is_next: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One task as the page shows it: a sentence about its client, and one button."""

    task: Task
    sentence: str
    action: str
    url: str
    is_late: bool
    is_to_come: bool
    contact: Contact | None = None  # whom to apologise to, while nobody did
    standing: str = ""  # of the departure, where its stage does not say all


@blueprint.get("/")
@requires(Role.viewer)
def index() -> str:
    """Show what is mine, then what is the team's; the late first."""
    at, me = now(), current_member()
    found = today(at)
    return render_template(
        "provider/today/index.html",
        found=found,
        mine=[row(task, at) for task in found.tasks if task.is_of(me.id)],
        others=[row(task, at) for task in found.tasks if not task.is_of(me.id)],
        steps=first_steps(found),
        has_samples=samples.are_there(),
    )


def row(task: Task, at: datetime) -> Row:
    """Return a task as the page shows it at `at`."""
    action, url = action_of(task)
    found = Row(task, sentence_of(task), action, url, task.is_late(at), task.at > at)
    departure = task.departure
    if departure is None:
        return found
    recovery = departure.recovery
    is_owed = recovery is not None and recovery.is_open and recovery.apology_way is None
    return replace(
        found,
        contact=departure.contact if is_owed else None,
        standing=standing(departure, today_in(current_company().time_zone)),
    )


def sentence_of(task: Task) -> str:
    """Return what there is to do, as a sentence about its client."""
    if task.kind is Kind.recovery:
        return _sentence_of_recovery(task)
    if task.kind is Kind.reply and not task.is_paused:
        return str(_("replied: read what %(name)s says", name=task.contact))
    sentences = {
        Kind.call: _("is to talk with you: %(name)s", name=task.contact),
        Kind.talk: _("would like to talk: %(name)s waits for you", name=task.contact),
        Kind.reply: _(
            "replied, and the mails wait for you: read what %(name)s says", name=task.contact
        ),
        Kind.closing: _("has left: close the departure"),
        Kind.testimonial: _("wrote a testimonial: read it"),
        Kind.end_date: _("leaves, and nobody wrote down when"),
    }
    return str(sentences[task.kind])


def _sentence_of_recovery(task: Task) -> str:
    """Return what comes next: the apology, or once it is made what was promised in it."""
    recovery = task.departure.recovery if task.departure else None
    if recovery is not None and recovery.apology_way is not None:
        if recovery.apologised_by is None:
            return str(_("has had an apology: put it right, then close it"))
        name = recovery.apologised_by.name
        return str(_("has had an apology by %(name)s: put it right, then close it", name=name))
    if task.score is not None:
        return str(
            _("gave a %(score)s: apologise face to face, find out what failed", score=task.score)
        )
    return str(_("was let down: apologise face to face, find out what failed"))


def action_of(task: Task) -> tuple[str, str]:
    """Return the label of the button of `task`, and where it leads."""
    actions = {
        Kind.call: (_("See what about"), "talk_requests.show"),
        Kind.talk: (_("Answer them"), "talk_requests.show"),
        Kind.reply: (_("Read the reply"), "inbound_mails.show"),
        Kind.recovery: (_("Put it right"), "recoveries.show"),
        Kind.closing: (_("See the departure"), "departures.show"),
        Kind.testimonial: (_("Read it"), "testimonials.show"),
        Kind.end_date: (_("Add the end date"), "departures.edit"),
    }
    if task.kind is Kind.end_date and not current_member().role.covers(Role.member):
        return str(_("See the departure")), url_for("departures.show", public_id=task.public_id)
    words, endpoint = actions[task.kind]
    return str(words), url_for(endpoint, public_id=task.public_id)


def first_steps(found: Today) -> list[Step]:
    """Return the steps that lead to the first farewell; none once a departure is there."""
    if found.has_departures and current_company().is_set_up:
        return []
    steps = [
        Step(
            _("Say who you are"),
            _("Your name, colour and signature stand in every mail."),
            url_for("settings.index"),
            _("Open the settings"),
            current_company().is_set_up,
        ),
        Step(
            _("Bring your client list"),
            _("From Excel or CSV, as it is. You see every row before anything is kept."),
            url_for("imports.index"),
            _("Import clients"),
            found.has_clients,
        ),
        Step(
            _("Record the first departure"),
            _("The farewell begins the next day: a thank-you, then a short survey."),
            url_for("departures.new"),
            _("Record a departure"),
            found.has_departures,
        ),
    ]
    following = next((step for step in steps if not step.is_done), None)
    return [replace(step, is_next=step is following) for step in steps]
