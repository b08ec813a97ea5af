"""Newsletters: written, narrowed to an audience, scheduled once or as a series. Flushes only."""

from datetime import datetime, timedelta

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm.exc import StaleDataError

from service import current
from service.clock import local_moment, now
from service.errors import Conflict, Refused
from service.extensions import db
from service.mail.rendering import custom_texts, text_drafts
from service.mail.rendering.custom_texts import Text
from service.models import (
    Audience,
    IssueState,
    MailKind,
    Newsletter,
    NewsletterIssue,
    NewsletterState,
    TeamMember,
)
from service.newsletters.actions import issues
from service.newsletters.queries import audiences
from service.newsletters.rules import Frequency, rule_of

LATE = timedelta(minutes=10)  # what was to go some minutes ago is meant to go now


def find(public_id: str) -> Newsletter | None:
    """Return one that was not deleted."""
    query = select(Newsletter).where(Newsletter.public_id == public_id)
    return db.session.scalar(query.where(Newsletter.deleted_at.is_(None)))


def create(name: str, by: TeamMember) -> Newsletter:
    """Begin a draft."""
    newsletter = Newsletter(name=name, member=by, texts={}, audience=Audience().as_json())
    db.session.add(newsletter)
    db.session.flush()
    return newsletter


def duplicate(newsletter: Newsletter, by: TeamMember) -> Newsletter:
    """Begin a draft with the same texts and audience; pictures are shared."""
    copy = create(_("%(name)s (copy)", name=newsletter.name[:180]), by)
    copy.texts, copy.audience = dict(newsletter.texts), dict(newsletter.audience)
    db.session.flush()
    return copy


def describe(
    newsletter: Newsletter, name: str, *, is_public: bool, counts_links: bool, by: TeamMember
) -> None:
    """Change its name, whether the archive shows it, and whether its next issues count their links.

    Raises Refused when a text would make too large a mail with the longer addresses of its links.
    """
    newsletter.name, newsletter.is_public = name, is_public
    if counts_links and not newsletter.counts_links:
        for language in newsletter.languages:
            kept = newsletter.text_in(language)
            text = custom_texts.with_pictures(kept["subject"], kept["body"], is_counted=True)
            if text_drafts.is_too_large(MailKind.newsletter, language, text, by):
                raise Refused(
                    _(
                        "With its links counted the mail would be too large. "
                        "Shorten it, or take out links."
                    )
                )
    newsletter.counts_links = counts_links
    db.session.flush()


def save_text(newsletter: Newsletter, language: str, text: Text, was: int) -> None:
    """Keep a subject and a body; without both, it is not written in that language any more.

    Raises Conflict, and changes nothing, when it is being sent or was changed meanwhile.
    """
    newsletter = _to_change(newsletter, was)
    texts = {code: kept for code, kept in newsletter.texts.items() if code != language}
    if text.subject.strip() or text.body.strip():
        texts[language] = {"subject": text.subject, "body": text.body}
    newsletter.texts = texts
    _flush()


def save_audience(newsletter: Newsletter, audience: Audience, was: int) -> None:
    """Keep whom it is for. Raises Conflict as save_text does."""
    newsletter = _to_change(newsletter, was)
    newsletter.audience = audience.as_json()
    _flush()


def schedule(
    newsletter: Newsletter,
    first: datetime | None,
    frequency: Frequency,
    *,
    by: TeamMember,
    was: int,
) -> NewsletterIssue:
    """Send it at `first` (local, naive; None: now), and again as often as `frequency` says.

    Raises Conflict when somebody else did, or changed it; Refused when it cannot be sent.
    """
    newsletter = _locked(newsletter)
    if newsletter.state is NewsletterState.active:
        raise Conflict(_("Somebody of your team has scheduled it already."))
    if newsletter.version != was:
        raise _changed()
    company, at = current.company(), now()
    refuse_unfit(newsletter)
    local = first or at.astimezone(company.zone).replace(tzinfo=None, microsecond=0)
    due_at = local_moment(local.date(), local.time(), company.time_zone) if first else at
    if due_at < at - LATE:
        raise Refused(_("That moment has passed. Choose a later one, or send it now."))
    newsletter.first_at = local.isoformat(timespec="seconds")
    newsletter.recurrence = rule_of(frequency, local)
    newsletter.state = NewsletterState.active
    _flush()
    return issues.plan(newsletter, due_at, by)


def refuse_unfit(newsletter: Newsletter) -> None:
    """Raise Refused, with what to do, when there is nothing to send or nobody to send it to."""
    if not newsletter.languages:
        raise Refused(_("Write the text first, in one language at least."))
    found = audiences.readers(newsletter.readers, current.company(), now())
    if all(reader.why_not for reader in found):
        raise Refused(
            _("Nobody would get it. Widen the audience: take out a condition, or choose everybody.")
        )


def delete(newsletter: Newsletter) -> None:
    """Take it off the list; what was sent stays in the history. Raises Conflict while it is on."""
    newsletter = _locked(newsletter)
    if newsletter.state is NewsletterState.active:
        raise Conflict(_("It is scheduled. Cancel it first."))
    newsletter.deleted_at = now()
    _flush()


def is_being_sent(newsletter: Newsletter) -> bool:
    """Say whether an issue has begun and is not over."""
    running = select(NewsletterIssue.id).where(
        NewsletterIssue.newsletter_id == newsletter.id,
        NewsletterIssue.started_at.is_not(None),
        NewsletterIssue.state.in_((IssueState.sending, IssueState.paused)),
    )
    return db.session.scalar(running.limit(1)) is not None


def _to_change(newsletter: Newsletter, was: int) -> Newsletter:
    newsletter = _locked(newsletter)
    if is_being_sent(newsletter):
        raise Conflict(
            _("It is being sent, so it cannot change now. Wait for its end, or make a copy of it.")
        )
    if newsletter.version != was:
        raise _changed()
    return newsletter


def _locked(newsletter: Newsletter) -> Newsletter:
    query = select(Newsletter).where(Newsletter.id == newsletter.id).with_for_update()
    return db.session.scalars(query.execution_options(populate_existing=True)).one()


def _flush() -> None:
    try:
        with db.session.begin_nested():  # so that the session is of use when it fails
            db.session.flush()
    except StaleDataError as error:
        raise _changed() from error


def _changed() -> Conflict:
    return Conflict(_("Somebody of your team has changed this newsletter meanwhile."))
