"""What protocols, their steps and the parts of a step are called on provider pages. Words only."""

from typing import Any

from flask_babel import format_time, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from service.models.labels import delay_in_words, label
from service.models.protocols import Protocol
from service.models.steps import EVERY_DAY, Anchor, Condition, Step, Unit

BUILT_IN_NAMES: dict[str, Any] = {
    "default": _l("The whole farewell"),
    "short": _l("A short farewell"),
    "project_finished": _l("Project finished"),
}
ANCHORS: dict[Anchor, Any] = {
    Anchor.notice: _l("the day of notice"),
    Anchor.conversation: _l("the conversation"),
    Anchor.handover: _l("the start of the handover"),
    Anchor.end: _l("the end date"),
    Anchor.closing: _l("the closing"),
    Anchor.answer: _l("the answer to the survey"),
    Anchor.step: _l("another mail"),
}
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
WEEKDAYS: tuple[Any, ...] = (
    _l("Monday"),
    _l("Tuesday"),
    _l("Wednesday"),
    _l("Thursday"),
    _l("Friday"),
    _l("Saturday"),
    _l("Sunday"),
)


def protocol_name(protocol: Protocol) -> str:
    """Return what a protocol is called: its own name, or that of the built-in one."""
    built_in = protocol.built_in or ""
    return protocol.name or str(BUILT_IN_NAMES.get(built_in, built_in))


def step_name(step: Step) -> str:
    """Return what a step is called: the team's title for it, or its kind of mail."""
    return step.title or label(step.kind)


def when_in_words(step: Step, steps: tuple[Step, ...]) -> str:
    """Say when a step goes, such as "3 days after the end date, at 10:00"."""
    delay = delay_in_words(step.count, step.unit)
    at = format_time(step.at, "short")
    after = next((step_name(one) for one in steps if one.name == step.after), "?")
    if step.count == 0:
        return _same_day(step.anchor, at)
    sentences = {
        Anchor.notice: _("%(delay)s after the day of notice, at %(time)s", delay=delay, time=at),
        Anchor.conversation: _(
            "%(delay)s after the conversation, at %(time)s", delay=delay, time=at
        ),
        Anchor.handover: _(
            "%(delay)s after the start of the handover, at %(time)s", delay=delay, time=at
        ),
        Anchor.end: _("%(delay)s after the end date, at %(time)s", delay=delay, time=at),
        Anchor.closing: _("%(delay)s after the closing, at %(time)s", delay=delay, time=at),
        Anchor.answer: _("%(delay)s after the answer, at %(time)s", delay=delay, time=at),
        Anchor.step: _(
            "%(delay)s after “%(mail)s” went, at %(time)s", delay=delay, mail=after, time=at
        ),
    }
    return str(sentences[step.anchor])


def _same_day(anchor: Anchor, at: str) -> str:
    sentences = {
        Anchor.notice: _("On the day of notice, at %(time)s", time=at),
        Anchor.conversation: _("On the day of the conversation, at %(time)s", time=at),
        Anchor.handover: _("On the day the handover starts, at %(time)s", time=at),
        Anchor.end: _("On the end date, at %(time)s", time=at),
        Anchor.closing: _("On the day of the closing, at %(time)s", time=at),
        Anchor.answer: _("On the day of the answer, at %(time)s", time=at),
    }
    return str(sentences.get(anchor, at))


def limits_in_words(step: Step) -> list[str]:
    """Say what else a step asks: its weekdays, its conditions, and how late is too late."""
    said = []
    if step.weekdays != EVERY_DAY:
        days = ", ".join(str(WEEKDAYS[day]) for day in sorted(step.weekdays))
        said.append(str(_("only on: %(days)s", days=days)))
    said += [str(CONDITIONS[condition]) for condition in step.conditions]
    late = ngettext(
        "not when it would be %(num)d day late or more",
        "not when it would be %(num)d days late or more",
        step.stale_after,
    )
    return [*said, str(late)]
