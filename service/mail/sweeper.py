"""Find rows whose worker died: their lease ran out while they were being sent."""

import logging

from sqlalchemy import or_, select, update

from service.clock import now
from service.extensions import db
from service.mail import outcomes
from service.mail.claims import FREE, lease_time
from service.models import MailState, OutboxMessage

AT_ONCE = 500
WORDS = "the worker ended after DATA began, before the server's answer was written down"

log = logging.getLogger(__name__)


def sweep() -> int:
    """Give back what was not handed over yet, decide about the rest; return how many. Flushes.

    A lease that lasts longer than any that we give is one of a clock that has been put back since.
    """
    moment = now()
    is_over = or_(
        OutboxMessage.lease_until.is_(None),
        OutboxMessage.lease_until < moment,
        OutboxMessage.lease_until > moment + 2 * lease_time(),
    )
    expired = (
        select(OutboxMessage)
        .where(OutboxMessage.state == MailState.sending, is_over)
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
