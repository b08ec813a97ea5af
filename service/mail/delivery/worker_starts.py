"""Record each start of a worker, and whether it succeeded. Flushes, never commits.

The id of a start that could not be recorded, because the database was away, is None.
"""

import socket
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, exists, func, or_, select, update

from service.clock import now
from service.extensions import db
from service.mail.sql import from_now
from service.models import WorkerStart

FAILURES = 3  # in a row, from which on it is trouble
STARTING = timedelta(minutes=1)  # one that is not ready after so long was killed
RECENT = timedelta(days=1)  # an older start says nothing about today
KEPT = timedelta(days=2)
LONGEST_ERROR = 300  # characters


@dataclass(frozen=True, slots=True)
class FailedStarts:
    """The starts that failed since the last one that succeeded."""

    count: int
    since: datetime
    error: str  # of the latest that recorded one


def begin() -> int:
    """Record that a worker begins to start now, and forget starts of more than two days ago."""
    db.session.execute(delete(WorkerStart).where(WorkerStart.began_at < now() - KEPT))
    start = WorkerStart(host=socket.gethostname()[:60])
    db.session.add(start)
    db.session.flush()
    return start.id


def came_up(start_id: int | None) -> None:
    """Record that the worker is ready to take jobs."""
    db.session.execute(update(WorkerStart).where(WorkerStart.id == start_id).values(ready_at=now()))


def broke(start_id: int | None, error: Exception) -> None:
    """Record why a worker ended before it was ready: the kind of error and its first line."""
    first_line = str(error).partition("\n")[0]
    words = f"{type(error).__name__}: {first_line}"[:LONGEST_ERROR]
    db.session.execute(
        update(WorkerStart)
        .where(WorkerStart.id == start_id, WorkerStart.ready_at.is_(None))
        .values(error=words)
    )


def forget(start_id: int | None) -> None:
    """Delete a start that was stopped before it was ready, which is no failure."""
    db.session.execute(
        delete(WorkerStart).where(WorkerStart.id == start_id, WorkerStart.ready_at.is_(None))
    )


def failed(at: datetime) -> FailedStarts | None:
    """Return the failed starts of the last day, if at least three failed in a row; one query."""
    is_over = or_(WorkerStart.error != "", WorkerStart.began_at <= at - STARTING)
    since_the_last_good = (_came_after_the_last_good(), WorkerStart.began_at >= at - RECENT)
    last_error = (
        select(WorkerStart.error)
        .where(*since_the_last_good, WorkerStart.error != "")
        .order_by(WorkerStart.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    query = select(func.count(), func.min(WorkerStart.began_at), last_error)
    count, since, error = db.session.execute(query.where(*since_the_last_good, is_over)).one()
    return FailedStarts(count, since, error or "") if count >= FAILURES else None


def waits() -> ColumnElement[bool]:
    """Return whether a start of the last day is not ready, as a value of SQL."""
    return exists().where(_came_after_the_last_good(), WorkerStart.began_at >= from_now(-RECENT))


def _came_after_the_last_good() -> ColumnElement[bool]:
    last_good = select(func.max(WorkerStart.id)).where(WorkerStart.ready_at.is_not(None))
    return WorkerStart.id > func.coalesce(last_good.scalar_subquery(), 0)
