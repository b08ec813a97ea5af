"""Whether this process and its parts are well: for load balancers and those on call."""

from datetime import timedelta

from flask import Blueprint, Response, jsonify
from redis.exceptions import RedisError
from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError

from service.clock import now
from service.extensions import db, queue
from service.models import MailState, OutboxMessage

blueprint = Blueprint("health", __name__)

OLDEST_DUE = timedelta(minutes=10)  # a worker that lives takes a due mail within seconds


@blueprint.get("/healthz")
def healthz() -> Response:
    """This process answers; asks nobody else."""
    return jsonify(status="ok")


@blueprint.get("/readyz")
def readyz() -> tuple[Response, int]:
    """The database, Redis and the queue; 503 with the name of what is not well."""
    age = _queue_age()
    parts = {
        "database": "ok" if age is not None else "away",
        "redis": "ok" if _redis_answers() else "away",
        "queue": "ok" if age is not None and age <= OLDEST_DUE.total_seconds() else "late",
    }
    is_well = all(state == "ok" for state in parts.values())
    body = jsonify(status="ok" if is_well else "not ready", queue_age_seconds=age, **parts)
    return body, 200 if is_well else 503


def _queue_age() -> int | None:
    """Return for how many seconds the oldest due mail has waited; None without a database."""
    try:
        db.session.execute(text("SELECT 1"))
        oldest = db.session.scalar(
            select(OutboxMessage.due_at)
            .where(OutboxMessage.state == MailState.queued, OutboxMessage.due_at <= now())
            .order_by(OutboxMessage.due_at)
            .limit(1)
        )
    except SQLAlchemyError:
        db.session.rollback()
        return None
    return 0 if oldest is None else int((now() - oldest).total_seconds())


def _redis_answers() -> bool:
    """Say whether Redis is there, within the seconds that its connection is given."""
    try:
        return bool(queue.jobs.connection.ping())
    except RedisError:
        return False
