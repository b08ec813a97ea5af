"""Load the rows that a batch of mails is about, in a few queries however many mails."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from sqlalchemy import inspect, select
from sqlalchemy.orm import joinedload, lazyload

from service import responsibles
from service.extensions import db
from service.mail import links
from service.mail.kinds import RULES
from service.mail.rendering import custom_texts
from service.mail.rendering.custom_texts import Text
from service.mail.sql import among
from service.models import (
    Contact,
    Departure,
    Invitation,
    InvitationKind,
    MailKind,
    NewsletterIssue,
    NewsletterLink,
    OutboxMessage,
    PasswordLink,
    Response,
    TalkRequest,
    TeamMember,
    Testimonial,
)

Row = TypeVar("Row", Response, Testimonial)
Counted = tuple[tuple[str, str], ...]  # a link's address, and the address that counts it

ABOUT_ANSWERS = frozenset(
    {
        MailKind.survey_resume,
        MailKind.answer_received,
        MailKind.testimonial_request,
        MailKind.testimonial_reminder,
        MailKind.door_open,
        MailKind.alert_new_answer,
        MailKind.alert_low_score,
    }
)
# Their sentences say what ends, and when.
ABOUT_THE_END = frozenset(
    {
        MailKind.thank_you,
        MailKind.survey_invitation,
        MailKind.closing_letter,
        MailKind.door_open,
    }
)
ABOUT_TESTIMONIALS = frozenset(
    {MailKind.testimonial_link, MailKind.testimonial_edit, MailKind.alert_testimonial}
)


@dataclass(slots=True)
class MailContext:
    """One mail and the rows that it is about."""

    row: OutboxMessage
    invitation: Invitation | None = None  # to the survey
    testimonial_invitation: Invitation | None = None
    response: Response | None = None
    testimonial: Testimonial | None = None
    link: PasswordLink | None = None
    custom_text: Text | None = None  # in place of the templates
    like: Departure | None = None  # whose names a test mail shows
    issue: NewsletterIssue | None = None  # of a newsletter
    talk_request: TalkRequest | None = None  # with a contact who would like to talk
    others: Sequence[Departure] = ()  # the client's other departures, of other services
    # Of a mail to a contact, who reads what they reply; of one to the team, who looks after the
    # client, None when nobody is named and the company has chosen no default.
    responsible: TeamMember | None = None

    @property
    def signer(self) -> TeamMember | None:
        """Who signs a mail to a contact: who reads the replies; a newsletter, who is to sign it."""
        row = self.row
        if RULES[row.kind].to_team:
            return None
        is_companys = row.kind is MailKind.newsletter and self.responsible is not row.sender
        return None if is_companys else self.responsible


def load(rows: Sequence[OutboxMessage]) -> list[MailContext]:
    """Return the context of each row, in the same order; a few queries, however many rows."""
    _load_people(rows)
    texts = custom_texts.of_rows(rows)
    contexts = [
        MailContext(row, custom_text=custom_text)
        for row, custom_text in zip(rows, texts, strict=True)
    ]
    _load_invitations(contexts)
    for context, response in _of_departures(Response, contexts, ABOUT_ANSWERS):
        context.response = response
    for context, testimonial in _of_departures(Testimonial, contexts, ABOUT_TESTIMONIALS):
        context.testimonial = testimonial
    _load_links(contexts)
    _load_talk_requests(contexts)
    _load_issues(contexts)
    _load_others(contexts)
    _load_responsibles(contexts)
    return contexts


def _load_people(rows: Sequence[OutboxMessage]) -> None:
    """Load the relations of `rows` (the same objects) at once; claimed rows have them already."""
    rows = [row for row in rows if {"contact", "member"} & inspect(row).unloaded]
    if not rows:
        return
    departure = joinedload(OutboxMessage.departure)
    db.session.scalars(
        select(OutboxMessage)
        .where(OutboxMessage.id.in_([row.id for row in rows]))
        .options(
            joinedload(OutboxMessage.contact).joinedload(Contact.client),
            joinedload(OutboxMessage.member),
            joinedload(OutboxMessage.sender),
            joinedload(OutboxMessage.reply_to),
            departure.joinedload(Departure.client),
            departure.joinedload(Departure.contact).joinedload(Contact.client),
            departure.selectinload(Departure.reason_rows),
        )
    ).all()


def _load_invitations(contexts: Sequence[MailContext]) -> None:
    ids = {context.row.departure_id for context in contexts if context.row.contact_id} - {None}
    rows = db.session.scalars(select(Invitation).where(among(Invitation.departure_id, ids)))
    found = {(row.departure_id, row.kind): row for row in rows}
    for context in contexts:
        departure_id = context.row.departure_id or 0
        context.invitation = found.get((departure_id, InvitationKind.survey))
        context.testimonial_invitation = found.get((departure_id, InvitationKind.testimonial))


def _of_departures(
    model: type[Row], contexts: Sequence[MailContext], kinds: Collection[MailKind]
) -> list[tuple[MailContext, Row | None]]:
    """Return the row of each context of these kinds; no query when there is no such context."""
    about = [context for context in contexts if context.row.kind in kinds]
    if not about:
        return []
    ids = {context.row.departure_id for context in about}
    rows = db.session.scalars(select(model).where(among(model.departure_id, ids)))
    found = {row.departure_id: row for row in rows}
    return [(context, found.get(context.row.departure_id or 0)) for context in about]


def _load_links(contexts: Sequence[MailContext]) -> None:
    for context in contexts:
        extra = context.row.context or {}
        if context.row.kind is MailKind.password_link and "link_id" in extra:
            context.link = db.session.get(PasswordLink, extra["link_id"])
        if context.row.kind is MailKind.test_mail and "like" in extra:
            people = (Departure.client, Departure.contact)
            options = [joinedload(of) for of in people]
            context.like = like = db.session.get(Departure, extra["like"], options=options)
            _read = like and like.responsible  # now, while there is a database to ask


def _load_talk_requests(contexts: Sequence[MailContext]) -> None:
    """Load the talk requests that alerts are about; a deleted one stays None."""
    about = [context for context in contexts if context.row.kind is MailKind.alert_door_open]
    if not about:
        return
    ids = {(context.row.context or {}).get("conversation_id") for context in about}
    query = (
        select(TalkRequest)
        .where(TalkRequest.id.in_(ids - {None}))
        .options(joinedload(TalkRequest.contact).joinedload(Contact.client))
    )
    found = {row.id: row for row in db.session.scalars(query)}
    for context in about:
        context.talk_request = found.get((context.row.context or {}).get("conversation_id", 0))


def _load_issues(contexts: Sequence[MailContext]) -> None:
    """Load the issues of mails and their frozen texts; equal texts share a compiled template."""
    ids = {context.row.issue_id for context in contexts} - {None}
    if not ids:
        return
    query = select(NewsletterIssue).where(NewsletterIssue.id.in_(ids))
    found = {issue.id: issue for issue in db.session.scalars(query)}
    counted = _counted_links(found.values())
    places: dict[tuple[int, str], tuple[str, str]] = {}
    for context in contexts:
        context.issue = issue = found.get(context.row.issue_id or 0)
        place = (context.row.issue_id or 0, context.row.language)
        if issue is not None and place not in places:
            said = issue.text_in(issue.language_for(context.row.language))
            places[place] = (said["subject"], said["body"])
    plain = zip(places, custom_texts.all_with_pictures([*places.values()]), strict=True)
    texts = {
        place: replace(text, counted=counted[place[0]], is_counted=found[place[0]].counts_links)
        for place, text in plain
        if text.body
    }
    for context in contexts:
        if context.issue is not None:
            context.custom_text = texts.get((context.issue.id, context.row.language))


def _load_others(contexts: Sequence[MailContext]) -> None:
    """Load the client's other departures for mails that speak of what ends; one query or none."""
    about = [
        (context, departure)
        for context in contexts
        if context.row.kind in ABOUT_THE_END and (departure := context.row.departure)
    ]
    if not about:
        return
    ids = {departure.client_id for _context, departure in about}
    query = select(Departure).where(among(Departure.client_id, ids))
    found: defaultdict[int, list[Departure]] = defaultdict(list)
    people = (lazyload(Departure.reason_rows), lazyload(Departure.client))
    for row in db.session.scalars(query.options(*people)):
        found[row.client_id].append(row)
    for context, departure in about:
        context.others = [one for one in found[departure.client_id] if one is not departure]


def _load_responsibles(contexts: Sequence[MailContext]) -> None:
    """Say who looks after the client of each mail, as things are now: one query for all."""
    people = responsibles.load()
    for context in contexts:
        row, talk_request = context.row, context.talk_request
        contact = row.contact or (talk_request.contact if talk_request else None)
        client = row.departure.client if row.departure else contact.client if contact else None
        named = row.departure.responsible_id if row.departure else row.sender_id
        find = people.named if RULES[row.kind].to_team else people.of
        context.responsible = find(named, client.responsible_id if client else None)


def _counted_links(issues: Collection[NewsletterIssue]) -> dict[int, Counted]:
    """Return the counted links of each issue, by the issue's id; one query or none."""
    counting = {issue.id: issue for issue in issues if issue.counts_links}
    found: defaultdict[int, Counted] = defaultdict(tuple)
    if counting:
        query = select(NewsletterLink).where(NewsletterLink.issue_id.in_(counting))
        for link in db.session.scalars(query.order_by(NewsletterLink.number)):
            over = links.counted(counting[link.issue_id], link.number)
            found[link.issue_id] += ((link.address, over),)
    return found
