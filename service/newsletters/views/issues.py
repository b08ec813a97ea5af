"""One issue of a newsletter: how far it is; paused, resumed, cancelled."""

from collections.abc import Callable

from flask import Blueprint, abort, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from service.errors import Conflict
from service.extensions import db
from service.labels import label
from service.models import IssueState, MailState, NewsletterIssue, Role
from service.newsletters.actions import issues as actions
from service.newsletters.queries import newsletters
from service.web.access import requires

blueprint = Blueprint("newsletter_issues", __name__, url_prefix="/newsletter-issues")


TONES = {IssueState.paused: "wait", IssueState.sent: "good"}
LISTED = (MailState.sent, MailState.skipped)  # the states that the list of mails can show alone


@blueprint.get("/<issue>")
@requires(Role.viewer)
def show(issue: str) -> str:
    """Show how many mails are in each state, who is still owed theirs, and counted links."""
    row = _the_issue(issue)
    progress, links = newsletters.progress([row])[row.id], newsletters.links(row)
    return render_template(
        "provider/newsletters/issue.html",
        row=row,
        tone=TONES.get(row.state, ""),
        is_running=row.state is IssueState.sending,
        progress=progress,
        counts=[
            (label(state), progress.states[state], state.value if state in LISTED else None)
            for state in MailState
            if state in progress.states
        ],
        links=links,
        openings=sum(link.openings for link in links),
    )


@blueprint.post("/<issue>/pause")
@requires(Role.member)
def pause(issue: str) -> Response:
    """Let nothing more of it go until it is resumed."""
    return _done(issue, actions.pause, _("Paused. Whoever has not got it yet gets it later."))


@blueprint.post("/<issue>/resume")
@requires(Role.member)
def resume(issue: str) -> Response:
    """Go on with those who are still owed theirs."""
    return _done(issue, actions.resume, _("It goes on to those who have not got it yet."))


@blueprint.post("/<issue>/cancel")
@requires(Role.member)
def cancel(issue: str) -> Response:
    """Send nothing more of it."""
    return _done(issue, actions.cancel, _("Cancelled. Nobody else gets it."))


def _done(public_id: str, act: Callable[[NewsletterIssue], None], done: str) -> Response:
    try:
        act(_the_issue(public_id))
    except Conflict as conflict:
        db.session.rollback()
        flash(str(conflict), "warning")
    else:
        db.session.commit()
        flash(done, "success")
    return redirect(url_for(".show", issue=public_id), 303)


def _the_issue(public_id: str) -> NewsletterIssue:
    return actions.find(public_id) or abort(404)
