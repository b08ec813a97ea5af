"""Why a mail went, or did not, in sentences: what asked for it, its day, and what decided.

What is not kept is not guessed: a sentence then says that it is not known any more.
"""

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import format_date, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from service.clock import local_moment
from service.events import rules as event_rules
from service.labels import (
    basis_label,
    label,
    source_of_suppression,
    why_later,
    why_not,
    why_suppressed,
)
from service.mail.kinds import RULES
from service.mail.policy import quiet_hours
from service.mail.policy.legal_basis import consent_of, last_day
from service.models import (
    END_STATES,
    Audience,
    Basis,
    Circle,
    Contact,
    Event,
    EventKind,
    Greeting,
    IssueState,
    MailKind,
    MailState,
    NewsletterIssue,
    Occasion,
    OutboxMessage,
    Outcome,
    SkipReason,
    WaitReason,
)
from service.models.audiences import Who
from service.models.greetings import LATE, circle_label, greeting_label
from service.models.steps import Anchor, Step
from service.protocols.queries.evidence import SLACK, Evidence
from service.protocols.rules.descriptions import (
    condition_in_words,
    counted_from,
    later,
    moment_in_words,
    moved_on,
    step_name,
)
from service.protocols.rules.plans import date_of, due_at_of
from service.protocols.rules.situations import Situation, reason_of

BACK = (Outcome.soft_bounced, Outcome.hard_bounced)
TRIED = (MailState.sent, MailState.uncertain, MailState.failed)

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

# The events of the departure that a reason comes from; the last one before the decision is told.
EVENTS_OF: dict[SkipReason, tuple[EventKind, ...]] = {
    SkipReason.answered: (EventKind.answer_sent,),
    SkipReason.recovery_open: (EventKind.recovery_opened,),
    SkipReason.testimonial_given: (EventKind.testimonial_submitted,),
    SkipReason.withdrawn: (EventKind.testimonial_withdrawn,),
    SkipReason.retained: (EventKind.stage_changed,),
    SkipReason.returned: (EventKind.stage_changed,),
    SkipReason.protocol_stopped: (EventKind.protocol_stopped,),
    SkipReason.step_gone: (EventKind.protocol_changed,),
}


def why(mail: OutboxMessage, known: Evidence) -> list[str]:
    """Return why a decided mail went or did not, in the order in which it was asked."""
    if mail.state not in END_STATES:
        return []
    return [*_asked_for(mail, known), *_decided(mail, known)]


def question(mail: OutboxMessage) -> str:
    """Return what `why` answers: why the reader got it, or why not."""
    reader = mail.contact or mail.member
    name = mail.contact.first_name if mail.contact else reader.name if reader else "?"
    may_have_it = mail.state in (MailState.sent, MailState.uncertain) and mail.outcome not in BACK
    if may_have_it:
        return str(_("Why did %(name)s get this?", name=name))
    return str(_("Why did %(name)s not get this?", name=name))


def _asked_for(mail: OutboxMessage, known: Evidence) -> Iterator[str]:
    """Say what asked for the mail, when that was to be, and what moved it."""
    asked = known.asked.get(mail.id)
    step = asked.step(mail.step) if asked else None
    by_hand = bool(mail.context.get("by_hand"))
    if by_hand:
        yield _sent_by(mail, known)
    if not mail.step:
        yield from _written_for(mail, known)
    elif asked is None:
        yield _("Which protocol asked for it is not kept.")
    elif not asked.protocol:
        yield _("A protocol that the departure has left since asked for it.")
    else:
        name = step_name(step) if step else label(mail.kind)
        yield _("Step “%(step)s” of the protocol “%(name)s”.", step=name, name=asked.protocol)
    if asked is not None and step is None:
        yield _("What that protocol said then of its day is not kept.")
    due_at = _due_at(mail, step, known)
    if asked is not None and step is not None and not by_hand:
        yield from _scheduled(mail, step, asked.step(step.after), known)
    if due_at is not None and not by_hand:
        yield from _moved(mail, due_at, known)


def _due_at(mail: OutboxMessage, step: Step | None, known: Evidence) -> datetime | None:
    """Return when it was to go at first: it was good for so long after that moment."""
    if mail.issue_id in known.issues:
        return known.issues[mail.issue_id or 0].due_at
    lasts = step.lasts if step else _lasts(mail)
    return mail.expires_at - lasts if mail.expires_at and lasts else None


def _anchor_day(mail: OutboxMessage, step: Step, known: Evidence) -> date | None:
    situation = known.situations[mail.departure_id or 0]
    if step.anchor is Anchor.answer:
        return situation.day_of(situation.answered_at) if situation.answered_at else None
    if step.anchor is Anchor.step:
        went = known.went.get((mail.departure_id or 0, step.after), [])
        before = [moment for moment in went if moment <= mail.created_at + SLACK]
        return situation.day_of(before[-1]) if before else None
    return date_of(step, situation)


def _scheduled(
    mail: OutboxMessage, step: Step, after: Step | None, known: Evidence
) -> Iterator[str]:
    """Say from what its day was counted, as far as that day is still the one it was then."""
    situation, day = known.situations[mail.departure_id or 0], _anchor_day(mail, step, known)
    due_at = _due_at(mail, step, known)
    if day is None:
        if due_at is not None:
            yield _("It was due on %(moment)s.", moment=moment_in_words(due_at))
        return
    on_its_day = due_at_of(step, day, _unrecorded(situation))
    is_at_once = due_at is not None and abs(due_at - mail.created_at) <= SLACK
    was_passed = is_at_once and on_its_day <= mail.created_at and due_at != on_its_day
    if due_at in (None, on_its_day, due_at_of(step, day, situation)) or was_passed:
        yield counted_from(step, day, after)
        yield later(step, situation.zone)
        yield from moved_on(step, day)
        if was_passed:
            yield _("That had passed when the departure was recorded, so it was owed at once.")
    elif due_at is not None:
        yield _("It was due on %(moment)s.", moment=moment_in_words(due_at))
        yield _("The day that it counts from has been changed since.")


def _unrecorded(situation: Situation) -> Situation:
    """Return the situation without its enrolment, so that nothing counts as recorded late."""
    return Situation(situation.departure, None, situation.zone)


def _moved(mail: OutboxMessage, due_at: datetime, known: Evidence) -> Iterator[str]:
    """Say what kept it from going at its time, for one that was tried."""
    if mail.contact is None or mail.state not in TRIED or mail.due_at - due_at <= SLACK:
        return
    ends = quiet_hours.quiet_until(mail.kind, mail.contact, due_at, known.company)
    if due_at < ends <= mail.due_at:
        yield _(
            "These were quiet hours for them, so it waited until %(moment)s.",
            moment=moment_in_words(ends),
        )
        due_at = ends
    if mail.attempts > 1 or mail.due_at - due_at <= SLACK:
        return
    until = moment_in_words(mail.due_at)
    if _is_of_the_cap(mail, due_at, known):
        yield f"{why_later(WaitReason.daily_cap)} ({until})"
    else:
        yield _("It was put off until %(moment)s; why is not kept.", moment=until)


def _is_of_the_cap(mail: OutboxMessage, due_at: datetime, known: Evidence) -> bool:
    """Say whether it was put off as the daily cap does it: to its own time of a later day."""
    if mail.contact is None or RULES[mail.kind].is_transactional:
        return False
    zone = quiet_hours.zone_of(mail.contact, known.company)
    own, then = due_at.astimezone(ZoneInfo(zone)), mail.due_at.astimezone(ZoneInfo(zone))
    days = (then.date(), then.date() - timedelta(days=1))  # quiet hours may reach into the next
    moments = [local_moment(day, own.time(), zone) for day in days if day > own.date()]
    ends = (quiet_hours.quiet_until(mail.kind, mail.contact, at, known.company) for at in moments)
    return mail.due_at in ends


def _decided(mail: OutboxMessage, known: Evidence) -> Iterator[str]:
    """Say what let it go, or what kept it, and what became of it."""
    asked = known.asked.get(mail.id)
    step = asked.step(mail.step) if asked else None
    if step is not None:
        yield from _conditions(mail, step)
    if mail.state is MailState.skipped:
        yield from _skipped(mail, known, _due_at(mail, step, known))
    elif mail.state is MailState.cancelled:
        yield _cancelled(mail, known)
    else:
        yield from _allowed(mail, known)
        yield from _tried(mail)
    yield from _looked_after(mail, known)


def _conditions(mail: OutboxMessage, step: Step) -> Iterator[str]:
    """Say which conditions held: all of one that was tried, those before the one that did not."""
    asked = step.nature.needs if mail.context.get("by_hand") else step.conditions
    if mail.state in TRIED:
        failing = None
    else:
        failing = next((one for one in asked if reason_of(one) is mail.skip_reason), None)
        if failing is None:
            return
    for condition in asked:
        words = condition_in_words(condition)
        if condition is failing:
            yield _("Did not hold: %(condition)s", condition=words)
            return
        yield _("Held: %(condition)s", condition=words)


def _tried(mail: OutboxMessage) -> Iterator[str]:
    moment = moment_in_words(mail.ended_at or mail.due_at)
    if mail.state is MailState.sent:
        yield _("The mail server took it on %(moment)s.", moment=moment)
    elif mail.state is MailState.failed:
        yield _("It was given up on %(moment)s.", moment=moment)
    else:
        yield _("The connection broke off while it was handed over. It may have arrived.")
    if mail.attempts > 1:
        yield ngettext("It took %(num)s try.", "It took %(num)s tries.", mail.attempts)
    if mail.server_words:
        yield _("The mail server said: %(words)s", words=mail.server_words)
    if mail.outcome is not None:
        at = f", {moment_in_words(mail.outcome_at)}" if mail.outcome_at else ""
        yield f"{label(mail.outcome)[0].upper()}{label(mail.outcome)[1:]}{at}."


def _sent_by(mail: OutboxMessage, known: Evidence) -> str:
    """Say who sent it by hand, as the timeline was told in the same transaction."""
    for event in known.events_of(mail, EventKind.step_sent_now):
        is_of_it = event.detail == mail.step and abs(event.at - mail.created_at) <= SLACK
        if is_of_it and event.member is not None:
            return str(
                _(
                    "%(name)s sent it by hand on %(moment)s.",
                    name=event.member.name,
                    moment=moment_in_words(event.at),
                )
            )
    return str(_("Somebody of your team sent it by hand."))


def _looked_after(mail: OutboxMessage, known: Evidence) -> Iterator[str]:
    """Say who decided about it after it had failed, or when nobody knew."""
    if mail.state not in TRIED or not mail.step:
        return
    for event in known.events_of(mail, EventKind.mail_resolved):
        if event.detail == mail.step and event.at >= mail.created_at and event.member:
            yield _(
                "%(name)s looked after it on %(moment)s.",
                name=event.member.name,
                moment=moment_in_words(event.at),
            )


def _written_for(mail: OutboxMessage, known: Evidence) -> Iterator[str]:
    """Say what asked for a mail that no protocol asks for."""
    if mail.kind is MailKind.newsletter:
        yield from _of_an_issue(known.issues.get(mail.issue_id or 0))
    elif mail.kind is MailKind.greeting:
        yield from _of_a_greeting(mail, known)
    elif mail.kind in OF_KINDS:
        yield str(OF_KINDS[mail.kind])


def _lasts(mail: OutboxMessage) -> timedelta | None:
    """Return how long after its time such a mail was good for, where that is known."""
    return LATE if mail.kind is MailKind.greeting else None


def _allowed(mail: OutboxMessage, known: Evidence) -> Iterator[str]:
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
        basis, since = Basis.consent, moment_in_words(agreed_at)
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


def _skipped(mail: OutboxMessage, known: Evidence, due_at: datetime | None) -> Iterator[str]:
    """Say why a skipped mail did not go; `due_at` is when it was to go at first, if known."""
    reason = mail.skip_reason or SkipReason.by_provider
    explain = _EXPLANATIONS.get(reason)
    if explain is not None:
        yield from explain(mail, known, due_at)
        return
    yield why_not(reason)
    if event := _last(mail, known, EVENTS_OF.get(reason, ())):
        yield _event_sentence(event)


def _cancelled(mail: OutboxMessage, known: Evidence) -> str:
    """Say who stopped it, as the timeline was told in the same transaction."""
    ended_at = mail.ended_at or mail.due_at
    moment = moment_in_words(ended_at)
    for event in known.events_of(mail, EventKind.mail_resolved):
        is_of_it = event.detail in (mail.step, mail.kind) and abs(event.at - ended_at) <= SLACK
        if is_of_it and event.member is not None:
            name = event.member.name
            return str(_("%(name)s stopped it on %(moment)s.", name=name, moment=moment))
    issue = known.issues.get(mail.issue_id or 0)
    if issue is not None and issue.state is IssueState.cancelled:
        return str(_("Its issue was cancelled on %(moment)s.", moment=moment))
    return str(_("It was stopped by hand on %(moment)s; by whom is not kept.", moment=moment))


def _event_sentence(event: Event) -> str:
    """Say an event with its day and who did it."""
    moment = moment_in_words(event.at)
    who = f", {event.member.name}" if event.member else ""
    return f"{event_rules.sentence(event)}: {moment}{who}."


def _last(mail: OutboxMessage, known: Evidence, kinds: tuple[EventKind, ...]) -> Event | None:
    until = (mail.ended_at or mail.due_at) + SLACK
    before = [event for event in known.events_of(mail, *kinds) if event.at <= until]
    return before[-1] if before else None


def _suppressed(mail: OutboxMessage, known: Evidence, _due_at: datetime | None) -> Iterator[str]:
    change = known.stopping.get(mail.id)
    if change is None:
        yield why_not(SkipReason.suppressed)
        return
    yield why_suppressed(change.reason)
    moment = moment_in_words(change.at)
    yield _listed(moment, source_of_suppression(change.source))
    if change.member is not None:
        yield _("%(name)s wrote it down.", name=change.member.name)
    if change.why:
        yield f"“{change.why}”"


def _listed(moment: str, source: str) -> str:
    if not source:
        return str(_("On the list of those who get no mail since %(moment)s.", moment=moment))
    return str(
        _(
            "On the list of those who get no mail since %(moment)s: %(source)s.",
            moment=moment,
            source=source,
        )
    )


def _no_consent(mail: OutboxMessage, known: Evidence, _due_at: datetime | None) -> Iterator[str]:
    yield why_not(SkipReason.no_consent)
    said = known.refusals.get(mail.id)
    if said is None:
        return
    moment = moment_in_words(said.given_at)
    source = source_of_suppression(said.channel)
    yield _("They said no on %(moment)s: %(source)s.", moment=moment, source=source)
    if said.member is not None:
        yield _("%(name)s wrote it down.", name=said.member.name)


def _basis_ended(mail: OutboxMessage, known: Evidence, _due_at: datetime | None) -> Iterator[str]:
    yield why_not(SkipReason.basis_ended)
    contact, ended_at = mail.contact, mail.ended_at or mail.due_at
    end = last_day(contact, known.company) if contact else None
    if contact is None or contact.left_on is None or end is None:
        return
    if end < ended_at.astimezone(known.company.zone).date():  # else a sign of life came since
        yield _(
            "They left on %(day)s; %(last)s was the last day to write to them without a yes.",
            day=format_date(contact.left_on),
            last=format_date(end),
        )


def _left_recently(
    mail: OutboxMessage, _known: Evidence, _due_at: datetime | None
) -> Iterator[str]:
    yield why_not(SkipReason.left_recently)
    if mail.contact is not None and mail.contact.left_on is not None:
        yield _("They leave or left on %(day)s.", day=format_date(mail.contact.left_on))


def _expired(mail: OutboxMessage, _known: Evidence, due_at: datetime | None) -> Iterator[str]:
    yield why_not(SkipReason.expired)
    if mail.expires_at is None:
        return
    until = moment_in_words(mail.expires_at)
    if due_at is None:
        yield _("It could go until %(moment)s.", moment=until)
        return
    days = (mail.expires_at - due_at).days
    yield ngettext(
        "It could go until %(moment)s, %(num)s day after its time.",
        "It could go until %(moment)s, %(num)s days after its time.",
        days,
        moment=until,
    )


def _by_provider(mail: OutboxMessage, known: Evidence, _due_at: datetime | None) -> Iterator[str]:
    if mail.kind is MailKind.greeting:
        yield _("The greeting was switched off before it went.")
        return
    for event in known.events_of(mail, EventKind.step_skipped):
        is_of_it = event.detail == mail.step and mail.state is MailState.skipped
        if is_of_it and abs(event.at - (mail.ended_at or event.at)) <= SLACK and event.member:
            yield _(
                "%(name)s skipped it on %(moment)s.",
                name=event.member.name,
                moment=moment_in_words(event.at),
            )
            return
    yield why_not(SkipReason.by_provider)


def _withdrawn(mail: OutboxMessage, known: Evidence, _due_at: datetime | None) -> Iterator[str]:
    if mail.issue_id in known.issues:
        yield _("Its issue was cancelled before it went.")
        return
    yield why_not(SkipReason.withdrawn)
    if event := _last(mail, known, EVENTS_OF[SkipReason.withdrawn]):
        yield _event_sentence(event)


_Explanation = Callable[[OutboxMessage, Evidence, datetime | None], Iterator[str]]
_EXPLANATIONS: dict[SkipReason, _Explanation] = {
    SkipReason.suppressed: _suppressed,
    SkipReason.no_consent: _no_consent,
    SkipReason.basis_ended: _basis_ended,
    SkipReason.left_recently: _left_recently,
    SkipReason.expired: _expired,
    SkipReason.by_provider: _by_provider,
    SkipReason.withdrawn: _withdrawn,
}
