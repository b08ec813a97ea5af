"""What is wrong with a sequence of steps, as sentences that say what to fix. Pure.

What passes here never makes plans.plan loop or raise.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from flask_babel import gettext as _

from service.labels import label
from service.models.outbox import MailKind
from service.models.steps import EVERY_DAY, Anchor, Step, Unit
from service.protocols.rules.descriptions import step_name

MOST_STEPS = 30
LONGEST_STALE = 365  # days
LONGEST_TITLE = 80
Faults = Iterator[tuple[str, str]]  # the field and the sentence
LONGEST = {Unit.days: 5 * 366, Unit.weeks: 5 * 52, Unit.months: 5 * 12}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to fix: at which step ("" is the sequence), in which field of it, and how."""

    step: str
    field: str
    sentence: str


def check(steps: Sequence[Step]) -> list[Fault]:
    """Return everything that is wrong with `steps`, in order; empty when they can be saved."""
    faults = [Fault("", "", sentence) for sentence in _of_all(steps)]
    for step in steps:
        faults += [Fault(step.name, field, sentence) for field, sentence in _of_one(step, steps)]
    return faults


def _of_all(steps: Sequence[Step]) -> Iterator[str]:
    if len(steps) > MOST_STEPS:
        yield _("A protocol has %(most)s steps at most: remove some.", most=MOST_STEPS)
    if len({step.name for step in steps}) < len(steps):
        yield _("The same step is there twice: remove one of them.")


def _of_one(step: Step, steps: Sequence[Step]) -> Faults:
    for ask in (_kind, _delay, _days, _anchor):
        yield from ask(step, steps)


def _kind(step: Step, steps: Sequence[Step]) -> Faults:
    if step.nature.is_once and sum(one.kind is step.kind for one in steps) > 1:
        yield "kind", _("“%(mail)s” goes once only: remove one of them.", mail=label(step.kind))
    if step.kind is MailKind.own_text and not step.title.strip():
        yield "title", _("Give it a title, so that your team knows which mail it is.")
    if len(step.title) > LONGEST_TITLE:
        yield "title", _("Shorten it to %(most)s characters.", most=LONGEST_TITLE)


def _delay(step: Step, _steps: Sequence[Step]) -> Faults:
    most = LONGEST[step.unit]
    if step.count < 0:
        yield "count", _("It cannot go before the day it is counted from: write 0 or more.")
    elif step.count == 0 and step.anchor is Anchor.step:
        yield "count", _("Two mails cannot go on the same day: write 1 or more.")
    elif step.count > most:
        yield "count", _("That is more than five years: write %(most)s at most.", most=most)
    if not 1 <= step.stale_after <= LONGEST_STALE:
        yield "stale_after", _("Write from 1 to %(most)s days.", most=LONGEST_STALE)


def _days(step: Step, _steps: Sequence[Step]) -> Faults:
    if not step.weekdays or not step.weekdays <= EVERY_DAY:
        yield "weekdays", _("Tick at least one day of the week.")


def _anchor(step: Step, steps: Sequence[Step]) -> Faults:
    chain = chain_of(step, steps)
    sentence = _broken(step, chain, steps) or _misplaced(step, chain, steps)
    if sentence is not None:
        yield "anchor", sentence


def _broken(step: Step, chain: Sequence[Step] | None, steps: Sequence[Step]) -> str | None:
    """Return a sentence when what the step counts from never comes."""
    if chain is None:
        return str(_("These mails wait for one another: count one of them from a date."))
    if step.kind is MailKind.survey_invitation and chain[-1].anchor is Anchor.answer:
        return str(_("The answer comes after the survey: count the survey from a date."))
    if step.anchor is not Anchor.step:
        return None
    before = next((one for one in steps if one.name == step.after), None)
    if before is None:
        return str(_("The mail that it is counted from is not there: choose another one."))
    if step.is_on and not before.is_on:
        return str(
            _(
                "“%(mail)s” is counted from “%(before)s”, which is off: switch both off, or count "
                "it from something else.",
                mail=step_name(step),
                before=step_name(before),
            )
        )
    return None


def _misplaced(step: Step, chain: Sequence[Step] | None, steps: Sequence[Step]) -> str | None:
    """Return a sentence when this kind of mail cannot be counted from that."""
    reminded = step.nature.reminds_of
    before = next((one for one in steps if one.name == step.after), None)
    if reminded and (before is None or step.anchor is not Anchor.step or before.kind != reminded):
        sentence = _(
            "“%(mail)s” reminds of “%(before)s”: count it from that mail.",
            mail=label(step.kind),
            before=label(reminded),
        )
        return str(sentence)
    first = next((one for one in steps if one.kind is MailKind.survey_reminder_1), None)
    if step.kind is MailKind.survey_reminder_2 and first and not _is_later(step, first):
        sentence = _(
            "“%(mail)s” says that it is the last one: let it go later than “%(before)s”.",
            mail=label(step.kind),
            before=label(first.kind),
        )
        return str(sentence)
    root = chain[-1].anchor if chain else step.anchor
    if step.kind is MailKind.testimonial_request and root is not Anchor.answer:
        return str(_("A testimonial is asked for after the answer: count it from the answer."))
    asks = any(one.is_on and one.kind is MailKind.survey_invitation for one in steps)
    if step.is_on and step.anchor is Anchor.answer and not asks:
        return str(_("Nobody answers without the survey: add it or switch it on first."))
    return None


def _is_later(step: Step, other: Step) -> bool:
    """Return whether `step` counts more days than `other`, as far as both can be counted."""
    day = date(2026, 1, 1)  # any
    can_be_counted = not [*_delay(step, ()), *_delay(other, ())]
    return not can_be_counted or step.counted_from(day) > other.counted_from(day)


def chain_of(step: Step, steps: Sequence[Step]) -> list[Step] | None:
    """Return the step and those it is counted from, up to a day; None when they go in a circle."""
    named = {one.name: one for one in steps}
    chain, names = [step], {step.name}
    while chain[-1].anchor is Anchor.step and chain[-1].after in named:
        before = named[chain[-1].after]
        if before.name in names:
            return None
        chain.append(before)
        names.add(before.name)
    return chain
