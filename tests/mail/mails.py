"""Outbox rows for the tests of mails: one of every kind, with all that it speaks of."""

from dataclasses import fields
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage

from service.clock import now
from service.extensions import db
from service.mail.delivery.health import Trouble, TroubleKind
from service.mail.kinds import RULES
from service.mail.rendering import messages
from service.mail.rendering.rendering import Rendering, render
from service.models import (
    Contact,
    InvitationKind,
    IssueState,
    MailKind,
    MailState,
    Newsletter,
    NewsletterIssue,
    OutboxMessage,
    PasswordLink,
    TeamMember,
    Testimonial,
)
from tests.builders import (
    a_contact,
    a_departure,
    a_member,
    a_response,
    a_talk_request,
    added,
    an_invitation,
)

TROUBLE = Trouble(TroubleKind.server, now() - timedelta(hours=1), 12, words="connection refused")
ALL = [(kind, language) for kind in MailKind for language in ("es", "en")]


def a_mail(kind: MailKind, language: str = "es", **more) -> OutboxMessage:
    """A row of `kind` with a departure, an answer and a testimonial behind it.

    `contact`, `responsible`, `answer` (fields of the response), `testimonial` and `said` (what a
    contact wrote who would like to talk) say more about it.
    """
    responsible: TeamMember = more.pop("responsible", None) or a_member()
    contact: Contact = more.pop("contact", None) or a_contact(language=language)
    departure = a_departure(
        contact=contact, responsible=responsible, **more.pop("departure_values", {})
    )
    a_response(invitation=an_invitation(departure=departure), **more.pop("answer", {}))
    an_invitation(departure=departure, kind=InvitationKind.testimonial)
    words = {"quote": "Todo bien.", "edited_quote": "Bien.", "language": language}
    added(Testimonial(departure=departure, **{**words, **more.pop("testimonial", {})}))
    talk_request = a_talk_request(departure=departure, message=more.pop("said", "¿Hablamos?"))
    link = added(PasswordLink(member=responsible, expires_at=now() + timedelta(days=2)))
    to_team = RULES[kind].to_team
    if kind is MailKind.newsletter:
        more["issue_id"] = an_issue().id
    row = OutboxMessage(
        key=f"test:{departure.id}:{kind}",
        kind=kind,
        language=language,
        contact=None if to_team else contact,
        member=responsible if to_team else None,
        sender=None if to_team else responsible,
        departure=departure,
        due_at=now(),
        message_id=f"<{kind}.{departure.id}@norte.example>",
        context={"link_id": link.id, "conversation_id": talk_request.id, **TROUBLE.figures},
        **more,
    )
    return added(row)


def an_issue(**more) -> NewsletterIssue:
    """An issue that goes out now, without a text of its own unless `texts` says one."""
    newsletter = added(Newsletter(name="Novedades", texts={}, audience={}))
    values = {"number": 1, "due_at": now(), "started_at": now(), "state": IssueState.sending}
    return added(NewsletterIssue(newsletter=newsletter, **{**values, **more}))


def a_reminder(kind: MailKind, language: str = "es") -> OutboxMessage:
    """A reminder with the invitation that it is threaded under, which went three days ago."""
    reminder = a_mail(kind, language)
    reminder.reply_to = added(
        OutboxMessage(
            key=f"invitation of {reminder.key}",
            kind=MailKind.survey_invitation,
            language=language,
            contact=reminder.contact,
            due_at=now(),
            state=MailState.sent,
            ended_at=now() - timedelta(days=3),
            message_id="<the.invitation@norte.example>",
        )
    )
    db.session.flush()
    return reminder


def in_octets(rendering: Rendering) -> bytes:
    """The mail as it goes out."""
    return messages.octets(
        **{field.name: getattr(rendering, field.name) for field in fields(rendering)}
    )


def parsed(octets: bytes) -> EmailMessage:
    """The mail as a mail program reads it."""
    mail = message_from_bytes(octets, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    return mail


def received(row: OutboxMessage) -> EmailMessage:
    """The mail of `row`, rendered, encoded and read again."""
    return parsed(in_octets(render(row)))


def text_of(mail: EmailMessage) -> str:
    """What the text part says."""
    return mail.get_body(("plain",)).get_content().replace("\r\n", "\n")


def html_of(mail: EmailMessage) -> str:
    """What the HTML part says."""
    return mail.get_body(("html",)).get_content().replace("\r\n", "\n")
