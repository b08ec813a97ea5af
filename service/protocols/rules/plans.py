"""What a protocol's steps come to for one departure at one moment.

Pure: rows come in, decisions go out. The clock that sends and the pages that forecast call the same
plan(), so what a page shows is what happens.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from service.clock import local_moment
from service.models.departures import EnrolmentState, Stage
from service.models.outbox import OPEN_STATES, MailState, OutboxMessage, SkipReason
from service.models.steps import Anchor, Condition, Step
from service.models.surveys import InvitationKind
from service.protocols.rules.situations import Situation, unmet


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
    steps = [step for step in situation.steps if step.is_on and step.name not in situation.mails]
    if over is not None:
        return [Planned(step, reason=over) for step in steps]
    return [planned(step, situation, at) for step in steps]


def ask_again_at(
    situation: Situation, at: datetime, known: Sequence[Planned] | None = None
) -> datetime | None:
    """Return when to plan again; None when nothing is left to be decided by time.

    `known` is the plan, when the caller has it already. Steps that wait for a mail to be sent or
    for an answer are planned daily at their time of day: such delays are whole days, so no step
    comes due in between. What a person does (a stage, a date) plans again in its transaction.
    """
    moments = []
    for item in plan(situation, at) if known is None else known:
        if item.due_at is not None:
            moments.append(item.due_at)
        elif item.is_waiting and _may_happen(item.step, situation):
            moments.append(_next_time(item.step.at, situation, at))
    if not moments and _has_mails_that_wait(situation):
        return at + timedelta(days=1)
    return min(moments, default=None)


def is_finished(situation: Situation, at: datetime, known: Sequence[Planned] | None = None) -> bool:
    """Say whether no step can come any more, and no mail that is written waits to go.

    `known` is the plan, if the caller has it.
    """
    to_come = plan(situation, at) if known is None else known
    comes_nothing = all(item.due_at is None and not item.is_waiting for item in to_come)
    return comes_nothing and not _has_mails_that_wait(situation)


def why_over(situation: Situation) -> SkipReason | None:
    """Return why the protocol sends nothing at all to this departure, or None when it does."""
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
    reasons = (unmet(name, situation, at) for name in step.conditions)
    return next((reason for reason in reasons if reason is not None), None)


def why_not_by_hand(step: Step, situation: Situation, at: datetime) -> SkipReason | None:
    """Return why a person may not send this step's mail by hand at `at`, or None.

    A person may overrule the calendar and the conditions set, never what already happened.
    """
    if situation.departure.client.is_sample:
        return SkipReason.sample
    if situation.departure.stage is Stage.retained:
        return SkipReason.retained
    if situation.departure.stage is Stage.returned:
        return SkipReason.returned
    if step.anchor is Anchor.answer and situation.answered_at is None:
        return SkipReason.not_answered
    reasons = (unmet(name, situation, at) for name in step.nature.needs)
    return next((reason for reason in reasons if reason is not None), None)


def can_be_threaded(step: Step, situation: Situation) -> bool:
    """Say whether the mail that the step reminds of was sent, if it reminds of one."""
    mail = situation.mails.get(step.under) if step.under else None
    return step.under is None or (mail is not None and mail.state is MailState.sent)


def why_not_now(mail: OutboxMessage, situation: Situation, at: datetime) -> SkipReason | None:
    """Return why a step's mail that is written may not go after all; called at its claim."""
    step = situation.step(mail.step)
    if step is None:
        return SkipReason.step_gone if mail.step else None
    if mail.context.get("by_hand"):
        return why_not_by_hand(step, situation, at)
    return why_over(situation) or why_not(step, situation, at)


def planned(step: Step, situation: Situation, at: datetime) -> Planned:
    """Return what one step without a mail comes to, while the protocol is not over."""
    anchor = anchor_of(step, situation, at)
    if anchor is None:
        return Planned(step)
    if isinstance(anchor, SkipReason):
        return Planned(step, reason=anchor)
    due_at = due_at_of(step, anchor, situation)
    reason = why_not(step, situation, at)
    is_old = at >= due_at + step.lasts and at >= situation.permitted_at(due_at) + step.lasts
    if reason is None and is_old:
        reason = SkipReason.expired
    return Planned(step, due_at, reason)


def due_at_of(step: Step, anchor: date, situation: Situation) -> datetime:
    """Return when the step is due; one that was owed already when it could first go is due then."""
    day = step.day_after(anchor)
    since = _may_go_since(step, situation)
    if step.nature.is_owed and step.anchor.is_date and since:
        first_on = situation.day_of(since)
        if day <= first_on and step.next_allowed(first_on) == first_on:
            return since
        day = max(day, step.next_allowed(first_on))
    return local_moment(day, step.at, situation.zone)


def _may_go_since(step: Step, situation: Situation) -> datetime | None:
    """Return when the departure was put on its protocol, or what failed was put right after it."""
    moments = [situation.enrolment.enrolled_at] if situation.enrolment else []
    if situation.recovery and Condition.no_recovery in step.nature.needs:
        moments += [situation.recovery.closed_at] if situation.recovery.closed_at else []
    return max(moments, default=None)


def anchor_of(step: Step, situation: Situation, at: datetime) -> date | SkipReason | None:
    """Return the day that the step counts from, None while that is to come, or why it never is."""
    if step.anchor.is_date:
        return date_of(step, situation)
    if step.anchor is Anchor.answer:
        return _answer_day(situation, at)
    return _mail_day(step.after, situation, at)


def date_of(step: Step, situation: Situation) -> date | None:
    """Return the departure's date that the step counts from, or None when it has none yet."""
    departure = situation.departure
    dates = {
        Anchor.notice: departure.notice_on,
        Anchor.conversation: departure.conversation_on,
        Anchor.handover: departure.handover_on,
        Anchor.end: departure.end_on,
        Anchor.closing: situation.day_of(departure.closed_at) if departure.closed_at else None,
    }
    return dates.get(step.anchor)


def _answer_day(situation: Situation, at: datetime) -> date | SkipReason | None:
    if situation.answered_at is not None:
        return situation.day_of(situation.answered_at)
    if situation.is_closed(InvitationKind.survey, at):
        return SkipReason.not_answered
    survey = _inviting(situation, InvitationKind.survey)
    if survey is None:
        return SkipReason.not_answered
    is_hopeless = isinstance(_mail_day(survey.name, situation, at), SkipReason)
    return SkipReason.not_answered if is_hopeless else None


def _inviting(situation: Situation, kind: InvitationKind) -> Step | None:
    """Return the step whose mail opens the link of `kind`."""
    return next((step for step in situation.steps if step.is_on and step.invites_to is kind), None)


def _mail_day(name: str, situation: Situation, at: datetime) -> date | SkipReason | None:
    """Return the day on which the mail of step `name` went, None while it may still go.

    Once the link in it has closed, it is not waited for.
    """
    step, mail = situation.step(name), situation.mails.get(name)
    if mail is None:
        return planned(step, situation, at).reason if step else SkipReason.step_gone
    if mail.state is MailState.sent and mail.ended_at is not None:
        return situation.day_of(mail.ended_at)
    if mail.state in (MailState.skipped, MailState.cancelled):
        return mail.skip_reason or SkipReason.by_provider
    link = step.invites_to if step else None
    return SkipReason.closed if link and situation.is_closed(link, at) else None


def _next_time(clock_time: time, situation: Situation, at: datetime) -> datetime:
    today = situation.day_of(at)
    moment = local_moment(today, clock_time, situation.zone)
    return moment if moment > at else local_moment(today + timedelta(1), clock_time, situation.zone)


def _has_mails_that_wait(situation: Situation) -> bool:
    return any(mail.state in OPEN_STATES for mail in situation.mails.values())


def _may_happen(step: Step, situation: Situation) -> bool:
    """Say whether what the step waits for may happen without one of our steps."""
    if step.anchor is Anchor.answer:
        return InvitationKind.survey in situation.invitations
    return step.anchor is Anchor.step and step.after in situation.mails
