"""What a step may ask before it goes, each as a question about a situation. Pure.

A condition that does not hold at that moment says why not; that reason is one of its own.
"""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from service.models.departures import Departure, Reason
from service.models.outbox import SkipReason
from service.models.steps import Condition
from service.models.surveys import InvitationKind, Response
from service.protocols.rules.situations import Situation


class _Question(NamedTuple):
    """Whether a condition holds, and what is said when it does not."""

    holds: Callable[[Situation, datetime], bool]
    otherwise: SkipReason


def why_not(condition: Condition, situation: Situation, at: datetime) -> SkipReason | None:
    """Return why `condition` does not hold at `at`, or None when it does."""
    question = _QUESTIONS[condition]
    return None if question.holds(situation, at) else question.otherwise


def reason_of(condition: Condition) -> SkipReason:
    """Return what is said when `condition` does not hold."""
    return _QUESTIONS[condition].otherwise


def names_no_quality(departure: Departure, response: Response | None) -> bool:
    """Say whether neither side names quality or service: not our guess, nor the client's answer."""
    told = response.reasons if response else set()
    return not any(reason.is_about_quality for reason in departure.reasons | told)


def _unanswered(situation: Situation, _at: datetime) -> bool:
    return situation.answered_at is None


def _answered(situation: Situation, _at: datetime) -> bool:
    return situation.answered_at is not None


def _survey_open(situation: Situation, at: datetime) -> bool:
    return not situation.is_closed(InvitationKind.survey, at)


def _testimonial_open(situation: Situation, at: datetime) -> bool:
    return not situation.is_closed(InvitationKind.testimonial, at)


def _no_testimonial(situation: Situation, _at: datetime) -> bool:
    return not situation.has_testimonial


def _no_recovery(situation: Situation, _at: datetime) -> bool:
    recovery = situation.recovery
    return recovery is None or recovery.closed_at is not None


def _no_quality_reason(situation: Situation, _at: datetime) -> bool:
    return names_no_quality(situation.departure, situation.response)


def _not_ended_by_us(situation: Situation, _at: datetime) -> bool:
    return Reason.ended_by_us not in situation.departure.reasons


def _keep_in_touch(situation: Situation, _at: datetime) -> bool:
    return situation.departure.contact.keep_in_touch


_QUESTIONS: dict[Condition, _Question] = {
    Condition.unanswered: _Question(_unanswered, SkipReason.answered),
    Condition.answered: _Question(_answered, SkipReason.not_answered),
    Condition.survey_open: _Question(_survey_open, SkipReason.closed),
    Condition.testimonial_open: _Question(_testimonial_open, SkipReason.closed),
    Condition.no_testimonial: _Question(_no_testimonial, SkipReason.testimonial_given),
    Condition.no_recovery: _Question(_no_recovery, SkipReason.recovery_open),
    Condition.no_quality_reason: _Question(_no_quality_reason, SkipReason.quality_reason),
    Condition.not_ended_by_us: _Question(_not_ended_by_us, SkipReason.ended_by_us),
    Condition.keep_in_touch: _Question(_keep_in_touch, SkipReason.keep_in_touch_off),
}
