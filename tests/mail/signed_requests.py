"""Requests of mail providers, signed as they sign: each returns the body and its headers."""

import base64
import hashlib
import hmac
import json
import secrets
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

from service.clock import now

TOPIC = "arn:aws:sns:eu-west-1:123456789012:bounces"
CERTIFICATE_URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-abc.pem"
SENDGRID = ec.generate_private_key(ec.SECP256R1())
AMAZON = rsa.generate_private_key(public_exponent=65537, key_size=2048)
MAILGUN_KEY, POSTMARK_LOGIN = "key-of-mailgun", "postmark:ábrete"
PROVIDERS = ("ses", "sendgrid", "postmark", "mailgun")
TO = "ruy@daz.example"

Request = tuple[bytes, dict[str, str]]


def public_key_of_sendgrid() -> str:
    """What SENDGRID_KEY says."""
    octets = SENDGRID.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return base64.b64encode(octets).decode()


@cache
def certificate_of_amazon() -> bytes:
    """What stands at CERTIFICATE_URL."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    day = timedelta(days=1)
    built = (
        x509.CertificateBuilder(name, name, AMAZON.public_key(), x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - day)
        .not_valid_after(datetime.now(UTC) + day)
        .sign(AMAZON, hashes.SHA256())
    )
    return built.public_bytes(serialization.Encoding.PEM)


def by_sendgrid(*events: object, at: datetime | None = None, **more: str) -> Request:
    """A batch of events; `more` are headers, with _ for -."""
    body = json.dumps(events).encode()
    timestamp = str(int((at or now()).timestamp()))
    signed = SENDGRID.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
    return body, {
        "X-Twilio-Email-Event-Webhook-Timestamp": timestamp,
        "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signed).decode(),
        **{name.replace("_", "-"): value for name, value in more.items()},
    }


def by_mailgun(event: object, at: datetime | None = None, key: str = MAILGUN_KEY) -> Request:
    """One event, under a token of its own."""
    timestamp, token = str(int((at or now()).timestamp())), secrets.token_hex(25)
    signed = hmac.new(key.encode(), f"{timestamp}{token}".encode(), hashlib.sha256).hexdigest()
    signature = {"timestamp": timestamp, "token": token, "signature": signed}
    return json.dumps({"signature": signature, "event-data": event}).encode(), {}


def by_postmark(event: object, login: str = POSTMARK_LOGIN) -> Request:
    """One event."""
    proof = base64.b64encode(login.encode()).decode()
    return json.dumps(event).encode(), {"Authorization": f"Basic {proof}"}


def by_ses(message: object, version: str = "2", **more: object) -> Request:
    """A notification of SNS; `more` are its other fields."""
    request = {
        "Type": "Notification",
        "MessageId": "1",
        "TopicArn": TOPIC,
        "Message": message if isinstance(message, str) else json.dumps(message),
        "Timestamp": "2026-11-25T10:00:00.000Z",
        "SignatureVersion": version,
        "SigningCertURL": CERTIFICATE_URL,
        **more,
    }
    names = ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn"]
    lines = [f"{name}\n{request[name]}\n" for name in [*names, "Type"] if name in request]
    hashed = hashes.SHA1() if version == "1" else hashes.SHA256()
    signed = AMAZON.sign("".join(lines).encode(), padding.PKCS1v15(), hashed)
    body = json.dumps({"Signature": base64.b64encode(signed).decode(), **request})
    return body.encode(), {"Content-Type": "text/plain; charset=UTF-8"}


def of_ses(kind: str, **more: object) -> dict[str, object]:
    """What SES puts into the notification."""
    mail = {"messageId": "0102-amazon", "headers": more.pop("headers", [])}
    return {"notificationType": kind, "mail": mail, **more}


def a_bounce(member: str, message_id: str = "", public_id: str = "", **more) -> Request:
    """The provider tells that a mail to TO came back for good."""
    if member == "sendgrid":
        event = {"event": "bounce", "email": TO, "smtp-id": message_id, "status": "5.1.1"}
        return by_sendgrid({**event, "reason": "550 5.1.1 unknown"}, **more)
    if member == "mailgun":
        event = {
            "event": "failed",
            "severity": "permanent",
            "recipient": TO,
            "message": {"headers": {"message-id": message_id.strip("<>")}},
            "delivery-status": {"code": 550, "message": "5.1.1 unknown"},
        }
        return by_mailgun(event, **more)
    if member == "postmark":
        event = {"RecordType": "Bounce", "Type": "HardBounce", "Email": TO, "ID": 42}
        event |= {"Metadata": {"mail": public_id}, "Details": "550 5.1.1 unknown"}
        return by_postmark(event, **more)
    recipients = [{"emailAddress": TO, "status": "5.1.1", "diagnosticCode": "smtp; 550 unknown"}]
    headers = [{"name": "Message-ID", "value": message_id}]
    bounce = {"bounceType": "Permanent", "bouncedRecipients": recipients}
    return by_ses(of_ses("Bounce", bounce=bounce, headers=headers), **more)
