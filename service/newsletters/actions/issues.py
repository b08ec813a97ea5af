"""Issues of newsletters: begun when due, written in chunks, paused, resumed, cancelled.

Each step locks the issue's row, so that of a clock and a person, or of two people, one is first.
Flushes, never commits; the clock's round commits after each chunk, and goes on where one stopped.
"""

from datetime import datetime, timedelta
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import ColumnElement, Connection, Select, and_, exists, func, or_, select, update
from sqlalchemy.orm import aliased

from service.clock import now
from service.current import company
from service.errors import Conflict
from service.extensions import db
from service.mail import outbox
from service.mail.rendering import custom_texts, markdown
from service.mail.sql import from_now, rarely
from service.models import (
    OPEN_ISSUES,
    OPEN_STATES,
    IssueState,
    MailKind,
    MailState,
    Newsletter,
    NewsletterIssue,
    NewsletterLink,
    NewsletterState,
    OutboxMessage,
    TeamMember,
)
from service.newsletters.queries import audiences
from service.newsletters.rules import missed, upcoming

CHUNK = 1_000  # mails per transaction
UNTIL_ASKED_AGAIN = timedelta(hours=1)  # a paused mail; resuming asks at once
RUNNING = (IssueState.sending, IssueState.paused)


def find(public_id: str) -> NewsletterIssue | None:
    """Return one issue, of a newsletter that was not deleted."""
    query = select(NewsletterIssue).join(Newsletter)
    return db.session.scalar(
        query.where(NewsletterIssue.public_id == public_id, Newsletter.deleted_at.is_(None))
    )


def plan(newsletter: Newsletter, due_at: datetime, by: TeamMember | None) -> NewsletterIssue:
    """Add the next issue, to go at `due_at`."""
    last = select(func.max(NewsletterIssue.number)).where(
        NewsletterIssue.newsletter_id == newsletter.id
    )
    issue = NewsletterIssue(
        newsletter_id=newsletter.id,
        number=(db.session.scalar(last) or 0) + 1,
        due_at=due_at,
        provider_id=by.id if by else None,
    )
    db.session.add(issue)
    db.session.flush()
    return issue


def write_next(at: datetime) -> bool:
    """Do one piece of what is due: begin an issue, or write its next mails. False: nothing is."""
    query = _due(at).with_for_update(skip_locked=True)
    issue = db.session.scalars(query.execution_options(populate_existing=True)).first()
    if issue is None:
        return False
    if issue.state is IssueState.scheduled:
        _begin(issue, at)
    else:
        _write(issue, at)
    db.session.flush()
    return True


def waits() -> ColumnElement[bool]:
    """Return whether there is something to write or to close, as a value of SQL."""
    is_written = select(NewsletterIssue.id).where(*_is_written())
    is_ending = select(Newsletter.id).where(*_is_ending())
    return or_(_due(from_now()).exists(), is_written.exists(), is_ending.exists())


def finish(at: datetime) -> None:
    """Close issues whose last mail is decided, and newsletters with nothing more to come."""
    db.session.execute(
        update(NewsletterIssue).where(*_is_written()).values(state=IssueState.sent, ended_at=at)
    )
    db.session.execute(
        update(Newsletter)
        .where(*_is_ending())
        .values(state=NewsletterState.ended, updated_at=Newsletter.updated_at)
    )


def pause(issue: NewsletterIssue) -> None:
    """Let nothing more of it go. What a worker has in hand goes; twice is once."""
    issue = _locked(issue)
    if issue.state is IssueState.paused:
        return
    _demand(issue, IssueState.scheduled, IssueState.sending)
    issue.state = IssueState.paused
    _change_waiting(issue, due_at=now() + UNTIL_ASKED_AGAIN)


def resume(issue: NewsletterIssue) -> None:
    """Go on with exactly those who are still owed theirs: written ones that wait, then the rest."""
    issue = _locked(issue)
    _demand(issue, IssueState.paused)
    issue.state = IssueState.sending if issue.started_at else IssueState.scheduled
    _change_waiting(issue, due_at=now())


def cancel(issue: NewsletterIssue) -> None:
    """Send nothing more of it, for good. Of a series, the next one comes on its day."""
    issue = _locked(issue)
    if issue.state is IssueState.cancelled:
        return
    _demand(issue, *OPEN_ISSUES)
    was_begun = issue.started_at is not None
    issue.state, issue.ended_at = IssueState.cancelled, now()
    _change_waiting(issue, state=MailState.cancelled, ended_at=now())
    if not was_begun:  # one that was begun has planned the next already
        _plan_after(issue, max(issue.due_at, now()))
    db.session.flush()
    finish(now())


def end(newsletter: Newsletter) -> None:
    """Let no further issue come; one that is being sent is not touched."""
    newsletter.recurrence = None
    db.session.flush()
    for issue in newsletter.issues:
        if issue.state in OPEN_ISSUES and issue.started_at is None:
            cancel(issue)


def count_openings(connection: Connection, issue_id: int, number: int, times: int) -> None:
    """Add openings of a link in a single statement, so that none is lost among many at once.

    What is counted is of nobody: one total per link. It decides nothing and changes nothing else.
    """
    connection.execute(
        update(NewsletterLink)
        .where(NewsletterLink.issue_id == issue_id, NewsletterLink.number == number)
        .values(openings=NewsletterLink.openings + times)
    )


def _is_written() -> tuple[ColumnElement[bool], ...]:
    """Return what an issue fulfils whose last mail is decided."""
    is_open = exists().where(
        rarely(OutboxMessage.issue_id == NewsletterIssue.id), OutboxMessage.state.in_(OPEN_STATES)
    )
    is_sending = NewsletterIssue.state == IssueState.sending
    return (is_sending, NewsletterIssue.written_at.is_not(None), ~is_open)


def _is_ending() -> tuple[ColumnElement[bool], ...]:
    """Return what a newsletter fulfils with nothing more to come."""
    has_more = exists().where(
        NewsletterIssue.newsletter_id == Newsletter.id, NewsletterIssue.state.in_(OPEN_ISSUES)
    )
    return (Newsletter.state == NewsletterState.active, ~has_more)


def _due(at: Any) -> Select[NewsletterIssue]:
    """Select what is to be begun or goes on; an issue waits for the one before it."""
    other = aliased(NewsletterIssue)
    is_busy = exists().where(
        other.newsletter_id == NewsletterIssue.newsletter_id,
        other.id != NewsletterIssue.id,
        other.state.in_(RUNNING),
    )
    begins = and_(
        NewsletterIssue.state == IssueState.scheduled, NewsletterIssue.due_at <= at, ~is_busy
    )
    goes_on = and_(
        NewsletterIssue.state == IssueState.sending, NewsletterIssue.written_at.is_(None)
    )
    return (
        select(NewsletterIssue)
        .where(or_(begins, goes_on))
        .order_by(NewsletterIssue.due_at, NewsletterIssue.id)
        .limit(1)
    )


def _begin(issue: NewsletterIssue, at: datetime) -> None:
    """Freeze what it says and to whom, and plan the next; of several missed, the newest goes."""
    newsletter, zone = issue.newsletter, company().time_zone
    db.session.refresh(newsletter)
    first = newsletter.first
    later = missed(first, newsletter.recurrence, zone, issue.due_at, at) if first else []
    if later:
        issue.state, issue.ended_at = IssueState.skipped, at
        for moment in later[:-1]:
            skipped = plan(newsletter, moment, issue.member)
            skipped.state, skipped.ended_at = IssueState.skipped, at
        plan(newsletter, later[-1], issue.member)
        return
    issue.texts, issue.audience = dict(newsletter.texts), dict(newsletter.audience)
    _freeze_links(issue)
    issue.state, issue.started_at = IssueState.sending, at
    _plan_after(issue, at)


def _freeze_links(issue: NewsletterIssue) -> None:
    """Keep the addresses of its counted links, in all languages; equal addresses are one link."""
    issue.counts_links = issue.newsletter.counts_links
    if not issue.counts_links:
        return
    found: dict[str, None] = {}
    for language in issue.languages:
        kept = issue.text_in(language)
        text = custom_texts.with_pictures(kept["subject"], kept["body"], is_counted=True)
        found |= dict.fromkeys(markdown.addresses(text, MailKind.newsletter))
    db.session.add_all(
        NewsletterLink(issue_id=issue.id, number=number, address=address)
        for number, address in enumerate(found, start=1)
    )
    db.session.flush()


def _plan_after(issue: NewsletterIssue, at: datetime) -> None:
    newsletter = issue.newsletter
    if newsletter.recurrence and newsletter.first:
        zone = company().time_zone
        for moment in upcoming(newsletter.first, newsletter.recurrence, zone, at):
            plan(newsletter, moment, issue.member)


def _write(issue: NewsletterIssue, at: datetime) -> None:
    found = audiences.next_to_write(issue.readers, company(), at, issue.written_to, CHUNK)
    outbox.write_issue(
        MailKind.newsletter,
        {reader.contact_id: issue.language_for(reader.language) for reader in found},
        subject=f"issue:{issue.id}",
        due_at=at,
        issue_id=issue.id,
        sender=issue.member,
    )
    if found:
        issue.written_to = found[-1].contact_id
    if len(found) < CHUNK:
        issue.written_at = at


def _change_waiting(issue: NewsletterIssue, **changes: object) -> None:
    """Change the mails that nobody has claimed; whoever claimed one meanwhile has it."""
    db.session.execute(
        update(OutboxMessage)
        .where(OutboxMessage.issue_id == issue.id, OutboxMessage.state == MailState.queued)
        .values(**changes)
        .execution_options(synchronize_session=False)
    )
    db.session.flush()


def _locked(issue: NewsletterIssue) -> NewsletterIssue:
    query = select(NewsletterIssue).where(NewsletterIssue.id == issue.id).with_for_update()
    return db.session.scalars(query.execution_options(populate_existing=True)).one()


def _demand(issue: NewsletterIssue, *states: IssueState) -> None:
    if issue.state not in states:
        raise Conflict(_("Meanwhile this has changed; the page shows how it stands now."))
