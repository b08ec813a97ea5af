"""Why a mail went, or did not: what asked for it, counted from what, and what decided. Words only.

What is not kept is not guessed: a sentence then says that it is not known any more.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from flask_babel import gettext as _
from flask_babel import ngettext

from service.clock import local_moment
from service.labels import label, why_later
from service.mail.kinds import RULES
from service.mail.policy import quiet_hours
from service.models import (
    END_STATES,
    EventKind,
    MailState,
    OutboxMessage,
    Outcome,
    WaitReason,
)
from service.models.steps import Anchor, Step
from service.protocols.queries import mailings, moments, refusals
from service.protocols.queries.evidence import SLACK, Evidence
from service.protocols.rules.conditions import reason_of
from service.protocols.rules.plans import date_of, due_at_of
from service.protocols.rules.situations import Situation
from service.protocols.rules.step_names import step_name
from service.protocols.rules.step_words import condition_in_words, counted_from, later, moved_on

BACK = (Outcome.soft_bounced, Outcome.hard_bounced)
TRIED = (MailState.sent, MailState.uncertain, MailState.failed)


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
        yield from mailings.why(mail, known)
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
    lasts = step.lasts if step else mailings.lasts(mail)
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
            yield _("It was due on %(moment)s.", moment=_at(due_at))
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
        yield _("It was due on %(moment)s.", moment=_at(due_at))
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
        yield _("These were quiet hours for them, so it waited until %(moment)s.", moment=_at(ends))
        due_at = ends
    if mail.attempts > 1 or mail.due_at - due_at <= SLACK:
        return
    until = _at(mail.due_at)
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
        yield from refusals.why(mail, known, _due_at(mail, step, known))
    elif mail.state is MailState.cancelled:
        yield refusals.cancelled(mail, known)
    else:
        yield from mailings.allowed(mail, known)
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
    moment = _at(mail.ended_at or mail.due_at)
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
        at = f", {_at(mail.outcome_at)}" if mail.outcome_at else ""
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
                    moment=_at(event.at),
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
                moment=_at(event.at),
            )


def _at(moment: datetime) -> str:
    return moments.in_words(moment)
