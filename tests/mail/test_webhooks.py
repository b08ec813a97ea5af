"""Each provider's webhook: its signature right, wrong and old, and what each event means."""

import base64
from datetime import timedelta

import pytest

from service.clock import now
from service.mail.inbound.webhooks import mailgun, postmark, sendgrid, ses
from service.mail.inbound.webhooks.events import Forged, Malformed, WebhookEvent
from service.mail.inbound.webhooks.ses import Unfetched, fetch
from service.models import InboundKind
from tests.mail.signed_requests import (
    CERTIFICATE_URL,
    MAILGUN_KEY,
    POSTMARK_LOGIN,
    PROVIDERS,
    TO,
    TOPIC,
    Request,
    a_bounce,
    by_mailgun,
    by_postmark,
    by_sendgrid,
    by_ses,
    certificate_of_amazon,
    of_ses,
    public_key_of_sendgrid,
)


@pytest.fixture(autouse=True)
def fetched(monkeypatch):
    """What went out over HTTP, instead of going out."""
    urls = []

    def fetch(url: str) -> bytes:
        urls.append(url)
        return certificate_of_amazon()

    ses._key_at.cache_clear()
    monkeypatch.setattr(ses, "fetch", fetch)
    yield urls
    ses._key_at.cache_clear()


def read(provider: str, request: Request) -> list[WebhookEvent]:
    body, headers = request
    if provider == "ses":
        return ses.events(body, TOPIC)
    if provider == "sendgrid":
        return sendgrid.events(body, headers, public_key_of_sendgrid(), now())
    if provider == "postmark":
        return postmark.events(body, headers.get("Authorization", ""), POSTMARK_LOGIN)
    return mailgun.events(body, MAILGUN_KEY, now())


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_signed_bounce_is_read(provider):
    [told] = read(provider, a_bounce(provider, "<abc@norte.example>", "abc"))
    assert (told.kind, told.recipient) == (InboundKind.hard_bounce, TO)
    assert told.status == "5.1.1"
    assert "abc" in "".join([*told.message_ids, *told.public_ids])


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_same_event_is_known_again_and_another_is_not(provider):
    def digest(message_id: str) -> str:
        return read(provider, a_bounce(provider, message_id, message_id))[0].digest

    assert digest("<a@b>") == digest("<a@b>") != digest("<b@b>")


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"null", b"\xff", b'"x"', b"[" * 5000])
def test_what_nobody_signed_is_refused(provider, body):
    with pytest.raises((Forged, Malformed)):
        read(provider, (body, {}))


LONG_AGO, SOON = now() - timedelta(days=2), now() + timedelta(hours=1)
WRONG = [
    ("sendgrid", {"X_Twilio_Email_Event_Webhook_Signature": base64.b64encode(b"x").decode()}),
    ("sendgrid", {"X_Twilio_Email_Event_Webhook_Signature": "ñ"}),
    ("sendgrid", {"X_Twilio_Email_Event_Webhook_Timestamp": str(int(now().timestamp()) + 1)}),
    ("sendgrid", {"X_Twilio_Email_Event_Webhook_Timestamp": "9" * 40}),
    ("sendgrid", {"at": LONG_AGO}),
    ("sendgrid", {"at": SOON}),
    ("mailgun", {"key": "another"}),
    ("mailgun", {"at": LONG_AGO}),
    ("mailgun", {"at": now() - timedelta(hours=1)}),
    ("mailgun", {"at": SOON}),
    ("postmark", {"login": "postmark:another"}),
    ("postmark", {"login": ""}),
    ("ses", {"TopicArn": TOPIC + "x"}),
    ("ses", {"Signature": base64.b64encode(b"x" * 256).decode()}),
    ("ses", {"Signature": "ñ"}),
    ("ses", {"version": "3"}),
    ("ses", {"Type": "Another"}),
]


@pytest.mark.parametrize(("provider", "more"), WRONG)
def test_a_wrong_or_old_proof_is_refused(provider, more):
    with pytest.raises(Forged):
        read(provider, a_bounce(provider, **more))


def test_a_changed_body_is_refused():
    body, headers = a_bounce("sendgrid")
    with pytest.raises(Forged):
        read("sendgrid", (body.replace(b"ruy", b"eva"), headers))
    body, headers = a_bounce("ses")
    with pytest.raises(Forged):
        read("ses", (body.replace(b"ruy", b"eva"), headers))


def test_a_key_that_is_none_refuses_everything():
    body, headers = a_bounce("sendgrid")
    for key in ("x", "", base64.b64encode(b"no key").decode()):
        with pytest.raises(Forged):
            sendgrid.events(body, headers, key, now())


def test_both_signature_versions_of_amazon_are_known(fetched):
    assert read("ses", a_bounce("ses", version="1"))
    assert read("ses", a_bounce("ses", version="2"))
    assert fetched == [CERTIFICATE_URL], "the certificate is fetched once"


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.eu-west-1.amazonaws.com/a.pem",
        "https://sns.eu-west-1.amazonaws.com.evil.example/a.pem",
        "https://evil.example/sns.eu-west-1.amazonaws.com/a.pem",
        "https://x@evil.example:443/a.pem",
        "https://sns.eu-west-1.amazonaws.com@evil.example/a.pem",
        "https://sns.eu-west-1.amazonaws.com:8443/a.pem",
        "https://sns.a.b.amazonaws.com/a.pem",
        "https://sns.s3-us-west-2.amazonaws.com/SimpleNotificationService-abc.pem",
        "https://sns.s3.amazonaws.com/SimpleNotificationService-abc.pem",
        "https://sns.eu-west-1.amazonaws.com/a.pem",
        "https://sns.eu-west-1.amazonaws.com/x/SimpleNotificationService-abc.pem",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-abc.pem?x=.pem",
        "https://s3.amazonaws.com/bucket/a.pem",
        "https://169.254.169.254/a.pem",
        "https://sns.eu-west-1.amazonaws.com/a.txt",
        "https://[/a.pem",
        None,
    ],
)
def test_certificates_come_from_nowhere_but_sns(fetched, url):
    with pytest.raises(Forged):
        read("ses", a_bounce("ses", SigningCertURL=url))
    assert fetched == []


def test_a_subscription_is_confirmed_on_the_host_of_sns_alone(fetched):
    url = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=abc"
    more = {"Type": "SubscriptionConfirmation", "Token": "abc"}
    assert read("ses", by_ses("hello", SubscribeURL=url, **more)) == []
    assert fetched == [CERTIFICATE_URL, url]

    evil = "https://evil.example/"
    with pytest.raises(Forged):
        read("ses", by_ses("hello", SubscribeURL=evil, **more))
    assert evil not in fetched


def test_what_is_fetched_goes_over_https_and_a_silent_host_is_said():
    for url in ("http://localhost:1/", "file:///x", "https://localhost:1/"):
        with pytest.raises(Unfetched):
            fetch(url)


MEANINGS = [
    (
        "sendgrid",
        {"event": "bounce", "type": "blocked", "status": "5.7.1"},
        InboundKind.soft_bounce,
    ),
    ("sendgrid", {"event": "bounce", "status": "5.2.2"}, InboundKind.soft_bounce),
    ("sendgrid", {"event": "deferred", "response": "451"}, InboundKind.delayed),
    ("sendgrid", {"event": "dropped", "reason": "Bounced Address"}, InboundKind.hard_bounce),
    ("sendgrid", {"event": "unsubscribe"}, InboundKind.unsubscribe),
    ("sendgrid", {"event": "click"}, None),
    ("mailgun", {"event": "failed", "severity": "temporary"}, InboundKind.delayed),
    (
        "mailgun",
        {"event": "failed", "severity": "permanent", "delivery-status": {"code": 552}},
        InboundKind.soft_bounce,
    ),
    ("mailgun", {"event": "failed", "reason": "suppress-complaint"}, InboundKind.complaint),
    ("mailgun", {"event": "complained"}, InboundKind.complaint),
    ("mailgun", {"event": "unsubscribed"}, InboundKind.unsubscribe),
    ("mailgun", {"event": "opened"}, None),
    ("postmark", {"RecordType": "Bounce", "Type": "SoftBounce"}, InboundKind.soft_bounce),
    ("postmark", {"RecordType": "Bounce", "Type": "AutoResponder"}, InboundKind.auto_reply),
    ("postmark", {"RecordType": "SpamComplaint"}, InboundKind.complaint),
    (
        "postmark",
        {
            "RecordType": "SubscriptionChange",
            "SuppressSending": True,
            "Origin": "Recipient",
            "SuppressionReason": "ManualSuppression",
        },
        InboundKind.unsubscribe,
    ),
    ("postmark", {"RecordType": "SubscriptionChange", "SuppressSending": False}, None),
    ("postmark", {"RecordType": "Open"}, None),
]


@pytest.mark.parametrize(("provider", "event", "kind"), MEANINGS)
def test_each_event_means_what_the_provider_means(provider, event, kind):
    address = {"sendgrid": "email", "mailgun": "recipient", "postmark": "Recipient"}[provider]
    sign = {"sendgrid": by_sendgrid, "mailgun": by_mailgun, "postmark": by_postmark}[provider]
    told = read(provider, sign({**event, address: TO}))
    assert [(each.kind, each.recipient) for each in told] == ([(kind, TO)] if kind else [])


READERS = [{"emailAddress": TO}]


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (
            of_ses("Bounce", bounce={"bounceType": "Transient", "bouncedRecipients": READERS}),
            InboundKind.soft_bounce,
        ),
        (of_ses("Complaint", complaint={"complainedRecipients": READERS}), InboundKind.complaint),
        (
            of_ses(
                "Complaint",
                complaint={
                    "complaintFeedbackType": "not-spam",
                    "complainedRecipients": READERS,
                },
            ),
            None,
        ),
        (of_ses("Delivery", delivery={"recipients": [TO]}), InboundKind.delivered),
        (of_ses("Open"), None),
        ("Successfully validated SNS topic for Amazon SES event publishing.", None),
        ("[1, 2]", None),
    ],
)
def test_each_event_of_amazon_means_what_it_says(event, kind):
    told = read("ses", by_ses(event))
    assert [(each.kind, each.recipient) for each in told] == ([(kind, TO)] if kind else [])
