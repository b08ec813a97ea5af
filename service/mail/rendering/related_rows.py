"""What mails are about: the rows behind a batch of outbox rows, loaded in a few queries."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from sqlalchemy import inspect, select
from sqlalchemy.orm import joinedload

from service.extensions import db
from service.mail.kinds import RULES
from service.mail.rendering import custom_texts, issue_links, pictures
from service.mail.rendering.texts import Text
from service.mail.rows import among
from service.models import (
    Contact,
    Conversation,
    Departure,
    Invitation,
    InvitationKind,
    MailKind,
    NewsletterIssue,
    OutboxMessage,
    Provider,
    ProviderLink,
    Response,
    Testimonial,
)

Row = TypeVar("Row", Response, Testimonial)

ABOUT_ANSWERS = frozenset(
    {
        MailKind.survey_resume,
        MailKind.answer_received,
        MailKind.testimonial_request,
        MailKind.alert_new_answer,
        MailKind.alert_low_score,
    }
)
ABOUT_TESTIMONIALS = frozenset(
    {MailKind.testimonial_link, MailKind.testimonial_edit, MailKind.alert_testimonial}
)


@dataclass(slots=True)
class Topic:
    """One mail and the rows that it speaks of."""

    row: OutboxMessage
    invitation: Invitation | None = None  # to the survey
    testimonial_invitation: Invitation | None = None
    response: Response | None = None
    testimonial: Testimonial | None = None
    link: ProviderLink | None = None
    own: Text | None = None  # in place of the templates
    like: Departure | None = None  # whose names a test mail shows
    issue: NewsletterIssue | None = None  # of a newsletter
    conversation: Conversation | None = None  # with a contact who would like to talk

    @property
    def responsible(self) -> Provider | None:
        """Who signs: the sender that the row names, or else the departure's responsible."""
        if RULES[self.row.kind].to_provider:
            return None
        departure = self.row.departure
        return self.row.sender or (departure.responsible if departure else None)


def load(rows: Sequence[OutboxMessage]) -> list[Topic]:
    """Return the topic of each row, in the same order; a few queries, however many rows."""
    _load_people(rows)
    texts = custom_texts.of_rows(rows)
    topics = [Topic(row, own=own) for row, own in zip(rows, texts, strict=True)]
    _load_invitations(topics)
    for topic, response in _of_departures(Response, topics, ABOUT_ANSWERS):
        topic.response = response
    for topic, testimonial in _of_departures(Testimonial, topics, ABOUT_TESTIMONIALS):
        topic.testimonial = testimonial
    _load_links(topics)
    _load_conversations(topics)
    _load_issues(topics)
    return topics


def _load_people(rows: Sequence[OutboxMessage]) -> None:
    """Fill in the relations of `rows` (the same objects), so that none is asked one by one.

    Rows that were claimed have them already.
    """
    rows = [row for row in rows if {"contact", "provider"} & inspect(row).unloaded]
    if not rows:
        return
    departure = joinedload(OutboxMessage.departure)
    db.session.scalars(
        select(OutboxMessage)
        .where(OutboxMessage.id.in_([row.id for row in rows]))
        .options(
            joinedload(OutboxMessage.contact),
            joinedload(OutboxMessage.provider),
            joinedload(OutboxMessage.sender),
            joinedload(OutboxMessage.reply_to),
            departure.joinedload(Departure.client),
            departure.joinedload(Departure.contact),
            departure.joinedload(Departure.responsible),
            departure.lazyload(Departure.reason_rows),
        )
    ).all()


def _load_invitations(topics: Sequence[Topic]) -> None:
    ids = {topic.row.departure_id for topic in topics if topic.row.contact_id} - {None}
    rows = db.session.scalars(select(Invitation).where(among(Invitation.departure_id, ids)))
    found = {(row.departure_id, row.kind): row for row in rows}
    for topic in topics:
        departure_id = topic.row.departure_id or 0
        topic.invitation = found.get((departure_id, InvitationKind.survey))
        topic.testimonial_invitation = found.get((departure_id, InvitationKind.testimonial))


def _of_departures(
    model: type[Row], topics: Sequence[Topic], kinds: Collection[MailKind]
) -> list[tuple[Topic, Row | None]]:
    """Return the row of each topic of these kinds; asks nothing when there is none of them."""
    about = [topic for topic in topics if topic.row.kind in kinds]
    if not about:
        return []
    ids = {topic.row.departure_id for topic in about}
    rows = db.session.scalars(select(model).where(among(model.departure_id, ids)))
    found = {row.departure_id: row for row in rows}
    return [(topic, found.get(topic.row.departure_id or 0)) for topic in about]


def _load_links(topics: Sequence[Topic]) -> None:
    for topic in topics:
        context = topic.row.context or {}
        if topic.row.kind is MailKind.password_link and "link_id" in context:
            topic.link = db.session.get(ProviderLink, context["link_id"])
        if topic.row.kind is MailKind.test_mail and "like" in context:
            people = (Departure.client, Departure.contact, Departure.responsible)
            options = [joinedload(of) for of in people]
            topic.like = db.session.get(Departure, context["like"], options=options)


def _load_conversations(topics: Sequence[Topic]) -> None:
    """Find what the contacts said who would like to talk; what is gone stays None."""
    about = [topic for topic in topics if topic.row.kind is MailKind.alert_door_open]
    if not about:
        return
    ids = {(topic.row.context or {}).get("conversation_id") for topic in about}
    query = (
        select(Conversation)
        .where(Conversation.id.in_(ids - {None}))
        .options(joinedload(Conversation.contact).joinedload(Contact.client))
    )
    found = {row.id: row for row in db.session.scalars(query)}
    for topic in about:
        topic.conversation = found.get((topic.row.context or {}).get("conversation_id", 0))


def _load_issues(topics: Sequence[Topic]) -> None:
    """Load the issues of mails and their frozen texts; equal texts share a compiled template."""
    ids = {topic.row.issue_id for topic in topics} - {None}
    if not ids:
        return
    query = select(NewsletterIssue).where(NewsletterIssue.id.in_(ids))
    found = {issue.id: issue for issue in db.session.scalars(query)}
    counted = issue_links.of_issues(found.values())
    places: dict[tuple[int, str], tuple[str, str]] = {}
    for topic in topics:
        topic.issue = issue = found.get(topic.row.issue_id or 0)
        place = (topic.row.issue_id or 0, topic.row.language)
        if issue is not None and place not in places:
            said = issue.text_in(issue.language_for(topic.row.language))
            places[place] = (said["subject"], said["body"])
    plain = zip(places, pictures.texts_of([*places.values()]), strict=True)
    texts = {
        place: replace(text, counted=counted[place[0]], is_counted=found[place[0]].counts_links)
        for place, text in plain
        if text.body
    }
    for topic in topics:
        if topic.issue is not None:
            topic.own = texts.get((topic.issue.id, topic.row.language))
