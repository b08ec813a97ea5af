"""Why a mail goes, or does not: each thing that decides it, in a sentence. Words only."""

from datetime import date, datetime, timedelta

from flask_babel import format_date
from flask_babel import gettext as _

from service.clock import now
from service.deliveries.queries.forecast import Line
from service.labels import why_later, why_not
from service.mail.kinds import RULES
from service.models.departures import Departure
from service.models.outbox import WaitReason
from service.models.steps import Anchor, Condition, Step
from service.protocols.rules.descriptions import (
    condition_in_words,
    counted_from,
    delay_in_words,
    later,
    moment_in_words,
    moved_on,
    step_name,
)
from service.protocols.rules.forecasts import Forecast
from service.protocols.rules.plans import date_of
from service.protocols.rules.situations import Situation, unmet


def why(line: Line) -> list[str]:
    """Return what decides about `line`, in the order in which it is asked."""
    if line.foretold is not None:
        return _of_a_step(*line.foretold)
    if line.mail is not None:
        return [
            _("It is written and waits for its time."),
            *_quiet(max(line.mail.due_at, now()), line.at),
        ]
    if line.newsletter is not None:
        return [_("It is scheduled, to those who fit its audience then and may get news.")]
    said = [_("It is their day: each year anew, to those who may get greetings then.")]
    return [*said, why_not(line.reason)] if line.reason else said


def _of_a_step(situation: Situation, item: Forecast) -> list[str]:
    step, departure = item.step, situation.departure
    anchor = _anchor_day(situation, item)
    said = [_anchored(step, situation, anchor, item)]
    if anchor is not None:
        said += _delayed(step, anchor, situation, item)
    if item.is_assumed:
        said.append(_("This takes it that the mail before goes on its day."))
    if item.reason is not None:
        return [*said, why_not(item.reason)]
    said += _quiet(max(item.due_at, now()), item.goes_at)
    said += [_condition(condition, situation, item) for condition in step.conditions]
    return [*said, _gate(step, departure)]


def _anchor_day(situation: Situation, item: Forecast) -> date | None:
    step = item.step
    if step.anchor.is_date:
        return date_of(step, situation)
    if step.anchor is Anchor.answer and situation.answered_at is not None:
        return situation.day_of(situation.answered_at)
    mail = situation.mails.get(step.after)
    if mail is not None and mail.ended_at is not None:
        return situation.day_of(mail.ended_at)
    return None


def _anchored(step: Step, situation: Situation, day: date | None, item: Forecast) -> str:
    after = situation.step(step.after)
    if step.anchor is not Anchor.step or day is not None:
        return counted_from(step, day, after)
    return str(
        _(
            "%(delay)s after the mail “%(mail)s”: on %(day)s.",
            delay=delay_in_words(step),
            mail=step_name(after) if after else step.after,
            day=format_date(situation.day_of(item.due_at)),
        )
    )


def _delayed(step: Step, anchor: date, situation: Situation, item: Forecast) -> list[str]:
    said = [later(step, situation.zone), *moved_on(step, anchor)]
    plain = step.day_after(anchor)
    if situation.day_of(item.due_at) > plain or _was_late(item, plain, situation):
        said.append(_("That had passed when the departure was recorded, so it goes at once."))
    return said


def _was_late(item: Forecast, plain: date, situation: Situation) -> bool:
    enrolled_at = situation.enrolment.enrolled_at if situation.enrolment else None
    return item.due_at == enrolled_at and situation.day_of(item.due_at) >= plain


def _quiet(due_at: datetime, goes_at: datetime) -> list[str]:
    if goes_at - due_at < timedelta(minutes=1):
        return []
    until = moment_in_words(goes_at)
    return [f"{why_later(WaitReason.quiet_hours)} ({until})"]


def _condition(condition: Condition, situation: Situation, item: Forecast) -> str:
    holds = unmet(condition, situation, item.due_at) is None
    said = condition_in_words(condition)
    return f"✓ {said}" if holds else said


def _gate(step: Step, departure: Departure) -> str:
    if RULES[step.kind].is_transactional:
        return str(_("It is owed to them, so only a dead address stops it."))
    return str(
        _("%(email)s is on no list of those who get no such mail.", email=departure.contact.email)
    )
