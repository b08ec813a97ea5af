"""Flask's extensions, made without an app so that no import goes in circles."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from flask import Flask, current_app
from flask_babel import Babel
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session as BoundSession
from flask_wtf import CSRFProtect
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue
from rq.serializers import JSONSerializer
from sqlalchemy import Connection, Engine, MetaData
from sqlalchemy.orm import DeclarativeBase

# Seconds. Redis carries hints and counts, so a request waits for it no longer than nobody notices:
# once for the limits, which then count in memory, and once for a hint.
REDIS_PATIENCE: dict[str, Any] = {"socket_connect_timeout": 0.3, "socket_timeout": 0.3}
AWAY = 5.0  # seconds; the clock's next round comes no later

log = logging.getLogger(__name__)


class Base(DeclarativeBase):
    """The base of every table; constraints get names, for migrations."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class WakeUpQueue:
    """Hints to the workers, through RQ. Losing one loses nothing: the clock finds what is due."""

    name = "mail"

    def __init__(self) -> None:
        self._away: tuple[Redis, float] | None = None  # which one, and until when it is believed

    def init_app(self, app: Flask, redis_url: str) -> None:
        """Give `app` its queue in the Redis of `redis_url`; connects only when first used."""
        connection = Redis.from_url(redis_url, **REDIS_PATIENCE)
        app.extensions["wake_up_queue"] = Queue(
            self.name, connection=connection, serializer=JSONSerializer, default_timeout=600
        )

    @property
    def jobs(self) -> Queue:
        """The queue of the running app."""
        found: Queue = current_app.extensions["wake_up_queue"]
        return found

    def wake(self, task: str, *ids: Any) -> bool:
        """Ask a worker to run `task` (a dotted path) with `ids`; False when Redis is away.

        Call it after the commit. A hint that cannot be left is logged and is no error, because
        the next tick of the clock finds the same work in the database. For the AWAY seconds after
        that no other is tried, so that a Redis which does not answer delays one request, not all.
        """
        connection: Redis = self.jobs.connection
        if self._away and self._away[0] is connection and time.monotonic() < self._away[1]:
            return False
        try:
            self.jobs.enqueue(task, *ids, result_ttl=0, failure_ttl=86_400)
        except RedisError as error:
            self._away = (connection, time.monotonic() + AWAY)
            log.warning("redis_away task=%s error=%s", task, type(error).__name__)
            return False
        return True

    def waiting(self) -> int:
        """Return how many hints wait to be taken up; 0 when Redis is away."""
        try:
            return int(self.jobs.count)
        except RedisError as error:
            log.warning("redis_away error=%s", type(error).__name__)
            return 0


class Session(BoundSession):
    """A session that can be kept on one connection."""

    kept: Connection | None = None

    def get_bind(self, *args: Any, **more: Any) -> Engine | Connection:
        """Return the connection that the session is kept on, or else its engine."""
        return self.kept or super().get_bind(*args, **more)


db = SQLAlchemy(model_class=Base, session_options={"class_": Session})
babel = Babel()
csrf = CSRFProtect()
limiter = Limiter(get_remote_address, storage_options=REDIS_PATIENCE)
queue = WakeUpQueue()


@contextmanager
def one_connection() -> Iterator[None]:
    """Keep the session on one connection, so that temporary tables outlive a transaction.

    They end with the block. A transaction that is open before it is rolled back.
    """
    db.session.rollback()
    session = cast(Session, db.session())
    with db.engine.connect() as connection:
        session.kept = connection
        try:
            yield
        finally:
            session.rollback()
            session.kept = None
            connection.invalidate()  # closed, not given back: the tables are gone


if TYPE_CHECKING:
    Model = Base
else:
    Model = db.Model
