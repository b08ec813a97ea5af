"""/metrics for Prometheus: everything is read from the database and Redis at each scrape, so that
any process of any machine says the same. Nothing personal is in it."""

import hmac
from collections.abc import Iterator
from ipaddress import IPv6Address, ip_address

from flask import Blueprint, Response, abort, request
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from service.clock import now
from service.current import settings
from service.extensions import db, queue
from service.mail.delivery import health
from service.mail.delivery.health import Health

blueprint = Blueprint("metrics", __name__)

# Whatever a proxy may add. With one of them the peer on loopback is a proxy, not who asks.
FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP")
WINDOWS = {"hour": health.HOUR, "day": health.DAY}


@blueprint.get("/metrics")
def show() -> Response:
    """Return the figures to requests with METRICS_TOKEN or, without one, from this machine."""
    if not _may_read():
        abort(404)
    registry = CollectorRegistry()
    registry.register(_Figures())
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return Response(
        encode(registry), content_type=content_type, headers={"Cache-Control": "no-store"}
    )


def _may_read() -> bool:
    token = settings().metrics_token
    if token is not None:
        given = request.headers.get("Authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {token}".encode())
    return _is_loopback(request.remote_addr) and not any(map(request.headers.get, FORWARDED))


def _is_loopback(address: str | None) -> bool:
    try:
        found = ip_address(address or "")
    except ValueError:  # a socket of the file system has no address
        return False
    if isinstance(found, IPv6Address) and found.ipv4_mapped:
        return found.ipv4_mapped.is_loopback
    return found.is_loopback


class _Figures(Collector):
    """The figures of one scrape; those of a part that is away are left out."""

    def collect(self) -> Iterator[Metric]:
        found, hints = _looked(), _hints()
        up = GaugeMetricFamily(
            "hasta_luego_up", "Whether a part of the service answers.", labels=["part"]
        )
        up.add_metric(["database"], found is not None)
        up.add_metric(["redis"], hints is not None)
        yield up
        if hints is not None:
            yield GaugeMetricFamily(
                "hasta_luego_queue_hints", "Hints in Redis that no worker has taken up.", hints
            )
        if found is not None:
            yield from _mails(found)


def _looked() -> Health | None:
    try:
        return health.check(now())
    except SQLAlchemyError:
        db.session.rollback()
        return None


def _hints() -> int | None:
    try:
        return int(queue.jobs.count)
    except RedisError:
        return None


def _mails(found: Health) -> Iterator[Metric]:
    """Yield the figures on mails; no count goes beyond health.COUNTED."""
    mails = GaugeMetricFamily(
        "hasta_luego_mails", "Mails by what we did with them; due ones wait, too.", labels=["state"]
    )
    for state in ("due", "waiting", "sending", "uncertain", "failed"):
        mails.add_metric([state], getattr(found, state))
    yield mails
    ended = GaugeMetricFamily(
        "hasta_luego_mails_ended",
        "What became of mails in the last hour and the last day.",
        labels=["what", "window"],
    )
    for window, hours in WINDOWS.items():
        share = found.shares[hours]
        for what in ("sent", "failed", "came_back"):
            ended.add_metric([what, window], getattr(share, what))
    yield ended
    yield GaugeMetricFamily(
        "hasta_luego_mail_lag_seconds",
        "For how long the oldest due mail has waited.",
        found.lag.total_seconds(),
    )
    yield GaugeMetricFamily(
        "hasta_luego_mail_breaker_open",
        "Whether the mail server is left alone because it could not be reached.",
        found.server.is_failing,
    )
    yield GaugeMetricFamily(
        "hasta_luego_worker_failed_starts",
        "Starts of workers that failed in a row, from the third on.",
        found.failed_starts.count if found.failed_starts else 0,
    )
    yield GaugeMetricFamily(
        "hasta_luego_mail_slowed_domains",
        "Domains that asked for slower mail.",
        len(found.slowed),
    )
