"""Newsletters in a list; an issue in figures, counted in the outbox, and as a page; the archive."""

from collections.abc import Sequence
from dataclasses import dataclass

from flask_babel import force_locale, gettext
from sqlalchemy import func, select
from sqlalchemy.orm import joinedload, selectinload

from service.current import settings
from service.extensions import db
from service.mail.rendering import rendering
from service.mail.rendering.compiled import compile_template
from service.mail.rendering.custom_texts import with_pictures
from service.mail.rendering.messages import decoded
from service.models import (
    IssueState,
    MailKind,
    MailState,
    Newsletter,
    NewsletterImage,
    NewsletterIssue,
    NewsletterLink,
    OutboxMessage,
    SkipReason,
    image_is_used,
)
from service.paging import Page, cut, page_within

_AS_PAGE = (("is_page", "yes"),)  # a choice of the template


@dataclass(frozen=True, slots=True)
class Progress:
    """What became of an issue's mails so far."""

    states: dict[MailState, int]
    reasons: dict[SkipReason, int]

    @property
    def written(self) -> int:
        """How many mails there are."""
        return sum(self.states.values())

    @property
    def sent(self) -> int:
        """How many of them were sent."""
        return self.states.get(MailState.sent, 0)

    @property
    def owed(self) -> int:
        """How many of them are still to go."""
        return self.states.get(MailState.queued, 0) + self.states.get(MailState.sending, 0)


def page(search: str, number: int) -> Page[Newsletter]:
    """Return a page of newsletters, the latest changed first, with their issues."""
    rows = select(Newsletter).where(Newsletter.deleted_at.is_(None))
    if search:
        rows = rows.where(Newsletter.name.icontains(search[:100], autoescape=True))
    count = db.session.scalar(select(func.count()).select_from(rows.subquery())) or 0
    at = page_within(number, count)
    ordered = rows.order_by(Newsletter.updated_at.desc(), Newsletter.id.desc())
    shown = cut(ordered, at).options(selectinload(Newsletter.issues), joinedload(Newsletter.member))
    return Page(db.session.scalars(shown).all(), count, at)


def progress(issues: Sequence[NewsletterIssue]) -> dict[int, Progress]:
    """Return how far each issue is, by its id, in one query."""
    found: dict[int, Progress] = {issue.id: Progress({}, {}) for issue in issues}
    rows = db.session.execute(
        select(
            OutboxMessage.issue_id,
            OutboxMessage.state,
            OutboxMessage.skip_reason,
            func.count(),
        )
        .where(OutboxMessage.issue_id.in_(list(found)))
        .group_by(OutboxMessage.issue_id, OutboxMessage.state, OutboxMessage.skip_reason)
    )
    for issue_id, state, reason, count in rows:
        of_issue = found[issue_id or 0]
        of_issue.states[state] = of_issue.states.get(state, 0) + count
        if reason is not None:
            of_issue.reasons[reason] = of_issue.reasons.get(reason, 0) + count
    return found


def link(issue: str, number: int) -> NewsletterLink | None:
    """Return a link by its issue's public id; its mails are out, whatever became of the issue."""
    query = select(NewsletterLink).join(
        NewsletterIssue, NewsletterIssue.id == NewsletterLink.issue_id
    )
    return db.session.scalar(
        query.where(NewsletterIssue.public_id == issue, NewsletterLink.number == number)
    )


def links(issue: NewsletterIssue) -> Sequence[NewsletterLink]:
    """Return its counted links, the most opened first; none when they are not counted."""
    query = select(NewsletterLink).where(NewsletterLink.issue_id == issue.id)
    ordered = query.order_by(NewsletterLink.openings.desc(), NewsletterLink.number)
    return db.session.scalars(ordered).all()


def images(newsletter: Newsletter) -> list[tuple[NewsletterImage, bool]]:
    """Return its pictures, the latest first, each with whether a text shows it."""
    query = select(NewsletterImage, image_is_used()).order_by(NewsletterImage.id.desc())
    rows = db.session.execute(query.where(NewsletterImage.newsletter_id == newsletter.id))
    return [(image, is_used) for image, is_used in rows]


def archive(number: int) -> Page[NewsletterIssue]:
    """Return a page of what everybody may read, the latest first."""
    rows = (
        select(NewsletterIssue)
        .join(Newsletter)
        .where(
            Newsletter.is_public,
            Newsletter.deleted_at.is_(None),
            NewsletterIssue.started_at.is_not(None),
            NewsletterIssue.state != IssueState.cancelled,
        )
    )
    count = db.session.scalar(select(func.count()).select_from(rows.subquery())) or 0
    at = page_within(number, count)
    ordered = rows.order_by(NewsletterIssue.started_at.desc(), NewsletterIssue.id.desc())
    return Page(db.session.scalars(cut(ordered, at)).all(), count, at)


def html_of(issue: NewsletterIssue, language: str) -> str:
    """Return the mail as a whole page, with values that fit anybody in place of names."""
    facts = rendering.company_facts()
    text = issue.text_in(issue.language_for(language))
    branding = facts.plain_branding
    with force_locale(language):
        values = {
            "reader_name": gettext("everybody"),
            "full_name": gettext("everybody"),
            "client": gettext("your company"),
            "our_name": branding.name,
            "responsible": issue.member.name if issue.member else branding.name,
            "preferences_url": settings().base_url + "/news",
        }
    slots = frozenset({"reader_name", "responsible"})
    custom_text = with_pictures(text["subject"], text["body"])
    compiled = compile_template(
        MailKind.newsletter, language, branding, slots, _AS_PAGE, custom_text
    )
    html = decoded(compiled.filled_html(values))
    return html.replace("</title>", '</title><link rel="icon" href="data:,">', 1)


def subject_of(issue: NewsletterIssue, language: str) -> str:
    """Return the subject as the archive shows it."""
    text = issue.text_in(issue.language_for(language))
    custom_text = with_pictures(text["subject"], text["body"] or "…")
    branding = rendering.company_facts().plain_branding
    compiled = compile_template(
        MailKind.newsletter, language, branding, frozenset({"reader_name"}), (), custom_text
    )
    with force_locale(language):
        anybody = gettext("everybody")
    values = {"reader_name": anybody, "full_name": anybody, "client": gettext("your company")}
    return compiled.filled_subject(
        {**values, "our_name": branding.name, "responsible": branding.name}
    )
