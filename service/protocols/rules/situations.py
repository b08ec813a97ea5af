"""What is known of a departure when its steps are decided, and the conditions that steps set. Pure.

Each condition has a reason of its own, which says why the mail does not go when it does not hold.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import NamedTuple
from zoneinfo import ZoneInfo

from service.business_hours import BusinessHours
from service.models.departures import Departure, Enrolment, EventKind, Reason
from service.models.outbox import OutboxMessage, SkipReason
from service.models.steps import Condition, Step
from service.models.surveys import Invitation, InvitationKind, Recovery, Response
from service.protocols.rules.built_ins import BUILT_INS, DEFAULT


@dataclass(frozen=True, slots=True)
class Followed:
    """The protocol that a departure follows: its public id, or which of the built-in ones it is.

    `name` is what the team calls it; a built-in one has its own, in the language of the page.
    """

    protocol: str = DEFAULT
    name: str = ""
    version: int | None = None


@dataclass(slots=True)
class Situation:
    """What decides about the steps of one departure.

    `mails` holds the latest row of each step; `steps` are those of its protocol now, in order.
    `zone` is the company's, in which steps are counted; `reader_zone` is the contact's, if known.
    """

    departure: Departure
    enrolment: Enrolment | None
    zone: str
    hours: BusinessHours
    steps: tuple[Step, ...] = BUILT_INS[DEFAULT]
    mails: dict[str, OutboxMessage] = field(default_factory=dict)
    cycles: dict[str, int] = field(default_factory=dict)  # rows written so far, step by step
    invitations: dict[InvitationKind, Invitation] = field(default_factory=dict)
    response: Response | None = None
    recovery: Recovery | None = None
    testimonial_at: datetime | None = None  # when one was written, if one was
    followed: Followed = Followed()
    reader_zone: str = ""

    @property
    def answered_at(self) -> datetime | None:
        """When the answer was sent; a partial one does not count."""
        return self.response.submitted_at if self.response else None

    def step(self, name: str | None) -> Step | None:
        """Return the step of that name, if the protocol has it and it is switched on."""
        return next((step for step in self.steps if step.name == name and step.is_on), None)

    def day_of(self, moment: datetime) -> date:
        """Return the day that `moment` falls on in the company's time zone."""
        return moment.astimezone(ZoneInfo(self.zone)).date()

    def permitted_at(
        self, at: datetime, taken: Collection[date] = frozenset(), own: time | None = None
    ) -> datetime:
        """Return the first moment from `at` on at which a mail may reach the contact.

        It is none of the contact's days `taken`; after such a one it comes at its `own` time.
        """
        return self.hours.permitted_at(at, self.reader_zone or self.zone, taken, own)

    def readers_day_of(self, moment: datetime) -> date:
        """Return the day that `moment` falls on where the contact is."""
        return moment.astimezone(ZoneInfo(self.reader_zone or self.zone)).date()

    def is_closed(self, kind: InvitationKind, at: datetime) -> bool:
        """Say whether there was a link of `kind` that has closed."""
        invitation = self.invitations.get(kind)
        return invitation is not None and not invitation.is_open(at)

    @property
    def has_open_recovery(self) -> bool:
        """Whether something that went wrong has not been put right yet."""
        return self.recovery is not None and self.recovery.is_open


class _Question(NamedTuple):
    """Whether a condition holds, and why the mail does not go when it does not."""

    holds: Callable[[Situation, datetime], bool]
    otherwise: SkipReason


_QUESTIONS: dict[Condition, _Question] = {
    Condition.unanswered: _Question(
        lambda situation, at: situation.answered_at is None, SkipReason.answered
    ),
    Condition.answered: _Question(
        lambda situation, at: situation.answered_at is not None, SkipReason.not_answered
    ),
    Condition.survey_open: _Question(
        lambda situation, at: not situation.is_closed(InvitationKind.survey, at), SkipReason.closed
    ),
    Condition.testimonial_open: _Question(
        lambda situation, at: not situation.is_closed(InvitationKind.testimonial, at),
        SkipReason.closed,
    ),
    Condition.no_testimonial: _Question(
        lambda situation, at: situation.testimonial_at is None, SkipReason.testimonial_given
    ),
    Condition.no_recovery: _Question(
        lambda situation, at: not situation.has_open_recovery, SkipReason.recovery_open
    ),
    Condition.no_quality_reason: _Question(
        lambda situation, at: names_no_quality(situation.departure, situation.response),
        SkipReason.quality_reason,
    ),
    Condition.not_ended_by_us: _Question(
        lambda situation, at: Reason.ended_by_us not in situation.departure.reasons,
        SkipReason.ended_by_us,
    ),
    Condition.keep_in_touch: _Question(
        lambda situation, at: situation.departure.contact.keep_in_touch,
        SkipReason.keep_in_touch_off,
    ),
}


def unmet(condition: Condition, situation: Situation, at: datetime) -> SkipReason | None:
    """Return why `condition` does not hold at `at`, or None when it does."""
    question = _QUESTIONS[condition]
    return None if question.holds(situation, at) else question.otherwise


# What happened to a departure that these reasons come from.
EVENTS_OF = {
    SkipReason.answered: EventKind.answer_sent,
    SkipReason.recovery_open: EventKind.recovery_opened,
    SkipReason.testimonial_given: EventKind.testimonial_submitted,
    SkipReason.withdrawn: EventKind.testimonial_withdrawn,
    SkipReason.retained: EventKind.stage_changed,
    SkipReason.returned: EventKind.stage_changed,
    SkipReason.protocol_stopped: EventKind.protocol_stopped,
    SkipReason.step_gone: EventKind.protocol_changed,
}


def fact_behind(reason: SkipReason, situation: Situation) -> datetime | None:
    """Return the moment of what keeps a mail from going for `reason`, if it is one of these."""
    if reason is SkipReason.answered:
        return situation.answered_at
    if reason is SkipReason.recovery_open and situation.recovery is not None:
        return situation.recovery.opened_at
    return situation.testimonial_at if reason is SkipReason.testimonial_given else None


def reason_of(condition: Condition) -> SkipReason:
    """Return why a mail does not go when `condition` does not hold."""
    return _QUESTIONS[condition].otherwise


def names_no_quality(departure: Departure, response: Response | None) -> bool:
    """Say whether no reason is about quality or service: neither our guess nor the answer's."""
    answered = response.reasons if response else set()
    return not any(reason.is_about_quality for reason in departure.reasons | answered)
