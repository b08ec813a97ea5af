"""Health of the mail: one answer for the page, /readyz, /metrics and the alerts. Reads only.

Every count goes along an index and stops at COUNTED, however many mails there are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, exists, func, literal_column, or_, select

from service.current import company, settings
from service.extensions import db
from service.mail.delivery import breaker, worker_starts
from service.mail.delivery.worker_starts import FailedStarts
from service.mail.policy import rate
from service.mail.sql import from_now, rarely
from service.models import Breaker, MailState, OutboxMessage, Outcome, Priority, RateBucket

COUNTED = 50_000
LATE = timedelta(minutes=15)  # a running worker takes a due mail within seconds
UNREACHED = timedelta(minutes=5)  # a server that restarts is back by then
BELIEVED = timedelta(minutes=10)  # an older failure says nothing about the server of now
BOUNCES = 0.02  # of what went out; mailbox providers begin to refuse senders not far above
ENOUGH = 50  # mails, from which on a share counts …
MANY = 5  # … or so many bounces, whatever the number of mails
HOUR, DAY, WEEK = 1, 24, 168
A_DAY = timedelta(hours=DAY)
CAME_BACK = (Outcome.soft_bounced, Outcome.hard_bounced, Outcome.complained)
SLOWED = 20  # the most domains that are listed
WORDS = 300  # characters of the server's answer that an alert repeats

Conditions = Sequence[ColumnElement[bool]]


class TroubleKind(StrEnum):
    """Kinds of trouble that the owners are alerted about."""

    server = "server"  # the mail server cannot be reached
    worker = "worker"  # workers end when they are started
    late = "late"  # no worker takes due mails
    bounces = "bounces"  # too many mails come back


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong, since when, and the figures that show it."""

    kind: TroubleKind
    since: datetime
    count: int = 0  # mails that are due, or that came back; starts that failed
    of: int = 0  # mails that went out
    words: str = ""  # the server's, or the error's

    @property
    def figures(self) -> dict[str, Any]:
        """The figures as the context of an alert: the trouble may be over when it is rendered."""
        return {
            "trouble": self.kind,
            "since": self.since.isoformat(),
            "count": self.count,
            "of": self.of,
            "words": self.words[:WORDS],
        }


@dataclass(frozen=True, slots=True)
class Server:
    """Whether the mail server can be reached, as the breaker knows it."""

    failing_since: datetime | None = None
    next_try_at: datetime | None = None
    words: str = ""

    @property
    def is_failing(self) -> bool:
        """Whether the last try, not long ago, failed."""
        return self.failing_since is not None


@dataclass(frozen=True, slots=True)
class Share:
    """What became of the mails that ended in the last `hours`."""

    hours: int
    sent: int
    failed: int
    came_back: int  # bounced or marked as spam; some failed as well

    @property
    def tried(self) -> int:
        """How many mails were tried."""
        return self.sent + self.failed

    @property
    def period(self) -> str:
        """The time that it is about: week, day or hour; "none" when no mail was tried."""
        if not self.tried:
            return "none"
        return {WEEK: "week", DAY: "day"}.get(self.hours, "hour")

    @property
    def is_whole(self) -> bool:
        """Whether counting did not stop at COUNTED, so that a share is correct."""
        return max(self.sent, self.failed, self.came_back) < COUNTED

    def percent(self, part: int) -> float | None:
        """Return `part` as a percentage of the mails tried; None when there is no share."""
        return 100 * part / self.tried if self.tried and self.is_whole else None


@dataclass(frozen=True, slots=True)
class Health:
    """The health of the mail at one moment."""

    at: datetime
    due: int
    waiting: int
    sending: int
    uncertain: int
    failed: int
    oldest_due_at: datetime | None
    shares: Mapping[int, Share]  # by their hours
    server: Server
    slowed: Sequence[RateBucket]
    failed_starts: FailedStarts | None = None  # of workers, when they are trouble

    @property
    def lag(self) -> timedelta:
        """For how long the oldest due mail has waited."""
        return self.at - self.oldest_due_at if self.oldest_due_at else timedelta(0)

    @property
    def share(self) -> Share:
        """The share of the longest period of which all mails were counted."""
        whole = (share for share in self.shares.values() if share.is_whole)
        return max(whole, key=lambda share: share.hours, default=self.shares[HOUR])

    @property
    def is_slowed(self) -> bool:
        """Whether the mail server or a domain holds mails back."""
        return self.server.is_failing or bool(self.slowed)

    @property
    def troubles(self) -> list[Trouble]:
        """What is wrong."""
        day = self.shares[DAY]
        return _troubles(
            self.at, self.server, self.failed_starts, self.oldest_due_at, self.due, day
        )


def check(at: datetime) -> Health:
    """Return the health of the mail at `at`; five queries."""
    named: dict[str, Conditions] = {"due": due(at)}
    for state in (MailState.queued, MailState.sending, MailState.uncertain, MailState.failed):
        named[state] = [OutboxMessage.state == state]
    for hours in (HOUR, DAY, WEEK):
        named |= _ended(at, hours)
    found = counts(named)
    return Health(
        at=at,
        due=found["due"],
        waiting=found[MailState.queued],
        sending=found[MailState.sending],
        uncertain=found[MailState.uncertain],
        failed=found[MailState.failed],
        oldest_due_at=oldest_due_at(at),
        shares={hours: _share(found, hours) for hours in (HOUR, DAY, WEEK)},
        server=server(at),
        slowed=_slowed(at),
        failed_starts=worker_starts.failed(at),
    )


def troubles(at: datetime) -> list[Trouble]:
    """Return what is wrong at `at`; only four queries, because each minute calls it."""
    found = counts({"due": due(at), **_ended(at, DAY)})
    starts, day = worker_starts.failed(at), _share(found, DAY)
    return _troubles(at, server(at), starts, oldest_due_at(at), found["due"], day)


def waits() -> ColumnElement[bool]:
    """Return whether there can be trouble other than late mails, as a value of SQL."""
    came_back = _came_back_since(from_now(-A_DAY))
    is_failing = exists().where(Breaker.failures > 0)
    return or_(is_failing, exists().where(*came_back), worker_starts.waits())


def due(at: Any) -> Conditions:
    """Return the conditions of mails that are due at `at`; they name every column of the index."""
    return (
        rarely(OutboxMessage.state == MailState.queued),
        OutboxMessage.priority.in_(list(Priority)),
        OutboxMessage.due_at <= at,
    )


def oldest_due_at(at: datetime) -> datetime | None:
    """Return since when the oldest due mail at `at` could have gone, None when none is due.

    What keeps business hours counts from the first of them (by the company's clock), so that a
    night or a long weekend is no trouble. One index look-up per priority.
    """
    firsts = [
        select(func.min(OutboxMessage.due_at))
        .where(OutboxMessage.state == MailState.queued, OutboxMessage.priority == priority)
        .scalar_subquery()
        for priority in Priority
    ]
    found = zip(Priority, db.session.execute(select(*firsts)).one(), strict=True)
    moments = {
        priority: _permitted_at(priority, due_at)
        for priority, due_at in found
        if due_at is not None and due_at <= at
    }
    return min((moment for moment in moments.values() if moment <= at), default=None)


def _permitted_at(priority: Priority, due_at: datetime) -> datetime:
    if priority is Priority.urgent:
        return due_at
    ours = company()
    return ours.business_hours.permitted_at(due_at, ours.time_zone)


def server(at: datetime) -> Server:
    """Return what the breaker has recorded about the server, as of `at`."""
    row = db.session.get(Breaker, breaker.NAME, populate_existing=True)
    if row is None or not row.failures or row.open_until is None:
        return Server()
    left = row.open_until - at
    if not -BELIEVED < left <= breaker.LONGEST_PAUSE * (1 + breaker.JITTER):
        return Server()
    return Server(row.opened_at or row.open_until, row.open_until, row.server_words)


def counts(named: Mapping[str, Conditions], most: int = COUNTED) -> dict[str, int]:
    """Count the mails that fulfil each set of conditions, no further than `most`; one query."""
    columns = [
        select(func.count())
        .select_from(
            select(literal_column("1"))  # no column: the index alone is read
            .select_from(OutboxMessage)
            .where(*conditions)
            .limit(most)
            .subquery()
        )
        .scalar_subquery()
        for conditions in named.values()
    ]
    row = db.session.execute(select(*columns)).one()
    return dict(zip(named, row, strict=True))


def _ended(at: datetime, hours: int) -> dict[str, Conditions]:
    since = at - timedelta(hours=hours)
    of_state: Any = OutboxMessage.state
    return {
        f"sent {hours}": [of_state == MailState.sent, OutboxMessage.ended_at >= since],
        f"failed {hours}": [of_state == MailState.failed, OutboxMessage.ended_at >= since],
        f"came back {hours}": _came_back_since(since),
    }


def _came_back_since(since: Any) -> Conditions:
    return [rarely(OutboxMessage.outcome.in_(CAME_BACK)), OutboxMessage.outcome_at >= since]


def _share(found: Mapping[str, int], hours: int) -> Share:
    parts = (found[f"{what} {hours}"] for what in ("sent", "failed", "came back"))
    return Share(hours, *parts)


def _slowed(at: datetime) -> Sequence[RateBucket]:
    query = select(RateBucket).where(RateBucket.name.in_(rate.slowed(at)))
    return db.session.scalars(
        query.order_by(RateBucket.slower_at.desc(), RateBucket.name).limit(SLOWED)
    ).all()


def _is_held_back(at: datetime) -> bool:
    """Return whether the rates hold mails back, which explains why some are late."""
    limits = (settings().mail_rate, settings().mail_domain_rate, settings().mail_ramp_up)
    if not any(limits) and not _slowed(at):
        return False
    gone = (OutboxMessage.state == MailState.sent, OutboxMessage.ended_at >= at - LATE)
    return counts({"gone": gone}, most=1)["gone"] > 0


def _troubles(
    at: datetime,
    server: Server,
    starts: FailedStarts | None,
    oldest: datetime | None,
    due_now: int,
    day: Share,
) -> list[Trouble]:
    found = []
    if starts is not None:
        found.append(Trouble(TroubleKind.worker, starts.since, starts.count, words=starts.error))
    if server.failing_since is not None and at - server.failing_since > UNREACHED:
        found.append(Trouble(TroubleKind.server, server.failing_since, due_now, words=server.words))
    is_late = oldest is not None and at - oldest > LATE and not server.is_failing
    if oldest is not None and is_late and not _is_held_back(at):
        found.append(Trouble(TroubleKind.late, oldest, due_now))
    is_enough = day.tried >= ENOUGH or day.came_back >= MANY
    if is_enough and day.came_back > BOUNCES * day.tried:
        since = at - timedelta(hours=day.hours)
        found.append(Trouble(TroubleKind.bounces, since, day.came_back, day.tried))
    return found
