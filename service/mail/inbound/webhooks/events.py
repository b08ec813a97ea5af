"""One event that a mail provider reports, and how a request is read and refused."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from service.mail.inbound.incoming import plain
from service.models import InboundKind

# Providers repeat for up to a day a request that we did not accept, some with the first signature.
# A repeated event changes nothing, and in a signed body nobody can put another in its place.
OLDEST = timedelta(hours=25)
AHEAD = timedelta(minutes=5)
MOST_EVENTS = 5000
MOST_WORDS = 1000


class Forged(Exception):
    """The signature or login is wrong, or too old."""


class Malformed(Exception):
    """The request is signed, but is not what the provider's documentation describes."""


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """What became of one mail to one address."""

    kind: InboundKind
    recipient: str
    digest: str
    message_ids: tuple[str, ...] = ()
    public_ids: tuple[str, ...] = ()  # of ours, where the provider carries them through
    status: str = ""  # RFC 3463
    words: str = ""


def webhook_event(
    kind: InboundKind, provider: str, event: Any, recipient: object, **more: Any
) -> WebhookEvent:
    """Return an event; the whole of `event`, with `recipient`, identifies it when repeated."""
    exactly = json.dumps([provider, event, str(recipient)], sort_keys=True)
    digest = hashlib.sha256(exactly.encode()).hexdigest()
    words = " ".join(plain(str(more.pop("words", "") or ""), MOST_WORDS).split())
    status = plain(str(more.pop("status", "") or ""), 20)
    return WebhookEvent(
        kind, plain(str(recipient), 254), digest, status=status, words=words, **more
    )


def parsed(body: bytes) -> Any:
    """Return the JSON of a request; raises Malformed."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise Malformed("no JSON") from None


def mapping(value: object) -> Mapping[str, Any]:
    """Return `value` when it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def mappings(value: object) -> Iterator[Mapping[str, Any]]:
    """Yield the objects in a list; a single one counts as a list of one."""
    several = value if isinstance(value, list) else [value]
    return (each for each in several[:MOST_EVENTS] if isinstance(each, dict))


def check_age(timestamp: str, at: datetime, oldest: timedelta = OLDEST) -> None:
    """Raise Forged unless a signature of `timestamp` (seconds since 1970) is fresh at `at`."""
    try:
        signed_at = datetime.fromtimestamp(int(timestamp), UTC)
    except (ValueError, OverflowError, OSError):
        raise Forged("no timestamp") from None
    if not at - oldest <= signed_at <= at + AHEAD:
        raise Forged("too old")
