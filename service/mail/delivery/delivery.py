"""Deliver what the outbox owes, over one or several connections; sender.py is one of them.

Each connection claims its own rows, as if it were a worker of its own: the database keeps them
apart, on one machine or on many.
"""

import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from flask import Flask, current_app
from sqlalchemy import ColumnElement, exists, select

from service import database
from service.clock import now
from service.current import settings
from service.extensions import db
from service.mail.delivery import breaker
from service.mail.delivery.prefetch_process import prefetch_process
from service.mail.delivery.sender import Sender
from service.mail.rows import from_now, rarely
from service.models import MailState, OutboxMessage, Priority

BATCH = 100  # ids per hint
MANY = 150  # mails due: preparing them takes several times as long as a fork
TURN = 0.0005  # seconds that one sender computes while another, which has its answer, waits


def deliver(ids: Sequence[int], goes_on: bool = False) -> list[int]:
    """Send those of `ids` that are due and unclaimed, and with `goes_on` whatever else is due.

    Urgent mails go first, whoever asked for them. Each row is marked by itself and committed. When
    the server cannot be reached the breaker opens, and the rows wait without having used an
    attempt. Return the ids that are still due when the time of the job, or of the process, ran out.
    """
    db.session.commit()  # SQLite would keep our own connections out while the caller's is at work
    if goes_on and _are_many():
        with prefetch_process(ids) as process:
            ended = _on_each_connection(lambda: Sender(ids, goes_on, process).send_due())
    else:
        ended = _on_each_connection(lambda: Sender(ids, goes_on).send_due())
    if all(ended):
        return []
    due = [row_id for batch in due_batches(BATCH) for row_id in batch] if goes_on else list(ids)
    db.session.rollback()
    return due


def _are_many() -> bool:
    """Return whether so much is due that a process for the prefetch is worth its fork."""
    due = select(OutboxMessage.id).where(*_is_due(now()))
    with database.reading():
        found = db.session.scalars(due.limit(MANY)).all()
        db.session.rollback()
    return len(found) == MANY


def _is_due(at: Any) -> tuple[ColumnElement[bool], ...]:
    """Return what a mail fulfils that is due; names every column of the index."""
    is_queued = rarely(OutboxMessage.state == MailState.queued)
    return (is_queued, OutboxMessage.priority.in_(Priority), OutboxMessage.due_at <= at)


def _on_each_connection(send_due: Callable[[], bool]) -> list[bool]:
    """Run `send_due` once per connection that the settings allow, all at once; return the results.

    Raises only after all of them have ended.
    """
    connections = settings().mail_connections
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]

    def in_its_context() -> bool:
        with app.app_context():  # and so in a session of its own, which nobody else looks at
            return send_due()

    if connections == 1:
        return [in_its_context()]
    sys.setswitchinterval(TURN)
    with ThreadPoolExecutor(connections, "mail") as pool:
        lanes = [pool.submit(in_its_context) for _ in range(connections)]
    return [lane.result() for lane in lanes]


def waits() -> ColumnElement[bool]:
    """Return whether a mail is due, as a value of SQL."""
    return exists().where(*_is_due(from_now()))


def due_batches(limit: int = 2_000) -> list[list[int]]:
    """Return the ids of what is due in batches, as they are to go; none while the breaker is open.

    A worker that is woken goes on with whatever is due, so these need not be all.
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
