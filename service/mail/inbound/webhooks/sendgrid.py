"""SendGrid's signed event webhook: ECDSA over the timestamp and the body, many events a request."""

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from service.mail.inbound.bounces import best_status, kind_of
from service.mail.inbound.webhooks.events import (
    Forged,
    WebhookEvent,
    check_age,
    mapping,
    mappings,
    parsed,
    webhook_event,
)
from service.models import InboundKind

SIGNATURE = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP = "X-Twilio-Email-Event-Webhook-Timestamp"
_KINDS = {
    "delivered": InboundKind.delivered,
    "deferred": InboundKind.delayed,
    "spamreport": InboundKind.complaint,
    "unsubscribe": InboundKind.unsubscribe,
    "group_unsubscribe": InboundKind.unsubscribe,
}
# Why SendGrid did not even try ("dropped").
_DROPPED = {
    "bounced address": InboundKind.hard_bounce,
    "invalid": InboundKind.hard_bounce,
    "spam reporting address": InboundKind.complaint,
    "unsubscribed address": InboundKind.unsubscribe,
}


def events(body: bytes, headers: Mapping[str, str], key: str, at: datetime) -> list[WebhookEvent]:
    """Return what a request reports; raises Forged, Malformed. `key`: the public key in base64."""
    _check(body, headers.get(SIGNATURE, ""), headers.get(TIMESTAMP, ""), key, at)
    found = (_event(mapping(event)) for event in mappings(parsed(body)))
    return [event for event in found if event is not None]


def _check(body: bytes, signature: str, timestamp: str, key: str, at: datetime) -> None:
    check_age(timestamp, at)
    try:
        public = load_der_public_key(base64.b64decode(key))
        if not isinstance(public, ec.EllipticCurvePublicKey):
            raise Forged("SENDGRID_KEY is no ECDSA key")
        public.verify(
            base64.b64decode(signature, validate=True),
            timestamp.encode() + body,
            ec.ECDSA(SHA256()),
        )
    except (InvalidSignature, UnsupportedAlgorithm, binascii.Error, ValueError):
        raise Forged("the signature is wrong") from None


def _event(event: Mapping[str, Any]) -> WebhookEvent | None:
    words = str(event.get("reason") or event.get("response") or "")
    status = best_status(str(event.get("status") or ""), words)
    kind = _kind(event, status, words)
    if kind is None:
        return None
    ids = (str(event.get("smtp-id") or ""),)
    recipient = event.get("email", "")
    return webhook_event(
        kind, "sendgrid", event, recipient, message_ids=ids, status=status, words=words
    )


def _kind(event: Mapping[str, Any], status: str, words: str) -> InboundKind | None:
    name = event.get("event")
    if name == "bounce":
        is_blocked = event.get("type") == "blocked"  # by policy: the address may well exist
        return InboundKind.soft_bounce if is_blocked else kind_of(status, words)
    if name == "dropped":
        return next((kind for why, kind in _DROPPED.items() if words.lower().startswith(why)), None)
    return _KINDS.get(str(name))
