"""The health of this process and of what it needs, for load balancers and those on call."""

from datetime import timedelta

from flask import Blueprint, Response, jsonify
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from service.clock import now
from service.extensions import db, queue
from service.mail.delivery import health, worker_starts

blueprint = Blueprint("health", __name__)

OLDEST_DUE = timedelta(minutes=10)  # a worker that lives takes a due mail within seconds


@blueprint.get("/healthz")
def healthz() -> Response:
    """Answer that this process runs, without asking anything else."""
    return jsonify(status="ok")


@blueprint.get("/readyz")
def readyz() -> tuple[Response, int]:
    """Check database, Redis, workers and queue; 503 names the part that fails."""
    age, does_start = _queue_age(), _does_a_worker_start()
    parts = {
        "database": "ok" if age is not None else "away",
        "redis": "ok" if _redis_answers() else "away",
        "worker": {True: "ok", False: "does not start", None: "unknown"}[does_start],
        "queue": "ok" if age is not None and age <= OLDEST_DUE.total_seconds() else "late",
    }
    is_well = all(state == "ok" for state in parts.values())
    body = jsonify(status="ok" if is_well else "not ready", queue_age_seconds=age, **parts)
    return body, 200 if is_well else 503


def _queue_age() -> int | None:
    """Return the age of the oldest due mail in seconds; None without a database."""
    moment = now()
    try:
        oldest = health.oldest_due_at(moment)
    except SQLAlchemyError:
        db.session.rollback()
        return None
    return 0 if oldest is None else int((moment - oldest).total_seconds())


def _does_a_worker_start() -> bool | None:
    """Return whether workers start; None without a database."""
    try:
        return worker_starts.failed(now()) is None
    except SQLAlchemyError:
        db.session.rollback()
        return None


def _redis_answers() -> bool:
    """Return whether Redis answers before its connection times out."""
    try:
        return bool(queue.jobs.connection.ping())
    except RedisError:
        return False
