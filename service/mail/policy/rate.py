"""Limit the rate of all workers together: one bucket for the server, one per domain (GCRA).

The buckets are rows in the database. Each mail reserves the next slot of its buckets and waits for
it outside of any transaction. When the other side says that mails come too fast, the rate of the
bucket is halved; each ten minutes without a complaint take one halving back.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from service.clock import now
from service.config import Rate
from service.current import settings
from service.extensions import db
from service.mail.rows import held
from service.models import RateBucket

SERVER = "smtp"
SLOWED = Rate(4, 1)  # where no rate was set and somebody says that we are too fast
MOST_HALVINGS = 7
MADE_UP = timedelta(seconds=0.1)  # of slots that nobody took, or one slot: no burst
QUIET = timedelta(minutes=10)  # without a complaint, after which one halving is taken back


@dataclass(frozen=True, slots=True)
class Turn:
    """When a mail may go: in `wait` seconds, if `is_reserved`; `bucket` is what it waits for."""

    wait: float
    bucket: str
    is_reserved: bool


Limits = Mapping[str, timedelta]  # of each bucket that limits anything: how far apart mails are


def bucket_of(recipient: str) -> str:
    """Return the name of the bucket of the domain of `recipient`."""
    return f"domain:{recipient.rpartition('@')[2].lower()}"


def slowed(at: datetime) -> dict[str, int]:
    """Return the buckets with a recent complaint, and how often their rate is halved."""
    since = at - QUIET * MOST_HALVINGS
    rows = db.session.scalars(
        select(RateBucket).where(RateBucket.slower > 0, RateBucket.slower_at > since)
    )
    return {row.name: halvings for row in rows if (halvings := _halvings(row, at))}


def limits_for(name: str, halved: Mapping[str, int]) -> Limits:
    """Return the limits of mails to the domain of bucket `name` (or of all mails); may be empty."""
    set_rates = {SERVER: settings().mail_rate}
    if name:
        set_rates[name] = settings().mail_domain_rate
    return {
        bucket: _apart(rate or SLOWED) * 2 ** halved.get(bucket, 0)
        for bucket, rate in set_rates.items()
        if rate or halved.get(bucket)
    }


def is_full(halved: Mapping[str, int]) -> bool:
    """Return whether the server's next slot is too far away to wait for."""
    limits = limits_for("", halved)
    bucket = db.session.get(RateBucket, SERVER, populate_existing=True) if limits else None
    if bucket is None:
        return False
    moment = now()
    return _slot(bucket, limits[SERVER], moment) - moment > patience_with(SERVER)


def reserve(limits: Limits) -> Turn:
    """Reserve the next slot in all of `limits`; commits.

    When it is further away than the patience with the slowest of them, nothing is reserved. What
    nobody took of late may be made up for, so that a worker who renders does not lower the rate.
    """
    moment = now()
    buckets = {name: held(RateBucket, name, next_at=moment) for name in sorted(limits)}
    slots = {name: _slot(bucket, limits[name], moment) for name, bucket in buckets.items()}
    slowest = max(slots, key=lambda name: slots[name])
    turn = max(moment, slots[slowest])
    is_reserved = turn - moment <= patience_with(slowest)
    if is_reserved:
        for name, bucket in buckets.items():
            bucket.next_at = max(slots[name], turn - max(limits[name], MADE_UP)) + limits[name]
    db.session.commit()
    return Turn((turn - moment).total_seconds(), slowest, is_reserved)


def _slot(bucket: RateBucket, apart: timedelta, at: datetime) -> datetime:
    if bucket.next_at > at + apart + patience_with(bucket.name):
        return at  # the clock was put back, or the rate raised
    return max(bucket.next_at, at - max(apart, MADE_UP))


def patience_with(name: str) -> timedelta:
    """Return how long to wait for a slot: all wait for the server's, only some for a domain's."""
    return timedelta(seconds=20) if name == SERVER else timedelta(seconds=1)


def slow_down(name: str) -> None:
    """Halve the rate of a bucket: the other side said that it is too fast. Commits."""
    moment = now()
    bucket = held(RateBucket, name, next_at=moment)
    bucket.slower = min(_halvings(bucket, moment) + 1, MOST_HALVINGS)
    bucket.slower_at = moment
    db.session.commit()


def _halvings(bucket: RateBucket, at: datetime) -> int:
    """Return how often the rate is halved at `at`, less what a quiet time took back."""
    if bucket.slower_at is None:
        return 0
    return max(0, bucket.slower - max(0, (at - bucket.slower_at) // QUIET))


def _apart(rate: Rate) -> timedelta:
    return timedelta(seconds=rate.seconds / rate.mails)
