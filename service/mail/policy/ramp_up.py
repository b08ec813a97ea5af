"""MAIL_RAMP_UP: a new sender's daily limit, which grows from day to day. One row in the database.

A day is the provider's. What was allowed and then not sent is not given back: the limit is there
to be kept, not to be used up.
"""

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from service.clock import local_moment, today
from service.current import company, settings
from service.extensions import db
from service.mail.rows import held
from service.models import RampUp

NAME = "smtp"
MORNING = time(9)  # when what was too much yesterday goes on


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many mails may go today, and when the others may (UTC; None when there is no limit)."""

    count: int
    others_at: datetime | None = None


def allow(count: int) -> Allowance:
    """Take up to `count` mails out of today's limit; commits."""
    limit = settings().mail_ramp_up
    if limit is None or count == 0:
        return Allowance(count)
    zone = company().time_zone
    day = today(zone)
    row = held(RampUp, NAME, started_on=day, day=day, used=0)
    if row.day != day:
        row.day, row.used = day, 0
    allowed = min(count, max(0, limit.on_day((day - row.started_on).days) - row.used))
    row.used += allowed
    db.session.commit()
    return Allowance(allowed, local_moment(day + timedelta(days=1), MORNING, zone))
