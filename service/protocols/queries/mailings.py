"""What asked for a mail that is no step of a protocol, and what lets a mail reach its reader."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import format_date
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from service.labels import basis_label, label
from service.mail.kinds import RULES
from service.mail.policy.legal_basis import consent_of
from service.models import (
    Audience,
    Basis,
    Circle,
    Contact,
    Greeting,
    MailKind,
    NewsletterIssue,
    Occasion,
    OutboxMessage,
)
from service.models.audiences import Who
from service.models.greetings import LATE, circle_label, greeting_label
from service.protocols.queries import moments
from service.protocols.queries.evidence import Evidence

# What made us write the mails that nobody plans.
OF_KINDS: dict[MailKind, Any] = {
    MailKind.survey_resume: _l("They asked for a fresh link to the survey."),
    MailKind.answer_received: _l("They answered the survey; this tells them that it arrived."),
    MailKind.testimonial_link: _l("They asked for a fresh link to the testimonial."),
    MailKind.testimonial_edit: _l(
        "Your team shortened their testimonial, and only they can agree."
    ),
    MailKind.welcome_back: _l("They came back, and your team wanted to thank them."),
    MailKind.alert_new_answer: _l("A client answered the survey."),
    MailKind.alert_low_score: _l("A client was not content, so that somebody calls them."),
    MailKind.alert_testimonial: _l("A client wrote a testimonial that waits for a decision."),
    MailKind.alert_door_open: _l("A client would like to talk."),
    MailKind.alert_mail_trouble: _l("Mails were in trouble."),
    MailKind.password_link: _l("A link to choose a password was asked for."),
    MailKind.test_mail: _l("Somebody of your team sent themselves a mail to look at."),
}
CIRCLES = {Who.former: Circle.former, Who.clients: Circle.clients, Who.all: Circle.both}
OCCASIONS: dict[Occasion, Any] = {
    Occasion.season: _l("Its day is %(day)s."),
    Occasion.anniversary: _l("It is the day on which the work together began: %(day)s."),
    Occasion.birthday: _l("It was their birthday: %(day)s."),
}


def why(mail: OutboxMessage, known: Evidence) -> Iterator[str]:
    """Say what asked for a mail that no protocol asks for."""
    if mail.kind is MailKind.newsletter:
        yield from _of_an_issue(known.issues.get(mail.issue_id or 0))
    elif mail.kind is MailKind.greeting:
        yield from _of_a_greeting(mail, known)
    elif mail.kind in OF_KINDS:
        yield str(OF_KINDS[mail.kind])


def lasts(mail: OutboxMessage) -> timedelta | None:
    """Return how long after its time such a mail was good for, where that is known."""
    return LATE if mail.kind is MailKind.greeting else None


def allowed(mail: OutboxMessage, known: Evidence) -> Iterator[str]:
    """Say on what grounds a mail that was tried could be written to its reader."""
    contact, purpose = mail.contact, RULES[mail.kind].purpose
    if contact is None:
        yield _("It is for your team, so no list and no limit holds it back.")
    elif RULES[mail.kind].is_transactional:
        yield _("It is owed to them, so only a dead address stops it.")
    else:
        yield _("%(email)s was on no list of those who get no such mail.", email=contact.email)
        if purpose is not None:
            agreed_at = consent_of(contact, purpose)
            yield _basis(mail, contact, agreed_at if _was_before(agreed_at, mail) else None, known)


def _was_before(moment: Any, mail: OutboxMessage) -> bool:
    return moment is not None and mail.ended_at is not None and moment <= mail.ended_at


def _basis(mail: OutboxMessage, contact: Contact, agreed_at: Any, known: Evidence) -> str:
    """Say the basis it rested on; a former client who came back since was one then."""
    if agreed_at is not None:
        basis, since = Basis.consent, moments.in_words(agreed_at)
    else:
        ended_at = mail.ended_at or mail.due_at
        day = ended_at.astimezone(known.company.zone).date()
        has_left = contact.left_on is not None and contact.left_on <= day
        basis = Basis.legitimate_interest if has_left else Basis.contract
        start = contact.left_on if has_left else contact.client.started_on
        since = format_date(start) if start else ""
    name = basis_label(basis)
    if not since:
        return str(_("Basis: %(basis)s.", basis=name))
    return str(_("Basis: %(basis)s, since %(day)s.", basis=name, day=since))


def _of_an_issue(issue: NewsletterIssue | None) -> Iterator[str]:
    if issue is None:
        yield _("Its newsletter has been deleted since.")
        return
    yield _(
        "Issue %(number)s of the newsletter “%(name)s”, due on %(moment)s.",
        number=issue.number,
        name=issue.newsletter.name,
        moment=moments.in_words(issue.due_at),
    )
    if issue.started_at is not None:
        yield from _audience(issue.readers)


def _audience(audience: Audience) -> Iterator[str]:
    yield _("For: %(who)s.", who=circle_label(CIRCLES[audience.who]).lower())
    reasons = [label(reason) for reason in audience.reasons]
    narrowed = [*audience.services, *audience.groups, *reasons, *audience.languages]
    if narrowed:
        yield _("Its audience was narrowed down to: %(what)s.", what=", ".join(narrowed))
    scores = (audience.likelihood_from, audience.score_from, audience.score_to)
    if audience.merits_it or any(score is not None for score in scores):
        yield _("Its audience asked for how the farewell went, too, and that fitted them.")


def _of_a_greeting(mail: OutboxMessage, known: Evidence) -> Iterator[str]:
    greeting = known.greetings.get(str(mail.context.get("greeting")))
    if greeting is None:
        yield _("Its greeting has been deleted since.")
    else:
        yield _("Greeting “%(name)s”, each year anew.", name=greeting_label(greeting))
    occasion = mail.context.get("occasion")
    if occasion in set(Occasion) and mail.expires_at is not None:
        day = (mail.expires_at - LATE).astimezone(ZoneInfo(known.company.time_zone)).date()
        yield str(OCCASIONS[Occasion(occasion)]) % {"day": format_date(day, _("d MMMM"))}
    if greeting is not None and _is_as_then(greeting, mail):
        yield _("For: %(who)s.", who=circle_label(greeting.circle).lower())


def _is_as_then(greeting: Greeting, mail: OutboxMessage) -> bool:
    return greeting.updated_at <= mail.created_at
