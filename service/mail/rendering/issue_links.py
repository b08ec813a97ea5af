"""The counted links of issues: frozen rows as what a text needs to lead over them. Reads only."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import replace

from sqlalchemy import select

from service.extensions import db
from service.mail import links
from service.mail.rendering import markdown
from service.mail.rendering.texts import LONGEST_BODY, Text
from service.models import MailKind, NewsletterIssue, NewsletterLink

Counted = tuple[tuple[str, str], ...]  # where a link leads, and the address that counts it
LONGEST_ID = "A" * 22


def of_issues(issues: Collection[NewsletterIssue]) -> dict[int, Counted]:
    """Return the links of those that count them, by the issue's id; one query or none."""
    counting = {issue.id: issue for issue in issues if issue.counts_links}
    found: defaultdict[int, Counted] = defaultdict(tuple)
    if not counting:
        return found
    query = select(NewsletterLink).where(NewsletterLink.issue_id.in_(counting))
    for link in db.session.scalars(query.order_by(NewsletterLink.number)):
        over = links.counted(counting[link.issue_id], link.number)
        found[link.issue_id] += ((link.address, over),)
    return found


def at_its_largest(text: Text) -> Text:
    """Return `text` with links as long as they become in a mail, to see whether that is too large.

    A text whose links are not counted, or that is too long to be kept, is returned as it is.
    """
    if not text.is_counted or len(text.body) > LONGEST_BODY:
        return text
    issue = NewsletterIssue(public_id=LONGEST_ID)
    found = enumerate(markdown.addresses(text, MailKind.newsletter), start=1000)
    over = tuple((address, links.counted(issue, number)) for number, address in found)
    return replace(text, counted=over)
