"""Names of protocols and steps, and sentences about when a step goes and on what conditions.

The editor of protocols, the forecast and the pages about mails that went share them. Pure.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from flask_babel import format_date, format_time, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from service.labels import WEEKDAYS, label
from service.models.protocols import Protocol
from service.models.steps import EVERY_DAY, Anchor, Condition, Step, Unit

BUILT_IN_NAMES: dict[str, Any] = {
    "default": _l("The whole farewell"),
    "short": _l("A short farewell"),
    "project_finished": _l("Project finished"),
}


def protocol_name(protocol: Protocol) -> str:
    """Return the name of a protocol: the one the team gave it, or that of the built-in one."""
    built_in = protocol.built_in or ""
    return protocol.name or str(BUILT_IN_NAMES.get(built_in, built_in))


def step_name(step: Step) -> str:
    """Return the name of a step: the title the team gave it, or its kind of mail."""
    return step.title or label(step.kind)


@dataclass(frozen=True, slots=True)
class _Words:
    """The name of an anchor, and the whole sentences with it, as languages inflect it."""

    name: Any
    after: Any
    same_day: Any
    waits: Any


_ANCHORS: dict[Anchor, _Words] = {
    Anchor.notice: _Words(
        _l("the day of notice"),
        _l("%(delay)s after the day of notice, at %(time)s"),
        _l("On the day of notice, at %(time)s"),
        _l("Waits for the day of notice."),
    ),
    Anchor.conversation: _Words(
        _l("the conversation"),
        _l("%(delay)s after the conversation, at %(time)s"),
        _l("On the day of the conversation, at %(time)s"),
        _l("Waits for the conversation."),
    ),
    Anchor.handover: _Words(
        _l("the start of the handover"),
        _l("%(delay)s after the start of the handover, at %(time)s"),
        _l("On the day the handover starts, at %(time)s"),
        _l("Waits until the handover begins."),
    ),
    Anchor.end: _Words(
        _l("the end date"),
        _l("%(delay)s after the end date, at %(time)s"),
        _l("On the end date, at %(time)s"),
        _l("Waits for the end date."),
    ),
    Anchor.closing: _Words(
        _l("the closing"),
        _l("%(delay)s after the closing, at %(time)s"),
        _l("On the day of the closing, at %(time)s"),
        _l("Waits until the departure is closed."),
    ),
    Anchor.answer: _Words(
        _l("the answer to the survey"),
        _l("%(delay)s after the answer, at %(time)s"),
        _l("On the day of the answer, at %(time)s"),
        _l("%(delay)s after the answer, when it is deserved."),
    ),
    Anchor.step: _Words(
        _l("another mail"),
        _l("%(delay)s after “%(mail)s” went, at %(time)s"),
        _l("On the day that “%(mail)s” went, at %(time)s"),
        _l("%(delay)s after the mail before it."),
    ),
}
ANCHORS: dict[Anchor, Any] = {anchor: words.name for anchor, words in _ANCHORS.items()}
CONDITIONS: dict[Condition, Any] = {
    Condition.unanswered: _l("only while the survey is unanswered"),
    Condition.answered: _l("only once they have answered"),
    Condition.survey_open: _l("only while the survey can be answered"),
    Condition.testimonial_open: _l("only while a testimonial can be written"),
    Condition.no_testimonial: _l("only without a testimonial yet"),
    Condition.no_recovery: _l("not while something that went wrong is open"),
    Condition.no_quality_reason: _l("not when service or quality is among the reasons"),
    Condition.not_ended_by_us: _l("not when we ended it"),
    Condition.keep_in_touch: _l("only if you keep in touch with them"),
}
UNITS: dict[Unit, Any] = {
    Unit.days: _l("days"),
    Unit.weeks: _l("weeks"),
    Unit.months: _l("months"),
}


def delay_in_words(step: Step) -> str:
    """Return a step's delay as people say it, such as "3 days"."""
    counted = {
        Unit.days: ngettext("%(num)s day", "%(num)s days", step.count),
        Unit.weeks: ngettext("%(num)s week", "%(num)s weeks", step.count),
        Unit.months: ngettext("%(num)s month", "%(num)s months", step.count),
    }
    return str(counted[step.unit])


def when_in_words(step: Step, steps: tuple[Step, ...]) -> str:
    """Say when a step goes, such as "3 days after the end date, at 10:00"."""
    words = _ANCHORS[step.anchor]
    after = next((step_name(one) for one in steps if one.name == step.after), "?")
    at = format_time(step.at, "short")
    sentence = words.after if step.count else words.same_day
    return str(sentence) % {"delay": delay_in_words(step), "mail": after, "time": at}


def waits_for(step: Step) -> str:
    """Say what a step without a day waits for."""
    return str(_ANCHORS[step.anchor].waits) % {"delay": delay_in_words(step)}


def counted_from(step: Step, day: date | None, after: str) -> str:
    """Say from which day a step counts; `after` is the name of the step that the anchor means."""
    date_text = format_date(day) if day else "?"
    if step.anchor is Anchor.step:
        sentence = _(
            "Counts from the mail “%(mail)s”, which went on %(day)s.", mail=after, day=date_text
        )
        return str(sentence)
    anchor = str(ANCHORS[step.anchor])
    return str(_("Counts from %(anchor)s, %(day)s.", anchor=anchor, day=date_text))


def later(step: Step, zone: str) -> str:
    """Say how long after the day that it counts from a step goes, and at what time."""
    at = format_time(step.at, "short")
    if not step.count:
        return str(_("The same day, at %(time)s in %(zone)s.", time=at, zone=zone))
    delay = delay_in_words(step)
    return str(_("%(delay)s later, at %(time)s in %(zone)s.", delay=delay, time=at, zone=zone))


def moved_on(step: Step, anchor: date) -> list[str]:
    """Say that the step moves on, in a list, when its day is a weekday it does not go on."""
    day = step.counted_from(anchor)
    if day == step.day_after(anchor):
        return []
    full = format_date(day, "full")
    return [str(_("%(day)s is a day it does not go on, so it moves on.", day=full))]


def condition_in_words(condition: Condition) -> str:
    """Return a condition as a whole sentence."""
    words = str(CONDITIONS[condition])
    return f"{words[0].upper()}{words[1:]}."


def limits_in_words(step: Step) -> list[str]:
    """Return the other limits of a step: its weekdays, conditions, and how late is too late."""
    limits = []
    if step.weekdays != EVERY_DAY:
        days = ", ".join(str(WEEKDAYS[day]) for day in sorted(step.weekdays))
        limits.append(str(_("only on: %(days)s", days=days)))
    limits += [str(CONDITIONS[condition]) for condition in step.conditions]
    late = ngettext(
        "not when it would be %(num)d day late or more",
        "not when it would be %(num)d days late or more",
        step.stale_after,
    )
    return [*limits, str(late)]


def moment_in_words(moment: datetime) -> str:
    """Return a moment inside a sentence, such as "24 nov 2026, 9:00"."""
    return f"{format_date(moment, 'medium')}, {format_time(moment, 'short')}"


# How templates call them; blueprints.py adds these filters.
FILTERS: dict[str, Callable[..., object]] = {
    "protocol_name": protocol_name,
    "step_name": step_name,
    "step_when": when_in_words,
    "step_limits": limits_in_words,
    "anchor_name": lambda anchor: str(ANCHORS[anchor]),
}
