"""What the team sees before it records, closes or lets mails go on: which mails go, when. Reads."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.clock import now
from service.labels import why_not
from service.mail.policy import suppressions
from service.models import MailState
from service.protocols.queries import forecasts
from service.protocols.rules.descriptions import step_name, waits_for
from service.protocols.rules.plans import Planned, why_over
from service.protocols.rules.situations import Situation

SOON = timedelta(days=4)  # a weekend and the day after: what goes by then can be sent now instead


@dataclass(frozen=True, slots=True)
class Line:
    """One mail: it goes at `goes_at`, or it does not, or waits for something, which `why` says."""

    step: str
    what: str
    goes_at: datetime | None = None
    why: str = ""
    is_first: bool = False  # the one that goes at once when somebody presses "now"

    @property
    def is_going(self) -> bool:
        """Whether it goes by itself, so that it can be held."""
        return self.goes_at is not None


@dataclass(frozen=True, slots=True)
class Panel:
    """The mails of one departure, as they will be once the act is done."""

    client: str
    name: str
    email: str
    lines: Sequence[Line]
    why_none: str = ""  # why nothing goes at all, if so

    @property
    def first(self) -> Line | None:
        """The mail that "now" sends."""
        return next((line for line in self.lines if line.is_first), None)

    @property
    def goes(self) -> bool:
        """Whether any mail goes by itself."""
        return any(line.is_going for line in self.lines)


def of(situation: Situation, unwanted: suppressions.Found | None = None) -> Panel:
    """Return the mails of a departure, those with a day first, in order of time.

    `unwanted` is what suppressions.find_all() found, when many were looked up at once.
    """
    departure, over = situation.departure, why_over(situation)
    return Panel(
        client=departure.client.name,
        name=departure.contact.name,
        email=departure.contact.email,
        lines=() if over else lines(situation, unwanted=unwanted),
        why_none=why_not(over) if over else "",
    )


def lines(
    situation: Situation,
    held: Collection[str] = (),
    unwanted: suppressions.Found | None = None,
) -> list[Line]:
    """Return the mails of a departure that gets some; those of the steps `held` left out."""
    found = [_planned(item, situation) for item in forecasts.foretold(situation, unwanted)]
    found += [
        Line(name, step_name(step), goes_at)
        for name, goes_at in forecasts.waiting(situation).items()
        if situation.mails[name].state is MailState.queued and (step := situation.step(name))
    ]
    found = [line for line in found if line.step not in held]
    found.sort(key=lambda line: line.goes_at.timestamp() if line.goes_at else float("inf"))
    latest = now() + SOON
    if found and found[0].goes_at is not None and found[0].goes_at <= latest:
        found[0] = Line(found[0].step, found[0].what, found[0].goes_at, is_first=True)
    return found


def _planned(item: Planned, situation: Situation) -> Line:
    step = item.step
    if item.reason is not None:
        return Line(step.name, step_name(step), why=why_not(item.reason))
    if item.due_at is None:
        return Line(step.name, step_name(step), why=waits_for(step))
    return Line(step.name, step_name(step), max(item.due_at, forecasts.earliest(situation)))
