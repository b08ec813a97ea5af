"""Whether this process and its parts are well: for load balancers and those on call."""

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
    """This process answers; asks nobody else."""
    return jsonify(status="ok")


@blueprint.get("/readyz")
def readyz() -> tuple[Response, int]:
    """The database, Redis, the workers and the queue; 503 with the name of what is not well."""
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
    """Return for how many seconds the oldest due mail has waited; None without a database."""
    moment = now()
    try:
        oldest = health.oldest_due_at(moment)
    except SQLAlchemyError:
        db.session.rollback()
        return None
    return 0 if oldest is None else int((moment - oldest).total_seconds())


def _does_a_worker_start() -> bool | None:
    """Say whether workers come up when they are started; None without a database."""
    try:
        return worker_starts.failed(now()) is None
    except SQLAlchemyError:
        db.session.rollback()
        return None


def _redis_answers() -> bool:
    """Say whether Redis is there, within the seconds that its connection is given."""
    try:
        return bool(queue.jobs.connection.ping())
    except RedisError:
        return False
