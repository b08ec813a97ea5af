"""What a step may ask before it goes, each as a question about a situation. Pure.

A condition that does not hold at that moment says why not.
"""

from collections.abc import Callable
from datetime import datetime

from service.models.departures import Reason
from service.models.outbox import SkipReason
from service.models.situations import Situation
from service.models.steps import Condition
from service.models.surveys import InvitationKind


def _unanswered(situation: Situation, _at: datetime) -> SkipReason | None:
    return SkipReason.answered if situation.answered_at else None


def _survey_open(situation: Situation, at: datetime) -> SkipReason | None:
    return SkipReason.closed if situation.is_closed(InvitationKind.survey, at) else None


def _testimonial_open(situation: Situation, at: datetime) -> SkipReason | None:
    return SkipReason.closed if situation.is_closed(InvitationKind.testimonial, at) else None


def _no_testimonial(situation: Situation, _at: datetime) -> SkipReason | None:
    return SkipReason.testimonial_given if situation.has_testimonial else None


def _no_recovery(situation: Situation, _at: datetime) -> SkipReason | None:
    recovery = situation.recovery
    is_open = recovery is not None and recovery.closed_at is None
    return SkipReason.recovery_open if is_open else None


def _no_quality_reason(situation: Situation, _at: datetime) -> SkipReason | None:
    """Both sides' reasons count: the provider's own guess and what the client said."""
    told = situation.response.reasons if situation.response else set()
    reasons = situation.departure.reasons | told
    return SkipReason.quality_reason if any(r.is_about_quality for r in reasons) else None


def _answered(situation: Situation, _at: datetime) -> SkipReason | None:
    return None if situation.answered_at else SkipReason.not_answered


def _not_ended_by_us(situation: Situation, _at: datetime) -> SkipReason | None:
    is_ours = Reason.ended_by_us in situation.departure.reasons
    return SkipReason.ended_by_us if is_ours else None


def _keep_in_touch(situation: Situation, _at: datetime) -> SkipReason | None:
    return None if situation.departure.contact.keep_in_touch else SkipReason.keep_in_touch_off


CONDITIONS: dict[Condition, Callable[[Situation, datetime], SkipReason | None]] = {
    Condition.unanswered: _unanswered,
    Condition.answered: _answered,
    Condition.survey_open: _survey_open,
    Condition.testimonial_open: _testimonial_open,
    Condition.no_testimonial: _no_testimonial,
    Condition.no_recovery: _no_recovery,
    Condition.no_quality_reason: _no_quality_reason,
    Condition.not_ended_by_us: _not_ended_by_us,
    Condition.keep_in_touch: _keep_in_touch,
}
