"""Amazon SES's notifications by SNS: signed with RSA over named fields; AWS serves the certificate.

`fetch` makes the only requests from here: for the certificate and to confirm a subscription, only
to an SNS host of AWS, over https, without redirects.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.x509 import load_pem_x509_certificate

from service.mail.inbound.bounces import best_status, kind_of
from service.mail.inbound.webhooks.events import (
    Forged,
    Malformed,
    WebhookEvent,
    mapping,
    mappings,
    parsed,
    webhook_event,
)
from service.models import InboundKind

TIMEOUT = 5.0  # seconds
LARGEST = 64 * 1024
# SNS in a region such as eu-west-1; in sns.s3-us-west-2.amazonaws.com anybody may keep files.
_HOST = re.compile(r"sns\.[a-z]{2}(?:-[a-z]+){1,2}-\d{1,2}\.amazonaws\.com(?:\.cn)?")
_CERTIFICATE = re.compile(r"https://[^/]+/SimpleNotificationService-[0-9a-f]+\.pem")
_SIGNED = ("Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn")
_SIGNED_OF = {
    "Notification": {"Message", "MessageId", "Subject", "Timestamp", "TopicArn"},
    "SubscriptionConfirmation": set(_SIGNED) - {"Subject"},
    "UnsubscribeConfirmation": set(_SIGNED) - {"Subject"},
}
_HASHES = {"1": SHA1, "2": SHA256}
_NO_COMPLAINTS = frozenset({"not-spam", "auth-failure"})


class Unfetched(Exception):
    """AWS could not be asked just now."""


def events(body: bytes, topic: str) -> list[WebhookEvent]:
    """Return what a request reports, or confirm a subscription.

    Raises Forged, Malformed or Unfetched.
    """
    request = mapping(parsed(body))
    if request.get("TopicArn") != topic:
        raise Forged("another topic")
    check(request)
    if request["Type"] == "SubscriptionConfirmation":
        fetch(_of_aws(request.get("SubscribeURL")))
        return []
    if request["Type"] != "Notification":
        return []
    return list(_events(str(request.get("Message") or "")))


def check(request: Mapping[str, Any]) -> None:
    """Raise Forged unless SNS signed the request."""
    signed = _SIGNED_OF.get(str(request.get("Type")))
    if signed is None:
        raise Forged("no type that SNS sends")
    names = [name for name in _SIGNED if name in signed and request.get(name) is not None]
    lines = [f"{name}\n{request[name]}\n" for name in [*names, "Type"]]
    hashed = _HASHES.get(str(request.get("SignatureVersion")))
    if hashed is None:
        raise Forged("an unknown signature version")
    key = _key_at(_of_aws(request.get("SigningCertURL")))
    try:
        signature = base64.b64decode(str(request.get("Signature")), validate=True)
        key.verify(signature, "".join(lines).encode(), padding.PKCS1v15(), hashed())
    except (InvalidSignature, binascii.Error, ValueError):
        raise Forged("the signature is wrong") from None


def _of_aws(url: object) -> str:
    """Return `url` when it is an address of SNS; raises Forged."""
    try:
        parts = urlsplit(str(url))
        is_of_aws = (
            parts.scheme == "https"
            and parts.port in {None, 443}
            and _HOST.fullmatch(parts.netloc.removesuffix(":443")) is not None
        )
    except ValueError:
        is_of_aws = False
    if not is_of_aws or not str(url).isprintable():
        raise Forged("an address that is not of SNS")
    return str(url)


@lru_cache(maxsize=8)
def _key_at(url: str) -> rsa.RSAPublicKey:
    """Return the key of the certificate at `url`, fetched once; raises Forged."""
    if not _CERTIFICATE.fullmatch(url):
        raise Forged("no certificate")
    try:
        key = load_pem_x509_certificate(fetch(url)).public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise Forged("no certificate") from None
    if not isinstance(key, rsa.RSAPublicKey):
        raise Forged("no RSA certificate")
    return key


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> Request | None:
        return None


def fetch(url: str) -> bytes:
    """Return the first LARGEST octets at `url`, which the caller has checked; raises Unfetched."""
    if not url.startswith("https://"):
        raise Unfetched("only https")
    try:
        with build_opener(_NoRedirects()).open(url, timeout=TIMEOUT) as answer:
            return bytes(answer.read(LARGEST))
    except (HTTPError, URLError, OSError, ValueError) as error:
        raise Unfetched(type(error).__name__) from error


def _events(message: str) -> Iterator[WebhookEvent]:
    """Yield the events in a notification of SES (its own, or of its event publishing)."""
    try:
        event = mapping(parsed(message.encode("utf-8", "replace")))
    except Malformed:
        return  # a test message of SNS, or one that somebody published on the topic by hand
    readers: dict[str, Callable[[Mapping[str, Any]], Iterator[WebhookEvent]]] = {
        "Bounce": _bounced,
        "Complaint": _complained,
        "Delivery": _delivered,
        "Subscription": _unsubscribed,
    }
    reader = readers.get(str(event.get("eventType") or event.get("notificationType")))
    if reader is not None:
        yield from reader(event)


def _bounced(event: Mapping[str, Any]) -> Iterator[WebhookEvent]:
    bounce = mapping(event.get("bounce"))
    is_final = bounce.get("bounceType") == "Permanent"
    for each in mappings(bounce.get("bouncedRecipients") or []):
        words = str(each.get("diagnosticCode") or "").removeprefix("smtp;").strip()
        status = best_status(str(each.get("status") or ""), words)
        kind = kind_of(status, words) if is_final else InboundKind.soft_bounce
        yield _webhook_event(kind, event, each.get("emailAddress"), status=status, words=words)


def _complained(event: Mapping[str, Any]) -> Iterator[WebhookEvent]:
    complaint = mapping(event.get("complaint"))
    feedback = str(complaint.get("complaintFeedbackType") or "")
    if feedback in _NO_COMPLAINTS:
        return
    for each in mappings(complaint.get("complainedRecipients") or []):
        yield _webhook_event(InboundKind.complaint, event, each.get("emailAddress"), words=feedback)


def _delivered(event: Mapping[str, Any]) -> Iterator[WebhookEvent]:
    delivery = mapping(event.get("delivery"))
    recipients = delivery.get("recipients")
    words = delivery.get("smtpResponse", "")
    for each in recipients[:100] if isinstance(recipients, list) else []:
        yield _webhook_event(InboundKind.delivered, event, each, words=words)


def _unsubscribed(event: Mapping[str, Any]) -> Iterator[WebhookEvent]:
    """Yield an event when a contact left all topics of SES's list management."""
    change = mapping(event.get("subscription"))
    if mapping(change.get("newTopicPreferences")).get("unsubscribeAll") is True:
        to = mapping(event.get("mail")).get("destination")
        for each in to[:100] if isinstance(to, list) else []:
            yield _webhook_event(InboundKind.unsubscribe, event, each)


def _webhook_event(
    kind: InboundKind, event: Mapping[str, Any], recipient: object, **more: Any
) -> WebhookEvent:
    """Return an event. SES sends under another Message-ID; ours is among the original headers."""
    mail = mapping(event.get("mail"))
    ids = [str(mapping(mail.get("commonHeaders")).get("messageId") or "")]
    ids += [
        str(header.get("value"))
        for header in mappings(mail.get("headers") or [])
        if str(header.get("name")).lower() in {"message-id", "x-original-message-id"}
    ]
    return webhook_event(kind, "ses", event, recipient or "", message_ids=tuple(ids), **more)
