"""The clock: that of this machine, compared with those of the servers that it uses."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from service.clock import now
from service.doctor.cases import Case, Clock, Evidence
from service.doctor.findings import ON_MACHINE, Check, Finding, Remedy, bad, good, unknown, warning
from service.doctor.findings import phrase as _l
from service.doctor.network import is_local

TOLERATED = 60  # seconds; a mail on its way takes some of them
HARMFUL = 600  # mails leave at wrong times, and logins by code fail


def check(case: Case, evidence: Evidence) -> Iterator[Finding]:
    """Yield how far our clock is from the others, by the one that differs most."""
    clocks = [*evidence.clocks, *_database(case), *_redis(case)]
    if not clocks:
        yield unknown(Check.clock, _l("No other server was there to compare the clock with."))
        return
    worst = max(clocks, key=lambda clock: abs(clock.offset))
    others = ", ".join(sorted({clock.name for clock in clocks}))
    if abs(worst.offset) > TOLERATED:
        values: dict[str, str | int] = {"name": worst.name, "seconds": abs(worst.offset)}
        if worst.offset > 0:
            words = _l("The clock here is %(seconds)s seconds behind that of %(name)s.", **values)
        else:
            words = _l("The clock here is %(seconds)s seconds ahead of that of %(name)s.", **values)
        fix = _l("Let it be set by the network: timedatectl set-ntp true")
        worse = bad if abs(worst.offset) > HARMFUL else warning
        yield worse(Check.clock, words, Remedy(ON_MACHINE, fix))
    elif any(clock.is_elsewhere for clock in clocks):
        yield good(Check.clock, _l("The clock agrees with those of %(others)s.", others=others))
    else:
        words = _l(
            "The clock agrees with those of %(others)s, but they may well be on this machine and "
            "have the same one.",
            others=others,
        )
        yield unknown(Check.clock, words)


def _database(case: Case) -> Iterator[Clock]:
    if case.engine is None:
        return
    try:
        with case.engine.connect() as connection:
            moment: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    except SQLAlchemyError:
        return  # /readyz reports it
    host = case.engine.url.host or ""
    yield Clock("PostgreSQL", moment, now(), bool(host) and not is_local(host))


def _redis(case: Case) -> Iterator[Clock]:
    if case.redis is None:
        return
    try:
        answer: Any = case.redis.time()  # redis-py types it for both of its clients
    except RedisError:
        return
    url = urlsplit(case.settings.redis_url)
    is_elsewhere = url.scheme != "unix" and not is_local(url.hostname or "localhost")
    yield Clock("Redis", datetime.fromtimestamp(int(answer[0]), UTC), now(), is_elsewhere)
