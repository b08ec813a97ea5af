"""What a protocol's steps come to for one departure at one moment.

Pure: rows come in, decisions go out. The clock that sends and the page that foretells ask the
same `plan`, so what the page says is what happens.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from service.clock import local_moment
from service.models.departures import Departure, Enrolment, EnrolmentState, Stage
from service.models.outbox import MailState, OutboxMessage, SkipReason
from service.models.protocols import DEFAULT, STEPS, Anchor, Step
from service.models.surveys import Invitation, InvitationKind, Recovery, Response

# The mail that an anchor waits for, and the link beyond whose closing it is not worth waiting.
_MAILS = {
    Anchor.survey_sent: ("survey_invitation", InvitationKind.survey),
    Anchor.testimonial_sent: ("testimonial_request", InvitationKind.testimonial),
}


@dataclass(slots=True)
class Situation:
    """All that the protocol asks about one departure. `mails` holds each step's latest row."""

    departure: Departure
    enrolment: Enrolment | None
    zone: str
    mails: dict[str, OutboxMessage] = field(default_factory=dict)
    cycles: dict[str, int] = field(default_factory=dict)  # rows written so far, step by step
    invitations: dict[InvitationKind, Invitation] = field(default_factory=dict)
    response: Response | None = None
    recovery: Recovery | None = None
    has_testimonial: bool = False

    @property
    def answered_at(self) -> datetime | None:
        """When the answer was sent; a partial one does not count."""
        return self.response.submitted_at if self.response else None

    def day_of(self, moment: datetime) -> date:
        """Return the day that `moment` falls on for the provider."""
        return moment.astimezone(ZoneInfo(self.zone)).date()

    def is_closed(self, kind: InvitationKind, at: datetime) -> bool:
        """Say whether there was a link of `kind` and it is good no more."""
        invitation = self.invitations.get(kind)
        return invitation is not None and not invitation.is_open(at)


@dataclass(frozen=True, slots=True)
class Planned:
    """One step that has not been decided yet.

    With `due_at` and no reason it goes then; with a reason it does not (as things stand); with
    neither it waits for what its anchor names.
    """

    step: Step
    due_at: datetime | None = None
    reason: SkipReason | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether what it is counted from has not happened yet."""
        return self.due_at is None and self.reason is None

    def is_due(self, at: datetime) -> bool:
        """Whether it is to be decided by `at`: written down, to go or as skipped."""
        return self.due_at is not None and self.due_at <= at


def plan(situation: Situation, at: datetime) -> list[Planned]:
    """Return what the steps without a mail come to, as things stand at `at`, in step order."""
    over = why_over(situation)
    steps = [step for step in DEFAULT if step.name not in situation.mails]
    if over is not None:
        return [Planned(step, reason=over) for step in steps]
    return [_planned(step, situation, at) for step in steps]


def ask_again_at(situation: Situation, at: datetime) -> datetime | None:
    """Return when to ask for the plan again; None when nothing is left to be decided by time.

    What waits for the world (a written mail to be sent, an answer) is asked daily at the step's
    own time of day: delays are whole days, so no step can come due in between.
    """
    moments = []
    for item in plan(situation, at):
        if item.due_at is not None:
            moments.append(item.due_at)
        elif item.is_waiting and _may_happen(item.step, situation):
            moments.append(_next_time(item.step.at, situation, at))
    return min(moments, default=None)


def is_finished(situation: Situation, at: datetime) -> bool:
    """Say whether nothing can come any more, however long one waits."""
    return all(item.due_at is None and not item.is_waiting for item in plan(situation, at))


def why_over(situation: Situation) -> SkipReason | None:
    """Return why this departure's protocol sends nothing more at all, or None when it does."""
    departure, enrolment = situation.departure, situation.enrolment
    if departure.client.is_sample:
        return SkipReason.sample
    if departure.stage is Stage.retained:
        return SkipReason.retained
    if departure.stage is Stage.returned:
        return SkipReason.returned
    if departure.is_history:
        return SkipReason.history
    if enrolment is None or enrolment.state is EnrolmentState.stopped:
        return SkipReason.protocol_stopped
    if enrolment.state is EnrolmentState.paused:
        return SkipReason.paused
    return None


def why_not(step: Step, situation: Situation, at: datetime) -> SkipReason | None:
    """Return the first of the step's conditions that does not hold at `at`, as a reason."""
    reasons = (CONDITIONS[name](situation, at) for name in step.only_if)
    return next((reason for reason in reasons if reason is not None), None)


def why_not_by_hand(step: Step, situation: Situation, at: datetime) -> SkipReason | None:
    """Return what keeps even a person from sending this step's mail at `at`, or None.

    A person may overrule the calendar and the reasons given, never what already happened.
    """
    if situation.departure.client.is_sample:
        return SkipReason.sample
    if situation.departure.stage is Stage.retained:
        return SkipReason.retained
    if situation.departure.stage is Stage.returned:
        return SkipReason.returned
    if step.anchor is Anchor.answered and situation.answered_at is None:
        return SkipReason.not_answered
    hard = [name for name in step.only_if if name != "no_quality_reason"]
    reasons = (CONDITIONS[name](situation, at) for name in hard)
    return next((reason for reason in reasons if reason is not None), None)


def can_be_threaded(step: Step, situation: Situation) -> bool:
    """Say whether the mail that the step reminds of went, if it reminds of one."""
    mail = situation.mails.get(step.under) if step.under else None
    return step.under is None or (mail is not None and mail.state is MailState.sent)


def why_not_now(mail: OutboxMessage, situation: Situation, at: datetime) -> SkipReason | None:
    """Return why a step's mail that is written down may not go after all; asked at its claim."""
    step = STEPS.get(mail.step or "")
    if step is None:
        return None
    if mail.context.get("by_hand"):
        return why_not_by_hand(step, situation, at)
    return why_over(situation) or why_not(step, situation, at)


def _planned(step: Step, situation: Situation, at: datetime) -> Planned:
    anchor = _anchor(step, situation, at)
    if anchor is None:
        return Planned(step)
    if isinstance(anchor, SkipReason):
        return Planned(step, reason=anchor)
    due_at = due_at_of(step, anchor, situation)
    reason = why_not(step, situation, at)
    if reason is None and at >= due_at + step.stale_after:
        reason = SkipReason.expired
    return Planned(step, due_at, reason)


def due_at_of(step: Step, anchor: date, situation: Situation) -> datetime:
    """Return the step's time; a day that had come when the departure was recorded means then."""
    day = anchor + timedelta(days=step.days)
    enrolled_at = situation.enrolment.enrolled_at if situation.enrolment else None
    if step.counts_from_dates and enrolled_at and day <= situation.day_of(enrolled_at):
        return enrolled_at
    return local_moment(day, step.at, situation.zone)


def _anchor(step: Step, situation: Situation, at: datetime) -> date | SkipReason | None:
    """Return the day that the step counts from, None while it is to come, or why it never will."""
    if step.counts_from_dates:
        return date_of(step, situation)
    if step.anchor is Anchor.answered:
        return _answer_day(situation, at)
    return _mail_day(*_MAILS[step.anchor], situation, at)


def date_of(step: Step, situation: Situation) -> date | None:
    """Return the departure's date that the step counts from, or None when it has none yet."""
    dates = {
        Anchor.notice: situation.departure.notice_on,
        Anchor.end: situation.departure.end_on,
    }
    return dates.get(step.anchor)


def _answer_day(situation: Situation, at: datetime) -> date | SkipReason | None:
    if situation.answered_at is not None:
        return situation.day_of(situation.answered_at)
    is_hopeless = situation.is_closed(InvitationKind.survey, at) or isinstance(
        _mail_day(*_MAILS[Anchor.survey_sent], situation, at), SkipReason
    )
    return SkipReason.not_answered if is_hopeless else None


def _mail_day(
    name: str, link: InvitationKind, situation: Situation, at: datetime
) -> date | SkipReason | None:
    mail = situation.mails.get(name)
    if mail is None:
        return _planned(STEPS[name], situation, at).reason
    if mail.state is MailState.sent and mail.ended_at is not None:
        return situation.day_of(mail.ended_at)
    if mail.state in (MailState.skipped, MailState.cancelled):
        return mail.skip_reason or SkipReason.by_provider
    return SkipReason.closed if situation.is_closed(link, at) else None


def _next_time(clock_time: time, situation: Situation, at: datetime) -> datetime:
    today = situation.day_of(at)
    moment = local_moment(today, clock_time, situation.zone)
    return moment if moment > at else local_moment(today + timedelta(1), clock_time, situation.zone)


def _may_happen(step: Step, situation: Situation) -> bool:
    """Say whether what the step waits for could happen by itself, without one of our steps."""
    if step.anchor is Anchor.answered:
        return InvitationKind.survey in situation.invitations
    return step.anchor in _MAILS and _MAILS[step.anchor][0] in situation.mails


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


CONDITIONS: dict[str, Callable[[Situation, datetime], SkipReason | None]] = {
    "unanswered": _unanswered,
    "survey_open": _survey_open,
    "testimonial_open": _testimonial_open,
    "no_testimonial": _no_testimonial,
    "no_recovery": _no_recovery,
    "no_quality_reason": _no_quality_reason,
}
