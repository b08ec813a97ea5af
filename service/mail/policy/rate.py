"""Limit how many mails all workers together send: by the second, and by the day for a new sender.

MAIL_RATE and MAIL_DOMAIN_RATE: one bucket for the server, one per domain (GCRA), each a row in the
database. Each mail reserves the next slot of its buckets and waits for it outside of any
transaction. When a server answers that mails come too fast, the rate of its bucket is halved; each
ten minutes without such an answer take one halving back.

MAIL_RAMP_UP: a new sender's daily limit, which grows from day to day, is one row. A day is the
company's. What was allowed and then not sent is not given back: the limit need not be used up.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from sqlalchemy import select

from service.clock import local_moment, now, today
from service.config import Rate
from service.current import company, settings
from service.extensions import db
from service.mail.sql import held
from service.models import RampUp, RateBucket

SERVER = "smtp"
SLOWED = Rate(4, 1)  # where no rate was set and a server answers that mails come too fast
MOST_HALVINGS = 7
MADE_UP = timedelta(seconds=0.1)  # of slots that nobody took, or one slot: no burst
QUIET = timedelta(minutes=10)  # without a complaint, after which one halving is taken back
MORNING = time(9)  # when what exceeded yesterday's limit may go


@dataclass(frozen=True, slots=True)
class Turn:
    """When a mail may go: in `wait` seconds, if `is_reserved`; `bucket` is what it waits for."""

    wait: float
    bucket: str
    is_reserved: bool


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many mails may go today, and when the others may (UTC; None when there is no limit)."""

    count: int
    others_at: datetime | None = None


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
        bucket: timedelta(seconds=rate.seconds / rate.mails) * 2 ** halved.get(bucket, 0)
        for bucket, set_rate in set_rates.items()
        if (rate := set_rate or (SLOWED if halved.get(bucket) else None))
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

    When it is further away than the patience with the slowest of them, nothing is reserved. Slots
    that nobody took just now are still given, so that rendering does not lower the rate.
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
    """Return how long to wait for a slot of a bucket: 20 s of the server's, 1 s of a domain's."""
    return timedelta(seconds=20) if name == SERVER else timedelta(seconds=1)


def slow_down(name: str) -> None:
    """Halve the rate of a bucket, whose server answered that mails come too fast. Commits."""
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


def allow_today(count: int) -> Allowance:
    """Take up to `count` mails out of today's limit; commits."""
    limit = settings().mail_ramp_up
    if limit is None or count == 0:
        return Allowance(count)
    zone = company().time_zone
    day = today(zone)
    row = held(RampUp, SERVER, started_on=day, day=day, used=0)
    if row.day != day:
        row.day, row.used = day, 0
    allowed = min(count, max(0, limit.on_day((day - row.started_on).days) - row.used))
    row.used += allowed
    db.session.commit()
    return Allowance(allowed, local_moment(day + timedelta(days=1), MORNING, zone))
