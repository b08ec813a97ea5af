"""Ask once, at start, whether the servers that the settings name are there. Changes nothing."""

import socket
from collections.abc import Iterator

from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import NullPool, create_engine
from sqlalchemy.exc import OperationalError

from service.config import Settings

PATIENCE = 3  # seconds for each server


def unreachable(settings: Settings, *names: str) -> Iterator[str]:
    """Yield one line for each server that does not answer; it begins with the setting's name.

    `names` are those that are asked; without any, all are.
    """
    for name, ask in ASKED.items():
        complaint = ask(settings) if name in names or not names else None
        if complaint:
            yield f"{name}: {complaint}"


def _database(settings: Settings) -> str | None:
    if not settings.database_url.startswith("postgresql"):
        return None
    engine = create_engine(
        settings.database_url, poolclass=NullPool, connect_args={"connect_timeout": PATIENCE}
    )
    try:
        engine.connect().close()
    except OperationalError as error:
        return f"PostgreSQL does not answer ({_first_line(error.orig or error)})"
    return None


def _redis(settings: Settings) -> str | None:
    try:
        with Redis.from_url(
            settings.redis_url, socket_connect_timeout=PATIENCE, socket_timeout=PATIENCE
        ) as client:
            client.ping()
    except (RedisError, ValueError) as error:
        return f"Redis does not answer ({_first_line(error)}); mails wait for the clock's sweep"
    return None


def _mail_server(settings: Settings) -> str | None:
    where = (settings.mail_server, settings.mail_port)
    try:
        socket.create_connection(where, timeout=PATIENCE).close()
    except OSError as error:
        reason = error.strerror or str(error)
        return f"{where[0]}:{where[1]} does not answer ({reason}); mails wait until it does"
    return None


ASKED = {"DATABASE_URL": _database, "REDIS_URL": _redis, "MAIL_SERVER": _mail_server}


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
