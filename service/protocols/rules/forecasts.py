"""A forecast of a departure's steps, if each mail goes when it is due and nobody answers. Pure.

Steps are decided one after another as the clock will: plans decides each at its moment, in a
situation in which the mails before it have gone.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime

from service.models.outbox import (
    OPEN_STATES,
    MailState,
    OutboxMessage,
    SkipReason,
    WaitReason,
)
from service.models.steps import Anchor, Step
from service.models.surveys import Invitation
from service.protocols.rules.plans import Planned, plan, planned
from service.protocols.rules.situations import Situation

Gate = Callable[[Step, datetime], SkipReason | None]  # why the outbox would not take the mail then


@dataclass(frozen=True, slots=True)
class Forecast:
    """One step to come, decided at `due_at`: it goes at `goes_at`, or not, for `reason`.

    `waits_for` is why it goes later than it is due, if it does. `is_assumed`: it counts from a
    mail that is yet to go.
    """

    step: Step
    due_at: datetime
    goes_at: datetime
    reason: SkipReason | None
    is_assumed: bool = False
    waits_for: WaitReason = WaitReason.business_hours


def foretell(situation: Situation, at: datetime, until: datetime, gate: Gate) -> list[Forecast]:
    """Return the steps that come due by `until` as seen from `at`, in order of time.

    They go in business hours, one on a day of the contact's. Steps that wait for an answer or for
    a person have no day and are left out. The situation is not changed.
    """
    moved = with_waiting_mails_gone(situation, at)
    found: list[Forecast] = []
    moment, pending = at, _due(moved, at)
    while pending and (due_at := pending[0].due_at) is not None and due_at <= until:
        moment = max(moment, due_at)
        item = planned(pending[0].step, moved, moment)
        reason = item.reason or gate(item.step, moment)
        permitted_at = moment if reason else moved.permitted_at(moment)
        goes_at = moment if reason else moved.permitted_at(moment, days_taken(moved), item.step.at)
        is_later = goes_at > permitted_at
        waits_for = WaitReason.one_a_day if is_later else WaitReason.business_hours
        is_assumed = _is_assumed(item.step, situation)
        found.append(Forecast(item.step, due_at, goes_at, reason, is_assumed, waits_for))
        _decide(moved, item.step, goes_at, reason)
        pending = _due(moved, moment) if _is_waited_for(item.step, moved) else pending[1:]
    return found


def _due(situation: Situation, at: datetime) -> list[Planned]:
    """Return the steps that have a day, the earliest first, as the clock will come to them."""
    items = [item for item in plan(situation, at) if item.due_at is not None]
    return sorted(items, key=lambda item: item.due_at or at)


def with_waiting_mails_gone(situation: Situation, at: datetime) -> Situation:
    """Return the situation in which the mails that are written have gone, each on its day."""
    mails = {name: mail for name, mail in situation.mails.items() if mail.state not in OPEN_STATES}
    moved = replace(situation, mails=mails, invitations=dict(situation.invitations))
    waiting = [(mail.due_at, name) for name, mail in situation.mails.items() if name not in mails]
    for due_at, name in sorted(waiting, key=lambda pair: pair[0]):
        moment, is_by_hand = max(due_at, at), situation.mails[name].context.get("by_hand")
        step = situation.step(name)
        own, taken = step.at if step else None, days_taken(moved)
        goes_at = moment if is_by_hand else moved.permitted_at(moment, taken, own)
        mails[name] = _gone(goes_at)
    return moved


def days_taken(situation: Situation) -> set[date]:
    """Return the contact's days on which a mail of the farewell went."""
    return {
        situation.readers_day_of(mail.ended_at)
        for mail in situation.mails.values()
        if mail.state is MailState.sent and mail.ended_at is not None
    }


def _decide(situation: Situation, step: Step, goes_at: datetime, reason: SkipReason | None) -> None:
    """Add to `situation` what the clock will have written, with its mail sent."""
    if reason is not None:
        skipped = OutboxMessage(state=MailState.skipped, skip_reason=reason, ended_at=goes_at)
        situation.mails[step.name] = skipped
        return
    situation.mails[step.name] = _gone(goes_at)
    if step.invites_to is not None:
        closes_at = goes_at + step.invites_to.open_for
        situation.invitations[step.invites_to] = Invitation(
            kind=step.invites_to, closes_at=closes_at
        )


def _gone(at: datetime) -> OutboxMessage:
    return OutboxMessage(state=MailState.sent, ended_at=at)


def _is_waited_for(step: Step, situation: Situation) -> bool:
    """Say whether the decision about `step` may change the day of another step."""
    return step.invites_to is not None or any(other.after == step.name for other in situation.steps)


def _is_assumed(step: Step, situation: Situation) -> bool:
    if step.anchor is not Anchor.step:
        return False
    mail = situation.mails.get(step.after)
    return mail is None or mail.state is not MailState.sent
