"""Deliver what the outbox owes, over one or several connections, with a Sender for each.

Each sender claims rows for itself, as those of other workers do: the database keeps them apart, on
one machine or on many.
"""

import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from flask import Flask, current_app
from sqlalchemy import ColumnElement, exists, select

from service import database
from service.clock import now
from service.current import settings
from service.extensions import db
from service.mail.delivery import breaker
from service.mail.delivery.prefetch import PrefetchQueue
from service.mail.delivery.prefetch_process import prefetch_process
from service.mail.delivery.sender import OpenSource, Sender
from service.mail.sql import from_now, rarely
from service.models import MailState, OutboxMessage, Priority

BATCH = 100  # ids per hint
MANY = 150  # mails due, from which a prefetch process is worth its fork
SWITCH = 0.0005  # seconds that one sender computes while another waits, which has its answer


def deliver(ids: Sequence[int], goes_on: bool = False) -> list[int]:
    """Send those of `ids` that are due and unclaimed, and with `goes_on` whatever else is due.

    Urgent mails go first, even those not in `ids`. Each row is marked by itself and committed. When
    the server cannot be reached, the breaker opens and the rows wait without having used an
    attempt. Return the ids that are still due when the time of the job, or of the process, is over.
    """
    db.session.commit()  # or SQLite would lock the senders' connections out
    if goes_on and _are_many():
        with prefetch_process(ids) as process:
            ended = _send_on_each_connection(lambda *_: process, process.owner)
    else:
        ended = _send_on_each_connection(lambda *of: PrefetchQueue(ids, goes_on, *of))
    if all(ended):
        return []
    due = [row_id for batch in due_batches(BATCH) for row_id in batch] if goes_on else list(ids)
    db.session.rollback()
    return due


def _are_many() -> bool:
    """Return whether at least MANY mails are due."""
    due = select(OutboxMessage.id).where(*_is_due(now()))
    with database.reading():
        found = db.session.scalars(due.limit(MANY)).all()
        db.session.rollback()
    return len(found) == MANY


def _is_due(at: Any) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions of mails that are due at `at`; they name every column of the index."""
    is_queued = rarely(OutboxMessage.state == MailState.queued)
    return (is_queued, OutboxMessage.priority.in_(Priority), OutboxMessage.due_at <= at)


def _send_on_each_connection(open_source: OpenSource, owner: str = "") -> list[bool]:
    """Run a sender for each of MAIL_CONNECTIONS, all at once; return what their send_due returned.

    Raises only after all of them have ended.
    """
    connections = settings().mail_connections
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]

    def in_its_context() -> bool:
        with app.app_context():  # and so with a database session of its own
            return Sender(open_source, owner).send_due()

    if connections == 1:
        return [in_its_context()]
    sys.setswitchinterval(SWITCH)
    with ThreadPoolExecutor(connections, "mail") as pool:
        ends = [pool.submit(in_its_context) for _ in range(connections)]
    return [end.result() for end in ends]


def waits() -> ColumnElement[bool]:
    """Return whether a mail is due, as a value of SQL."""
    return exists().where(*_is_due(from_now()))


def due_batches(limit: int = 2_000) -> list[list[int]]:
    """Return the ids of what is due in batches, in order; none while the breaker is open.

    At most `limit`: a worker that is woken goes on with whatever else is due.
    """
    if breaker.is_open():
        return []
    ids: list[int] = []
    for priority in Priority:
        query = (
            select(OutboxMessage.id)
            .where(
                OutboxMessage.state == MailState.queued,
                OutboxMessage.priority == priority,
                OutboxMessage.due_at <= now(),
            )
            .order_by(OutboxMessage.due_at, OutboxMessage.id)
        )
        ids += db.session.scalars(query.limit(limit - len(ids)))
    return [ids[start : start + BATCH] for start in range(0, len(ids), BATCH)]
