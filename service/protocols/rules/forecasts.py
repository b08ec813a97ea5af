"""A forecast of a departure's steps, if each mail goes when it is due and nobody answers. Pure.

Steps are decided one after another as the clock will: plans decides each at its moment, in a
situation in which the mails before it have gone.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from service.models.outbox import OPEN_STATES, MailState, OutboxMessage, SkipReason
from service.models.steps import Anchor, Step
from service.models.surveys import Invitation
from service.protocols.rules.plans import Planned, plan, planned
from service.protocols.rules.situations import Situation

Gate = Callable[[Step, datetime], SkipReason | None]  # why the outbox would not take the mail then
Hours = Callable[[Step, datetime], datetime]  # from when on it may reach its reader


@dataclass(frozen=True, slots=True)
class Forecast:
    """One step to come, decided at `due_at`: it goes at `goes_at`, or not, for `reason`.

    `is_assumed`: it counts from a mail that is yet to go.
    """

    step: Step
    due_at: datetime
    goes_at: datetime
    reason: SkipReason | None
    is_assumed: bool = False


def foretell(
    situation: Situation, at: datetime, until: datetime, gate: Gate, hours: Hours
) -> list[Forecast]:
    """Return the steps that come due by `until` as seen from `at`, in order of time.

    Steps that wait for an answer or for a person have no day and are left out. The situation is
    not changed.
    """
    moved = _with_waiting_mails_gone(situation, at)
    found: list[Forecast] = []
    moment, pending = at, _due(moved, at)
    while pending and (due_at := pending[0].due_at) is not None and due_at <= until:
        moment = max(moment, due_at)
        item = planned(pending[0].step, moved, moment)
        reason = item.reason or gate(item.step, moment)
        goes_at = moment if reason else hours(item.step, moment)
        found.append(
            Forecast(item.step, due_at, goes_at, reason, _is_assumed(item.step, situation))
        )
        _decide(moved, item.step, goes_at, reason)
        pending = _due(moved, moment) if _is_waited_for(item.step, moved) else pending[1:]
    return found


def _due(situation: Situation, at: datetime) -> list[Planned]:
    """Return the steps that have a day, the earliest first, as the clock will come to them."""
    items = [item for item in plan(situation, at) if item.due_at is not None]
    return sorted(items, key=lambda item: item.due_at or at)


def _with_waiting_mails_gone(situation: Situation, at: datetime) -> Situation:
    mails = {
        name: _gone(max(mail.due_at, at)) if mail.state in OPEN_STATES else mail
        for name, mail in situation.mails.items()
    }
    return replace(situation, mails=mails, invitations=dict(situation.invitations))


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
