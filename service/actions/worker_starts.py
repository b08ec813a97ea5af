"""Write down how a worker's start goes, so that one that never comes up is noticed.

Flushes, never commits. A start that could not be recorded, because the database was away, is None.
"""

import socket
from datetime import timedelta

from sqlalchemy import delete, update

from service.clock import now
from service.extensions import db
from service.models import WorkerStart

KEPT = timedelta(days=2)
LONGEST_ERROR = 300  # characters


def begin() -> int:
    """Record that a worker begins to start now, and forget starts of more than two days ago."""
    db.session.execute(delete(WorkerStart).where(WorkerStart.began_at < now() - KEPT))
    start = WorkerStart(host=socket.gethostname()[:60])
    db.session.add(start)
    db.session.flush()
    return start.id


def ready(start_id: int | None) -> None:
    """Record that the worker takes jobs from now on."""
    db.session.execute(update(WorkerStart).where(WorkerStart.id == start_id).values(ready_at=now()))


def failed(start_id: int | None, error: Exception) -> None:
    """Record why a worker ended before it was ready: the kind of error and its first line."""
    first_line = str(error).partition("\n")[0]
    words = f"{type(error).__name__}: {first_line}"[:LONGEST_ERROR]
    db.session.execute(
        update(WorkerStart)
        .where(WorkerStart.id == start_id, WorkerStart.ready_at.is_(None))
        .values(error=words)
    )


def forget(start_id: int | None) -> None:
    """Forget a start that somebody stopped before it was ready: nothing went wrong."""
    db.session.execute(
        delete(WorkerStart).where(WorkerStart.id == start_id, WorkerStart.ready_at.is_(None))
    )
