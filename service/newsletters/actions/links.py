"""Links of newsletters: whether they are counted, frozen when an issue begins, counted. Flushes.

What is counted is of nobody: one total per link. It decides nothing and changes nothing else.
"""

from flask_babel import gettext as _
from sqlalchemy import Connection, select, update

from service.errors import Refused
from service.extensions import db
from service.mail.rendering import issue_links, markdown, pictures, text_previews
from service.mail.rendering.texts import Text
from service.models import MailKind, Newsletter, NewsletterIssue, NewsletterLink, TeamMember

KIND = MailKind.newsletter


def choose(newsletter: Newsletter, counts_links: bool, by: TeamMember) -> None:
    """Have the links of its next issues counted, or not; what has begun stays as it is.

    Raises Refused when a text would make too large a mail with the longer addresses.
    """
    if counts_links and not newsletter.counts_links:
        for language in newsletter.languages:
            _refuse_too_large(language, _text(newsletter, language), by)
    newsletter.counts_links = counts_links
    db.session.flush()


def freeze(issue: NewsletterIssue) -> None:
    """Keep where its links lead, in all languages; equal addresses are one link."""
    issue.counts_links = issue.newsletter.counts_links
    if not issue.counts_links:
        return
    found: dict[str, None] = {}
    for language in issue.languages:
        found |= dict.fromkeys(markdown.addresses(_text(issue, language), KIND))
    db.session.add_all(
        NewsletterLink(issue_id=issue.id, number=number, address=address)
        for number, address in enumerate(found, start=1)
    )
    db.session.flush()


def find(issue: str, number: int) -> NewsletterLink | None:
    """Return a link by its issue's public id; its mails are out, whatever became of the issue."""
    query = select(NewsletterLink).join(
        NewsletterIssue, NewsletterIssue.id == NewsletterLink.issue_id
    )
    return db.session.scalar(
        query.where(NewsletterIssue.public_id == issue, NewsletterLink.number == number)
    )


def count(connection: Connection, issue_id: int, number: int, times: int) -> None:
    """Add openings by a single statement, so that none is lost among many at once."""
    connection.execute(
        update(NewsletterLink)
        .where(NewsletterLink.issue_id == issue_id, NewsletterLink.number == number)
        .values(openings=NewsletterLink.openings + times)
    )


def _text(of: Newsletter | NewsletterIssue, language: str) -> Text:
    said = of.text_in(language)
    return pictures.text_of(said["subject"], said["body"], is_counted=True)


def _refuse_too_large(language: str, text: Text, by: TeamMember) -> None:
    largest = issue_links.at_its_largest(text)
    if text_previews.is_too_large(KIND, language, largest, by):
        raise Refused(
            _("With its links counted the mail would be too large. Shorten it, or take out links.")
        )
