"""Mailgun's webhook: HMAC-SHA256 over a timestamp and a token in the body, one event a request.

The event itself is not signed, so whoever saw one request could send others under its token: a
token counts once, and for minutes only.
https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from service.mail.inbound.bounces import best_status, kind_of
from service.mail.inbound.webhooks.events import (
    Forged,
    Malformed,
    WebhookEvent,
    check_age,
    mapping,
    parsed,
    webhook_event,
)
from service.models import InboundKind

OLDEST = timedelta(minutes=15)  # Mailgun warns of delays, and of being too strict
_KINDS = {
    "delivered": InboundKind.delivered,
    "complained": InboundKind.complaint,
    "unsubscribed": InboundKind.unsubscribe,
}
# Why Mailgun did not even try: the address is on its suppression list.
_SUPPRESSED = {
    "suppress-bounce": InboundKind.hard_bounce,
    "suppress-complaint": InboundKind.complaint,
    "suppress-unsubscribe": InboundKind.unsubscribe,
}


def events(body: bytes, key: str, at: datetime) -> list[WebhookEvent]:
    """Return what a request reports; raises Forged or Malformed."""
    request = mapping(parsed(body))
    _check(mapping(request.get("signature")), key, at)
    event = mapping(request.get("event-data"))
    if not event:
        raise Malformed("no event-data")
    found = _event(event)
    return [found] if found is not None else []


def token_of(body: bytes) -> str:
    """Return the token of a request that `events` has read."""
    return str(mapping(mapping(parsed(body)).get("signature")).get("token", ""))


def _check(signature: Mapping[str, Any], key: str, at: datetime) -> None:
    """Raise Forged unless the request is signed; subaccounts sign with parent-signature."""
    timestamp, token = str(signature.get("timestamp", "")), str(signature.get("token", ""))
    expected = hmac.new(key.encode(), f"{timestamp}{token}".encode(), hashlib.sha256).hexdigest()
    given = [str(signature.get(name, "")) for name in ("signature", "parent-signature")]
    if not any(hmac.compare_digest(expected.encode(), each.encode()) for each in given):
        raise Forged("the signature is wrong")
    check_age(timestamp, at, OLDEST)


def _event(event: Mapping[str, Any]) -> WebhookEvent | None:
    status = mapping(event.get("delivery-status"))
    words = str(status.get("message") or status.get("description") or "")
    code = best_status(str(status.get("enhanced-code") or ""), words)
    kind = _kind(event, code, f"{status.get('code', '')} {words}")
    if kind is None:
        return None
    head = mapping(mapping(event.get("message")).get("headers"))
    return webhook_event(
        kind,
        "mailgun",
        event,
        event.get("recipient", ""),
        message_ids=(str(head.get("message-id") or ""),),
        status=code,
        words=words or event.get("reason", ""),
    )


def _kind(event: Mapping[str, Any], status: str, words: str) -> InboundKind | None:
    name = str(event.get("event"))
    if name != "failed":
        return _KINDS.get(name)
    if event.get("severity") == "temporary":
        return InboundKind.delayed  # it tries again, and reports the end
    return _SUPPRESSED.get(str(event.get("reason"))) or kind_of(status, words)
