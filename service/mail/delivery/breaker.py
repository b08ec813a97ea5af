"""A circuit breaker: after the SMTP server could not be reached, no worker tries it for a while.

It is one row in the database, so that the failure of one worker spares the others the timeout.
"""

import random
from datetime import datetime, timedelta

from sqlalchemy import update

from service import database
from service.clock import now
from service.extensions import db
from service.mail.policy import rate
from service.mail.sql import held
from service.models import Breaker

NAME = "smtp"
FIRST_PAUSE = timedelta(seconds=15)
LONGEST_PAUSE = timedelta(minutes=5)
JITTER = 0.2


def is_open(at: datetime | None = None) -> bool:
    """Return whether no worker may try the server at `at` (default: now).

    A pause longer than LONGEST_PAUSE does not count: the clock has been put back since.
    """
    row = db.session.get(Breaker, NAME, populate_existing=True)
    if row is None or row.open_until is None:
        return False
    left = row.open_until - (at or now())
    return timedelta(0) < left <= LONGEST_PAUSE * (1 + JITTER)


def may_claim() -> bool:
    """Return whether mails are to be claimed: the breaker is closed and the rate allows one."""
    with database.reading():
        may = not is_open() and not rate.is_full(rate.slowed(now()))
        db.session.rollback()
    return may


def failed(words: str) -> datetime:
    """Open the breaker, longer after each failure in a row; return when it closes. Commits."""
    row = held(Breaker, NAME, failures=0, server_words="")
    row.failures += 1
    if row.opened_at is None:
        row.opened_at = now()
    pause = min(FIRST_PAUSE * int(2 ** min(row.failures - 1, 10)), LONGEST_PAUSE)
    row.open_until = until = now() + pause * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311
    row.server_words = words
    db.session.commit()
    return until


def reached() -> None:
    """Close the breaker: the server took a mail. Commits; costs nothing when it was closed."""
    db.session.execute(
        update(Breaker)
        .where(Breaker.name == NAME, Breaker.failures > 0)
        .values(failures=0, opened_at=None, open_until=None, server_words="")
    )
    db.session.commit()
