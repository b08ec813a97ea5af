"""What asked for a mail and what it rests on, in sentences. Pure."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import format_date
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from service.labels import basis_label, label
from service.mail.decision import Decision
from service.mail.kinds import RULES
from service.mail.policy.legal_basis import consent_of
from service.models import (
    Audience,
    Basis,
    Circle,
    Contact,
    MailKind,
    NewsletterIssue,
    Occasion,
    OutboxMessage,
)
from service.models.audiences import Who
from service.models.greetings import OF_OCCASIONS, circle_label
from service.models.steps import Anchor
from service.protocols.rules.descriptions import (
    counted_from,
    delay_in_words,
    later,
    moment_in_words,
    moved_on,
)

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


def counted(decision: Decision, due_on: date) -> Iterator[str]:
    """Say from which day the mail of a step counts, and how its own day comes of it."""
    step, after = decision.step, _step_before(decision)
    if step is None:
        return
    if decision.day is None and step.anchor is Anchor.step:
        yield _(
            "%(delay)s after the mail “%(mail)s”: on %(day)s.",
            delay=delay_in_words(step),
            mail=after,
            day=format_date(due_on),
        )
        return
    yield counted_from(step, decision.day, after)
    if decision.day is not None:
        yield later(step, decision.zone)
        yield from moved_on(step, decision.day)


def _step_before(decision: Decision) -> str:
    """Return what the step is called that the step of `decision` counts from."""
    name = decision.step.after if decision.step else ""
    kind = name.partition("-")[0]
    return decision.after or (label(MailKind(kind)) if kind in list(MailKind) else name)


def of_a_greeting(mail: OutboxMessage, decision: Decision) -> Iterator[str]:
    """Say which greeting it is, what day it is for, and to whom it goes."""
    kept = mail.context.get("occasion")
    occasion = decision.occasion or (Occasion(kept) if kept in set(Occasion) else None)
    if occasion is None:
        return
    name = decision.name or str(OF_OCCASIONS[occasion])
    yield _("Greeting “%(name)s”, each year anew.", name=name)
    if decision.day is not None:
        yield str(OCCASIONS[occasion]) % {"day": format_date(decision.day, _("d MMMM"))}
    if decision.circle is not None:
        yield _("For: %(who)s.", who=circle_label(decision.circle).lower())


def of_an_issue(issue: NewsletterIssue | None) -> Iterator[str]:
    """Say which issue of which newsletter it is, and whom its audience is."""
    if issue is None:
        yield _("Its newsletter has been deleted since.")
        return
    yield _(
        "Issue %(number)s of the newsletter “%(name)s”, due on %(moment)s.",
        number=issue.number,
        name=issue.newsletter.name,
        moment=moment_in_words(issue.due_at),
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


def on_basis(basis: Basis, since: Any) -> str:
    """Say what writing to somebody rests on, and since which day or, of a yes, which moment."""
    name = basis_label(basis)
    if since is None:
        return str(_("Basis: %(basis)s.", basis=name))
    day = moment_in_words(since) if isinstance(since, datetime) else format_date(since)
    return str(_("Basis: %(basis)s, since %(day)s.", basis=name, day=day))


def basis_of_news(contact: Contact, mail: OutboxMessage, zone: ZoneInfo) -> tuple[Basis, Any]:
    """Return what a mail of a newsletter rested on: its row keeps none, thousands are written.

    A yes, or a departure, that came after it was not there then.
    """
    ended_at = mail.ended_at or mail.due_at
    purpose = RULES[mail.kind].purpose
    agreed_at = consent_of(contact, purpose) if purpose else None
    if agreed_at is not None and agreed_at <= ended_at:
        return Basis.consent, agreed_at
    day = ended_at.astimezone(zone).date()
    if contact.left_on is not None and contact.left_on <= day:
        return Basis.legitimate_interest, contact.left_on
    return Basis.contract, contact.client.started_on
