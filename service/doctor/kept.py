"""The last report, kept in Redis for a month: it is out of date soon, and quickly made anew."""

import json
import logging
from datetime import datetime
from typing import Any

from redis.exceptions import RedisError

from service.doctor.examinations import Report
from service.doctor.findings import Finding
from service.extensions import queue

log = logging.getLogger(__name__)

KEY = "hasta-luego:doctor"
RUNNING = "hasta-luego:doctor:running"
KEPT_FOR = 30 * 86_400  # seconds
LONGEST_RUN = 40  # seconds after which a run that never ended is forgotten


def begin() -> bool:
    """Say whether this run may start: one at a time. Without Redis it may."""
    try:
        return bool(queue.jobs.connection.set(RUNNING, "1", nx=True, ex=LONGEST_RUN))
    except RedisError as error:
        log.warning("redis_away error=%s", type(error).__name__)
        return True


def keep(report: Report) -> bool:
    """Keep `report` and let the next run start; False when Redis is away."""
    data = {
        "sender": report.sender,
        "server": report.server,
        "began_at": report.began_at.isoformat(),
        "findings": [finding.as_data() for finding in report.findings],
    }
    try:
        queue.jobs.connection.set(KEY, json.dumps(data), ex=KEPT_FOR)
    except RedisError as error:
        log.warning("redis_away error=%s", type(error).__name__)
        return False
    return True


def end() -> None:
    """Let the next run start."""
    try:
        queue.jobs.connection.delete(RUNNING)
    except RedisError as error:
        log.warning("redis_away error=%s", type(error).__name__)


def last() -> Report | None:
    """Return the last report; None without one, or when another version wrote it."""
    try:
        kept: Any = queue.jobs.connection.get(KEY)  # redis-py types it for both of its clients
        data = json.loads(kept or b"null")
        if data is None:
            return None
        return Report(
            data["sender"],
            data["server"],
            datetime.fromisoformat(data["began_at"]),
            tuple(Finding.from_data(each) for each in data["findings"]),
        )
    except RedisError as error:
        log.warning("redis_away error=%s", type(error).__name__)
    except (KeyError, TypeError, ValueError):
        log.warning("doctor_report_unread")
    return None
