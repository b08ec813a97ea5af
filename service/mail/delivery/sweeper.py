"""Take rows back whose worker died: their lease ran out while they were being sent."""

import logging
from typing import Any

from sqlalchemy import ColumnElement, exists, or_, select, update

from service.clock import now
from service.extensions import db
from service.mail.delivery import outcomes
from service.mail.delivery.leases import FREE, lease_time
from service.mail.sql import from_now, rarely
from service.models import MailState, OutboxMessage

AT_ONCE = 500
WORDS = "the worker ended after DATA began, before the server's answer was written down"

log = logging.getLogger(__name__)


def waits() -> ColumnElement[bool]:
    """Return whether a lease has run out, as a value of SQL."""
    return exists().where(*_is_expired(from_now(), from_now(2 * lease_time())))


def sweep() -> int:
    """Give rows back whose lease ran out, or decide about those that were leaving. Flushes.

    Return how many. A lease that ends later than any lease can has run out, too: the clock was put
    back since.
    """
    moment = now()
    expired = (
        select(OutboxMessage)
        .where(*_is_expired(moment, moment + 2 * lease_time()))
        .order_by(OutboxMessage.id + 0)  # not by the key: SQLite would walk the whole outbox
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    rows = db.session.scalars(expired).all()
    for row in rows:
        changes = {"state": MailState.queued, **FREE}
        if row.handing_over_at is not None:
            changes = outcomes.undecided(outcomes.Tries.of(row), WORDS)
        log.warning("lease_ran_out outbox=%s now=%s", row.id, changes["state"])
        db.session.execute(
            update(OutboxMessage).where(OutboxMessage.id == row.id).values(**changes)
        )
    db.session.flush()
    return len(rows)


def _is_expired(at: Any, far: Any) -> tuple[ColumnElement[bool], ...]:
    ends = OutboxMessage.lease_until
    is_over = or_(ends.is_(None), ends < at, ends > far)
    return (rarely(OutboxMessage.state == MailState.sending), is_over)
