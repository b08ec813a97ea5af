"""Newsletters: the list, one of them with its issues, when it goes; copied, ended, deleted."""

from datetime import datetime

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from forms.newsletters import FREQUENCIES, NameForm, ScheduleForm
from service.clock import local_moment, now
from service.errors import Conflict, Refused
from service.extensions import db
from service.labels import issue_state, newsletter_state, why_not
from service.models import Newsletter, NewsletterIssue, Role
from service.newsletters.actions import issues
from service.newsletters.actions import newsletters as actions
from service.newsletters.queries import audiences, newsletters
from service.newsletters.rules import Frequency, frequency_of, rule_of, upcoming
from service.web.access import current_member, requires
from service.web.acts import do
from service.web.lists import searched
from service.web.names import LANGUAGE_NAMES
from service.web.theme import current_company

blueprint = Blueprint("newsletters", __name__, url_prefix="/newsletters")

Page = str | tuple[str, int] | Response
SHOWN_ISSUES = 3  # of a series, with their dates, before it is scheduled


@blueprint.app_context_processor
def name_newsletters() -> dict[str, object]:
    """Give templates the names of states and reasons."""
    return {
        "newsletter_state": newsletter_state,
        "issue_state": issue_state,
        "why_not_sentence": why_not,
        "frequency_name": lambda rule: FREQUENCIES[frequency_of(rule)],
    }


def the_newsletter(public_id: str) -> Newsletter:
    """Return the newsletter of an address, or answer 404."""
    return actions.find(public_id) or abort(404)


@blueprint.get("")
@requires(Role.viewer)
def index() -> str:
    """List newsletters with their states and next issues."""
    return _list_page(NameForm(formdata=None))


@blueprint.post("")
@requires(Role.member)
def create() -> Page:
    """Begin a draft."""
    form = NameForm()
    if not form.validate():
        return _list_page(form), 422
    newsletter = actions.create(form.name.data or "", current_member())
    db.session.commit()
    return redirect(url_for("newsletter_texts.show", newsletter=newsletter.public_id), 303)


@blueprint.get("/<newsletter>")
@requires(Role.viewer)
def show(newsletter: str) -> Page:
    """Show one: what it says, whom it reaches, its issues and how far each is."""
    row = the_newsletter(newsletter)
    data = {name: getattr(row, name) for name in ("name", "is_public", "counts_links")}
    return _page(row, NameForm(formdata=None, data=data))


@blueprint.post("/<newsletter>")
@requires(Role.member)
def describe(newsletter: str) -> Page:
    """Change its name, whether the archive shows it, and whether its links are counted."""
    row, form = the_newsletter(newsletter), NameForm()
    if not form.validate():
        return _page(row, form), 422
    try:
        actions.describe(
            row,
            form.name.data or "",
            is_public=bool(form.is_public.data),
            counts_links=bool(form.counts_links.data),
            by=current_member(),
        )
    except Refused as refusal:
        db.session.rollback()
        form.counts_links.errors = [str(refusal)]
        return _page(the_newsletter(newsletter), form), 422
    db.session.commit()
    flash(_("Saved."), "success")
    return redirect(url_for(".show", newsletter=newsletter), 303)


@blueprint.get("/<newsletter>/schedule")
@requires(Role.member)
def plan(newsletter: str) -> Page:
    """Ask when; once it is chosen, show what will happen and to whom, to be confirmed."""
    row = the_newsletter(newsletter)
    asked = "how" in request.args
    form = ScheduleForm(request.args if asked else None, meta={"csrf": False})
    is_chosen = asked and form.validate()
    page = _schedule_page(row, form, is_chosen=is_chosen)
    return (page, 422) if asked and not is_chosen else page


@blueprint.post("/<newsletter>/schedule")
@requires(Role.member)
def schedule(newsletter: str) -> Page:
    """Schedule it, or send it now."""
    row, form = the_newsletter(newsletter), ScheduleForm()
    if not form.validate():
        return _schedule_page(row, form, is_chosen=False), 422
    frequency = Frequency(form.frequency.data)
    try:
        actions.schedule(row, form.first, frequency, by=current_member(), was=form.was)
    except Refused as refusal:
        db.session.rollback()
        flash(str(refusal), "warning")
        if isinstance(refusal, Conflict):
            return redirect(url_for(".show", newsletter=newsletter), 303)
        return _schedule_page(row, form, is_chosen=False), 422
    db.session.commit()
    flash(_("It is scheduled. Until it begins you can still change it."), "success")
    return redirect(url_for(".show", newsletter=newsletter), 303)


@blueprint.post("/<newsletter>/end")
@requires(Role.member)
def end(newsletter: str) -> Response:
    """Let no further issue come."""
    issues.end(the_newsletter(newsletter))
    db.session.commit()
    flash(_("No further issue will come."), "success")
    return redirect(url_for(".show", newsletter=newsletter), 303)


@blueprint.post("/<newsletter>/duplicate")
@requires(Role.member)
def duplicate(newsletter: str) -> Response:
    """Begin a draft with the same texts and audience."""
    copy = actions.duplicate(the_newsletter(newsletter), current_member())
    db.session.commit()
    return redirect(url_for(".show", newsletter=copy.public_id), 303)


@blueprint.post("/<newsletter>/delete")
@requires(Role.member)
def delete(newsletter: str) -> Response:
    """Take it off the list."""
    row = the_newsletter(newsletter)
    is_gone = do(lambda: actions.delete(row), _("Deleted."))
    there = url_for(".index") if is_gone else url_for(".show", newsletter=newsletter)
    return redirect(there, 303)


def _list_page(form: NameForm) -> str:
    found = newsletters.page(searched(), request.args.get("page", 1, type=int))
    return render_template(
        "provider/newsletters/index.html",
        found=found,
        form=form,
        q=searched(),
        next_of={row.id: _next_of(row) for row in found.lines},
    )


def _page(row: Newsletter, form: NameForm) -> str:
    reach = audiences.reach(row.readers)
    return render_template(
        "provider/newsletters/show.html",
        row=row,
        form=form,
        reach=reach,
        languages=LANGUAGE_NAMES,
        progress=newsletters.progress(row.issues),
        is_being_sent=actions.is_being_sent(row),
    )


def _schedule_page(row: Newsletter, form: ScheduleForm, *, is_chosen: bool) -> str:
    reach = audiences.reach(row.readers)
    goes_now = form.how.data == "now"
    moments = _first_moments(form) if is_chosen else []
    ours = current_company()
    hours, zone = ours.business_hours, ours.time_zone
    return render_template(
        "provider/newsletters/schedule.html",
        row=row,
        form=form,
        reach=reach,
        languages=LANGUAGE_NAMES,
        is_ready=is_chosen and reach.getting and row.languages and not row.is_active,
        goes_now=goes_now,
        moments=[] if goes_now and len(moments) == 1 else moments,
        is_outside_hours=any(hours.permitted_at(one, zone) != one for one in moments),
        zone=zone.split("/")[-1].replace("_", " "),
    )


def _first_moments(form: ScheduleForm) -> list[datetime]:
    """Return the moments (UTC) of the first issues of what was chosen."""
    company, first = current_company(), form.first
    frequency = Frequency(form.frequency.data)
    local = first or now().astimezone(company.zone).replace(tzinfo=None, microsecond=0)
    begins = local_moment(local.date(), local.time(), company.time_zone)
    if frequency is Frequency.once:
        return [begins]
    rule = rule_of(frequency, local)
    return [begins, *upcoming(local, rule, company.time_zone, begins, SHOWN_ISSUES - 1)]


def _next_of(row: Newsletter) -> NewsletterIssue | None:
    """Return the issue that is at work, or else the one that comes next."""
    open_issues = [issue for issue in row.issues if issue.is_open]
    return min(open_issues, key=lambda issue: issue.number, default=None)
