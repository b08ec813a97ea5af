"""Postmark's webhooks: behind a login that we choose (HTTP basic), one event a request."""

import base64
import binascii
import hmac
from collections.abc import Mapping
from typing import Any

from service.mail.inbound.bounces import best_status
from service.mail.inbound.webhooks.events import (
    Forged,
    WebhookEvent,
    mapping,
    parsed,
    webhook_event,
)
from service.mail.rendering.headers import POSTMARK_NAME
from service.models import InboundKind

_BOUNCES = {
    "HardBounce": InboundKind.hard_bounce,
    "BadEmailAddress": InboundKind.hard_bounce,
    "SoftBounce": InboundKind.soft_bounce,
    "DnsError": InboundKind.soft_bounce,
    "Blocked": InboundKind.soft_bounce,
    "SpamNotification": InboundKind.soft_bounce,
    "VirusNotification": InboundKind.soft_bounce,
    "DMARCPolicy": InboundKind.soft_bounce,
    "Undeliverable": InboundKind.soft_bounce,
    "Unknown": InboundKind.soft_bounce,
    "Transient": InboundKind.delayed,
    "SpamComplaint": InboundKind.complaint,
    "Unsubscribe": InboundKind.unsubscribe,
    "AutoResponder": InboundKind.auto_reply,
}
_SUPPRESSED = {
    "HardBounce": InboundKind.hard_bounce,
    "SpamComplaint": InboundKind.complaint,
    "ManualSuppression": InboundKind.unsubscribe,
}


def events(body: bytes, authorization: str, login: str) -> list[WebhookEvent]:
    """Return what a request reports; raises Forged or Malformed. `login` is user:password."""
    _check(authorization, login)
    found = _event(mapping(parsed(body)))
    return [found] if found is not None else []


def _check(authorization: str, login: str) -> None:
    scheme, _, encoded = authorization.partition(" ")
    try:
        given = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        given = b""
    if scheme.lower() != "basic" or not hmac.compare_digest(given, login.encode()):
        raise Forged("the login is wrong")


def _event(event: Mapping[str, Any]) -> WebhookEvent | None:
    kind = _kind(event)
    if kind is None:
        return None
    words = str(event.get("Details") or event.get("Description") or event.get("Name") or "")
    carried = mapping(event.get("Metadata"))
    ids = tuple(str(value) for name, value in carried.items() if name.lower() == POSTMARK_NAME)
    return webhook_event(
        kind,
        "postmark",
        event,
        event.get("Email") or event.get("Recipient") or "",
        public_ids=ids,
        status=best_status("", words) if kind is not InboundKind.delivered else "",
        words=words,
    )


def _kind(event: Mapping[str, Any]) -> InboundKind | None:
    record = event.get("RecordType")
    if record == "Bounce":
        return _BOUNCES.get(str(event.get("Type")))
    if record == "SpamComplaint":
        return InboundKind.complaint
    if record == "Delivery":
        return InboundKind.delivered
    if record == "SubscriptionChange" and event.get("SuppressSending") is True:
        if event.get("SuppressionReason") == "ManualSuppression":
            # A suppression that an account's user added by hand is not the recipient's wish.
            return InboundKind.unsubscribe if event.get("Origin") == "Recipient" else None
        return _SUPPRESSED.get(str(event.get("SuppressionReason")))
    return None
