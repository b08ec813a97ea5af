"""What is written down about the mail of a step: what asked for it, and its day. Pure.

The clock writes it with the mail, and the forecast makes the same of a mail that is to come.
"""

from datetime import date, datetime

from service.clock import local_moment
from service.mail.decision import Decision, Skip
from service.models.outbox import SkipReason
from service.models.steps import Step
from service.protocols.rules.plans import anchor_of
from service.protocols.rules.situations import Situation, fact_behind


def of_step(
    step: Step, situation: Situation, due_at: datetime, at: datetime, *, is_by_hand: bool = False
) -> Decision:
    """Return why the mail of `step` is due at `due_at`, as seen at `at`.

    A person who sends it by hand overrules the calendar and the conditions that were chosen.
    """
    anchor = anchor_of(step, situation, at)
    day = anchor if isinstance(anchor, date) and not is_by_hand else None
    after = next((one for one in situation.steps if one.name == step.after), None)
    on_its_day = local_moment(step.day_after(day), step.at, situation.zone) if day else due_at
    return Decision(
        due=due_at,
        protocol=situation.followed.protocol,
        name=situation.followed.name,
        version=situation.followed.version,
        step=step,
        after=after.title if after else "",
        day=day,
        zone=situation.zone,
        is_late=due_at > on_its_day,
        conditions=step.nature.needs if is_by_hand else step.conditions,
    )


def skip_of(reason: SkipReason, situation: Situation) -> Skip:
    """Return `reason` with the moment of what is behind it, as far as the situation knows it."""
    return Skip(reason, at=fact_behind(reason, situation))
