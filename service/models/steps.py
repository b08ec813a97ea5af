"""One step of a protocol as data: what it sends, when, and on which conditions. Pure.

What the steps come to for one departure is in protocols/rules/plans.py.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any

from dateutil.relativedelta import relativedelta
from sqlalchemy import Dialect, Text, TypeDecorator

from service.models.outbox import MailKind
from service.models.surveys import InvitationKind

EVERY_DAY = frozenset(range(7))  # 0 is Monday


class Anchor(StrEnum):
    """What a step's delay is counted from."""

    notice = "notice"
    conversation = "conversation"
    handover = "handover"
    end = "end"
    closing = "closing"
    answer = "answer"
    step = "step"  # the day that another step's mail went

    @property
    def is_date(self) -> bool:
        """Whether it is a day of the departure itself, not one that an answer or a mail makes."""
        return self not in (Anchor.answer, Anchor.step)


class Unit(StrEnum):
    """What a delay is counted in."""

    days = "days"
    weeks = "weeks"
    months = "months"


class Condition(StrEnum):
    """What a step may ask before it goes; protocols/rules/situations.py asks it."""

    unanswered = "unanswered"
    answered = "answered"
    survey_open = "survey_open"
    testimonial_open = "testimonial_open"
    no_testimonial = "no_testimonial"
    no_recovery = "no_recovery"
    no_quality_reason = "no_quality_reason"
    not_ended_by_us = "not_ended_by_us"
    keep_in_touch = "keep_in_touch"


@dataclass(frozen=True, slots=True)
class Nature:
    """What comes with a kind of mail, wherever a protocol puts it.

    `reminds_of` is the kind whose mail it is threaded under, so it is counted from that step.
    `is_owed`: recorded late, it goes in the next hours in which mails go, and what an open recovery
    held back once that is closed; any other one whose day had passed goes no more.
    `is_once`: a protocol has one step of it at most, under its own name in every protocol, so that
    nobody gets it twice by changing from one protocol to another.
    """

    needs: tuple[Condition, ...] = ()
    invites_to: InvitationKind | None = None
    reminds_of: MailKind | None = None
    is_owed: bool = False
    is_once: bool = True


_UNANSWERED = (Condition.unanswered, Condition.survey_open)
_PRAISED = (Condition.no_testimonial, Condition.no_recovery)
_IN_TOUCH = (Condition.keep_in_touch, Condition.no_recovery)
# The kinds that a step may send.
NATURES: dict[MailKind, Nature] = {
    MailKind.thank_you: Nature(is_owed=True),
    MailKind.survey_invitation: Nature(invites_to=InvitationKind.survey, is_owed=True),
    MailKind.survey_reminder_1: Nature(_UNANSWERED, reminds_of=MailKind.survey_invitation),
    MailKind.survey_reminder_2: Nature(_UNANSWERED, reminds_of=MailKind.survey_invitation),
    MailKind.testimonial_request: Nature(_PRAISED, invites_to=InvitationKind.testimonial),
    MailKind.testimonial_reminder: Nature(
        (*_PRAISED, Condition.testimonial_open), reminds_of=MailKind.testimonial_request
    ),
    MailKind.closing_letter: Nature((Condition.no_recovery,), is_owed=True),
    MailKind.door_open: Nature(_IN_TOUCH, is_once=False),
    MailKind.own_text: Nature(is_once=False),
}


@dataclass(frozen=True, slots=True)
class Step:
    """One mail of a protocol: `count` `unit` after the anchor's local day, at the local time `at`.

    `name` says across versions and protocols which step it is: its kind, and where a protocol may
    have more than one of the kind, a dash and a mark of its own. `weekdays` (0 is Monday) are those
    it may go on; another day moves it to the next one that is allowed. One that could not go within
    `stale_after` days of its time goes no more. `only_if` comes beside what its kind needs. `after`
    names the step that the anchor `step` means.
    """

    name: str
    kind: MailKind
    anchor: Anchor
    count: int
    at: time
    stale_after: int
    unit: Unit = Unit.days
    after: str = ""
    weekdays: frozenset[int] = EVERY_DAY
    only_if: tuple[Condition, ...] = ()
    is_on: bool = True
    title: str = ""  # what the team calls a step with a text of its own

    @property
    def nature(self) -> Nature:
        """What comes with its kind."""
        return NATURES[self.kind]

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """Everything that has to hold when it goes: what the kind needs, and what was chosen."""
        needs = self.nature.needs
        return needs + tuple(condition for condition in self.only_if if condition not in needs)

    @property
    def invites_to(self) -> InvitationKind | None:
        """The link that its mail opens."""
        return self.nature.invites_to

    @property
    def under(self) -> str | None:
        """The step whose mail it is threaded under, if it reminds of one."""
        return self.after if self.nature.reminds_of else None

    @property
    def lasts(self) -> timedelta:
        """How late is not yet too late."""
        return timedelta(days=self.stale_after)

    def day_after(self, anchor: date) -> date:
        """Return the day it goes when it counts from `anchor`.

        A month has no 31st: the last day of the month it has. Months are counted before weekdays.
        """
        return self.next_allowed(self.counted_from(anchor))

    def counted_from(self, anchor: date) -> date:
        """Return the day that the delay alone comes to, whatever its weekday."""
        if self.unit is Unit.months:
            return anchor + relativedelta(months=self.count)
        return anchor + timedelta(**{self.unit.value: self.count})

    def next_allowed(self, day: date) -> date:
        """Return `day`, or the first one after it on which the step may go."""
        if self.weekdays == EVERY_DAY:
            return day
        ahead = (day + timedelta(days=more) for more in range(7))
        return next((d for d in ahead if d.weekday() in self.weekdays), day)


def to_json(steps: Sequence[Step]) -> str:
    """Return steps as they are kept: a list of plain values, defaults left out."""
    return json.dumps([plain(step) for step in steps], ensure_ascii=False)


@lru_cache(maxsize=256)
def from_json(text: str) -> tuple[Step, ...]:
    """Return the steps that `to_json` wrote. Every departure asks, so the answer is kept."""
    return tuple(from_plain(values) for values in json.loads(text))


def plain(step: Step) -> dict[str, Any]:
    """Return a step as values of JSON, defaults left out."""
    values: dict[str, Any] = {
        "name": step.name,
        "kind": step.kind.value,
        "anchor": step.anchor.value,
        "count": step.count,
        "unit": step.unit.value,
        "at": step.at.isoformat("minutes"),
        "stale_after": step.stale_after,
        "after": step.after,
        "weekdays": sorted(step.weekdays) if step.weekdays != EVERY_DAY else None,
        "only_if": [condition.value for condition in step.only_if],
        "is_off": not step.is_on,
        "title": step.title,
    }
    return {name: value for name, value in values.items() if value or name == "count"}


def from_plain(values: Mapping[str, Any]) -> Step:
    """Return the step that plain() wrote."""
    return Step(
        name=values["name"],
        kind=MailKind(values["kind"]),
        anchor=Anchor(values["anchor"]),
        count=values["count"],
        unit=Unit(values["unit"]),
        at=time.fromisoformat(values["at"]),
        stale_after=values["stale_after"],
        after=values.get("after", ""),
        weekdays=frozenset(values.get("weekdays", EVERY_DAY)),
        only_if=tuple(Condition(name) for name in values.get("only_if", ())),
        is_on=not values.get("is_off", False),
        title=values.get("title", ""),
    )


class StepsColumn(TypeDecorator[tuple[Step, ...]]):
    """Steps in one column: a version of a protocol is written and read as a whole."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else to_json(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else from_json(value)
