"""What a change of a protocol's steps does to the departures in it, before it is saved.

Both sides come from plan(), which the clock uses too; nothing is written.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import Select, select
from sqlalchemy.orm import joinedload

from service.clock import now
from service.extensions import db
from service.models import (
    Departure,
    Enrolment,
    EnrolmentState,
    MailState,
    Protocol,
)
from service.models.steps import Step
from service.paging import PER_PAGE, Page, page_within
from service.protocols.queries import situations
from service.protocols.queries.protocols import is_in_it
from service.protocols.rules.plans import Planned, plan
from service.protocols.rules.situations import Situation

CHUNK = 200  # departures looked at together
MOST = 5000  # departures looked at, the newest first: about a millisecond each


class What(StrEnum):
    """What becomes of a step for a departure."""

    earlier = "earlier"
    later = "later"
    never = "never"
    new = "new"
    otherwise = "otherwise"  # it has no day yet, and will be counted in another way


@dataclass(frozen=True, slots=True)
class Change:
    """One step whose time changes: by so many days earlier or later; 0 is the same day."""

    step: Step
    what: What
    days: int = 0
    is_at_once: bool = False

    def __str__(self) -> str:
        """Return it as people say it, such as "2 days later"."""
        return (
            f"{self._moved()}, {_('in the next business hours')}"
            if self.is_at_once
            else self._moved()
        )

    def _moved(self) -> str:
        if self.what in (What.earlier, What.later) and not self.days:
            return str(_("at another time of the same day"))
        sentences = {
            What.earlier: ngettext("%(num)d day earlier", "%(num)d days earlier", self.days),
            What.later: ngettext("%(num)d day later", "%(num)d days later", self.days),
            What.never: _("no more"),
            What.new: _("new"),
            What.otherwise: _("counted in another way, once its day is known"),
        }
        return str(sentences[self.what])


@dataclass(frozen=True, slots=True)
class Touched:
    """One departure for which something changes."""

    departure: Departure
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Impact:
    """The departures that a change touches, and each kind of change with how many it is for."""

    count: int
    is_in_it: int  # departures that get mails by the protocol
    unseen: int  # of them, those beyond MOST, who were not looked at
    counted: Sequence[tuple[Change, int]]
    page: Page[Touched]


def impact(protocol: Protocol, steps: Sequence[Step], page: int = 1) -> Impact:
    """Return what saving `steps` would change, with one page of those it touches."""
    ids = db.session.scalars(_in_it(protocol)).all()
    counts: Counter[Change] = Counter()
    touched: list[tuple[int, tuple[Change, ...]]] = []
    seen = ids[:MOST]
    for start in range(0, len(seen), CHUNK):
        query = select(Departure).where(Departure.id.in_(seen[start : start + CHUNK]))
        departures = db.session.scalars(query.options(*_PEOPLE)).all()
        for situation in situations.of_all(departures).values():
            changes = tuple(between(situation, tuple(steps), now()))
            if changes:
                counts.update(changes)
                touched.append((situation.departure.id, changes))
    found = _page(touched, page)
    return Impact(len(touched), len(ids), len(ids) - len(seen), counts.most_common(), found)


def between(situation: Situation, steps: tuple[Step, ...], at: datetime) -> Iterator[Change]:
    """Yield what changes for one departure when its protocol's steps become `steps`."""
    before = _as_if_going(situation, situation.steps, at)
    after = _as_if_going(situation, steps, at)
    old, new = _open(before, at), _open(after, at)
    for name, item in old.items():
        if name not in new:
            yield Change(item.step, What.never)
    for name, item in new.items():
        was = old.get(name)
        is_at_once = item.is_due(at)
        if was is None:
            yield Change(item.step, What.new, is_at_once=is_at_once)
        elif change := _moved(was, item, before, at):
            yield change


def _moved(was: Planned, item: Planned, before: Situation, at: datetime) -> Change | None:
    """Return how far a step moves that comes before and after, or None when it does not."""
    if was.due_at is None or item.due_at is None:
        wait = was.due_at is None and item.due_at is None
        return (
            None
            if wait and _timing(was.step) == _timing(item.step)
            else Change(item.step, What.otherwise)
        )
    old, new = max(was.due_at, at), max(item.due_at, at)
    if old == new:
        return None
    days = abs((before.day_of(new) - before.day_of(old)).days)
    what = What.later if new > old else What.earlier
    return Change(item.step, what, days, is_at_once=item.is_due(at))


def _timing(step: Step) -> tuple[object, ...]:
    """Return everything that decides a step's day and time."""
    return (step.anchor, step.after, step.count, step.unit, step.at, step.weekdays)


def _open(situation: Situation, at: datetime) -> dict[str, Planned]:
    """Return the steps that are still to go, by name."""
    return {item.step.name: item for item in plan(situation, at) if item.reason is None}


def _as_if_going(situation: Situation, steps: tuple[Step, ...], at: datetime) -> Situation:
    """Return the situation under `steps`, as if it were active and no mail waited to go.

    Saving deletes waiting mails whose day is later then, so they count as not written.
    """
    enrolment = situation.enrolment
    going = Enrolment(
        state=EnrolmentState.active, enrolled_at=enrolment.enrolled_at if enrolment else at
    )
    found = replace(situation, enrolment=going, steps=steps)
    ahead = {
        name
        for name, mail in situation.mails.items()
        if mail.state is MailState.queued and not mail.context.get("by_hand") and not mail.doubts
    }
    mails = {name: mail for name, mail in situation.mails.items() if name not in ahead}
    return replace(found, mails=mails)


def _page(touched: Sequence[tuple[int, tuple[Change, ...]]], page: int) -> Page[Touched]:
    number = page_within(page, len(touched))
    shown = touched[(number - 1) * PER_PAGE : number * PER_PAGE]
    rows = db.session.scalars(
        select(Departure)
        .where(Departure.id.in_([one for one, _changes in shown]))
        .options(*_PEOPLE)
    )
    departures = {row.id: row for row in rows}
    rows_of_page = [Touched(departures[one], changes) for one, changes in shown]
    return Page(rows_of_page, len(touched), number)


def _in_it(protocol: Protocol) -> Select[int]:
    """Select the departures that still get mails by it."""
    return (
        select(Enrolment.departure_id)
        .where(Enrolment.protocol_id == protocol.id, is_in_it())
        .order_by(Enrolment.departure_id.desc())
    )


_PEOPLE = (joinedload(Departure.client), joinedload(Departure.contact))
