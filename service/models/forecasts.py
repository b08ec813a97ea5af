"""What a departure's protocol will come to, mail after mail. Pure.

It supposes that each mail goes when it is due and that nobody answers, writes or stops anything:
so it says what is sure to be asked for, not what an answer will bring. Each step is decided by
`plan`, at its own time, as the clock will decide it.
"""

from dataclasses import replace
from datetime import datetime

from service.models.outbox import MailState, OutboxMessage
from service.models.plans import Planned, plan
from service.models.situations import Situation
from service.models.surveys import Invitation


def forecast(situation: Situation, at: datetime, until: datetime) -> list[Planned]:
    """Return the steps that are decided after now, `at`, and by `until`, in their order.

    What waits for an answer, or for what a person has to do first, is not among them.
    """
    ahead = replace(situation, mails=dict(situation.mails), invitations=dict(situation.invitations))
    told: list[Planned] = []
    while item := _next(ahead, at, until):
        at = max(at, item.due_at or at)
        _suppose(ahead, item, at)
        told.append(item)
    return told


def _next(ahead: Situation, at: datetime, until: datetime) -> Planned | None:
    """Return the step that is decided next, as its conditions stand when it is."""
    coming = [item for item in plan(ahead, at) if item.due_at and item.due_at <= until]
    first = min(coming, key=lambda item: item.due_at or at, default=None)
    if first is None or first.due_at is None or first.due_at <= at:
        return first
    then = plan(ahead, first.due_at)
    return next((item for item in then if item.step is first.step), first)


def _suppose(ahead: Situation, item: Planned, at: datetime) -> None:
    """Have the mail of a step gone at `at`, or skipped, with the link that it opens."""
    step = item.step
    state = MailState.skipped if item.reason else MailState.sent
    ahead.mails[step.name] = OutboxMessage(
        step=step.name, state=state, skip_reason=item.reason, ended_at=at, context={}
    )
    if step.invites_to and not item.reason:
        closes_at = at + step.invites_to.open_for
        ahead.invitations[step.invites_to] = Invitation(kind=step.invites_to, closes_at=closes_at)
