"""MAIL_RATE, kept over all workers by one bucket in the database (GCRA).

Each mail reserves the next slot and waits for it outside of any transaction.
"""

from datetime import timedelta

from service.clock import now
from service.config import Rate
from service.extensions import db
from service.mail.rows import held
from service.models import RateBucket

NAME = "smtp"


def reserve(rate: Rate, patience: float) -> float:
    """Reserve the next slot and return the seconds until it; commits.

    When it is further away than `patience` (seconds) nothing is reserved. A slot that nobody took
    may be made up for by one mail, so that a late worker does not lower the rate.
    """
    apart = timedelta(seconds=rate.seconds / rate.mails)
    moment = now()
    bucket = held(RateBucket, NAME, next_at=moment)
    slot = max(bucket.next_at, moment - apart)
    wait = (slot - moment).total_seconds()
    if wait > apart.total_seconds() + patience:  # the clock was moved back, or the rate raised
        slot, wait = moment, 0.0
    if wait <= patience:
        bucket.next_at = slot + apart
    db.session.commit()
    return max(wait, 0.0)
