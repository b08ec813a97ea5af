"""Webhooks over HTTP: what follows of each provider's word, and of a forged one nothing."""

import json
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import func, select

from service.clock import now
from service.extensions import db
from service.mail.inbound.webhooks import ses
from service.mail.inbound.webhooks.ses import Unfetched
from service.mail.policy import suppressions
from service.models import Evidence, InboundKind, InboundMail, Lease, OutboxMessage, Outcome
from tests.builders import a_contact
from tests.deliveries.test_inbound import a_sent_mail
from tests.mail.signed_requests import (
    MAILGUN_KEY,
    POSTMARK_LOGIN,
    PROVIDERS,
    TO,
    TOPIC,
    a_bounce,
    by_mailgun,
    by_sendgrid,
    certificate_of_amazon,
    public_key_of_sendgrid,
)


@pytest.fixture
def hooks(bouncing, client, monkeypatch):
    """A client of an app that knows all four providers; what goes out over HTTP does not."""
    bouncing(
        ses_topic=TOPIC,
        sendgrid_key=public_key_of_sendgrid(),
        postmark_login=POSTMARK_LOGIN,
        mailgun_key=MAILGUN_KEY,
    )
    ses._key_at.cache_clear()
    monkeypatch.setattr(ses, "fetch", lambda url: certificate_of_amazon())
    yield client
    ses._key_at.cache_clear()


@pytest.fixture
def row(hooks) -> OutboxMessage:
    """A mail that went."""
    row = a_sent_mail(contact=a_contact(email=TO))
    db.session.commit()
    return row


def post(client, provider: str, request):
    body, headers = request
    return client.post(f"/inbound/{provider}", data=body, headers=headers)


def bounce(client, provider: str, row: OutboxMessage, **more):
    return post(client, provider, a_bounce(provider, row.message_id, row.public_id, **more))


def came() -> list[InboundKind]:
    return list(db.session.scalars(select(InboundMail.kind).order_by(InboundMail.id)))


def outcome_of(row: OutboxMessage) -> Outcome | None:
    db.session.refresh(row)
    return row.outcome


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_signed_bounce_counts_and_a_replay_changes_nothing(hooks, row, provider):
    request = a_bounce(provider, row.message_id, row.public_id)
    for _ in range(2):
        assert post(hooks, provider, request).status_code == 200

    assert outcome_of(row) is Outcome.hard_bounced
    assert came() == [InboundKind.hard_bounce]
    assert suppressions.find(TO).source == provider
    [kept] = db.session.scalars(select(InboundMail))
    assert (kept.evidence, kept.status_code) == (Evidence.signed_webhook, "5.1.1")


def test_a_token_of_mailgun_counts_once_whatever_stands_beside_it(hooks, row):
    seen, _ = by_mailgun({"event": "opened"})
    assert hooks.post("/inbound/mailgun", data=seen).status_code == 200
    invented, _ = a_bounce("mailgun", row.message_id)
    forged = json.dumps({**json.loads(invented), "signature": json.loads(seen)["signature"]})
    assert hooks.post("/inbound/mailgun", data=forged).status_code == 200, "not to come again"
    assert (outcome_of(row), came()) == (None, [])

    with time_machine.travel(now() + timedelta(minutes=10)):
        assert hooks.post("/inbound/mailgun", data=forged).status_code == 200
        assert came() == []
    with time_machine.travel(now() + timedelta(minutes=21)):
        assert hooks.post("/inbound/mailgun", data=forged).status_code == 403
        assert bounce(hooks, "mailgun", row).status_code == 200
        assert came() == [InboundKind.hard_bounce]
        assert db.session.scalar(select(func.count()).select_from(Lease)) == 1, "others are deleted"


WRONG = {
    "ses": ({"TopicArn": "arn:aws:sns:eu-west-1:1:other"}, 403),
    "sendgrid": ({"X_Twilio_Email_Event_Webhook_Timestamp": "0"}, 403),
    "postmark": ({"login": "postmark:other"}, 401),
    "mailgun": ({"key": "other"}, 403),
}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_forged_one_is_refused_and_changes_nothing(hooks, row, provider):
    more, status = WRONG[provider]
    assert bounce(hooks, provider, row, **more).status_code == status
    assert outcome_of(row) is None
    assert came() == []


def test_a_provider_whose_setting_is_missing_is_not_there(app, client):
    for provider in PROVIDERS:
        assert client.post(f"/inbound/{provider}", json={}).status_code == 404


def test_postmark_is_asked_for_its_login(hooks):
    assert hooks.post("/inbound/postmark").headers["WWW-Authenticate"].startswith("Basic")


def test_while_amazon_cannot_be_reached_it_is_to_send_it_again(hooks, row, monkeypatch):
    def away(_url):
        raise Unfetched("away")

    monkeypatch.setattr(ses, "fetch", away)
    assert bounce(hooks, "ses", row).status_code == 503


def test_several_events_in_one_request_are_taken_each(hooks, row):
    other = a_sent_mail(contact=a_contact(email="otra@daz.example"))
    db.session.commit()
    request = by_sendgrid(
        {"event": "delivered", "email": "otra@daz.example", "smtp-id": other.message_id},
        {"event": "open", "email": "otra@daz.example"},
        {"event": "spamreport", "email": TO.upper()},
        "nonsense",
        {"event": ["odd"], "email": {"x": 1}},
        {"event": "bounce", "email": "a\0b", "reason": "\ud800", "smtp-id": 7},
    )
    assert post(hooks, "sendgrid", request).status_code == 200
    assert outcome_of(other) is Outcome.delivered
    assert outcome_of(row) is Outcome.complained, "tied to the latest mail to that address"
    assert came() == [InboundKind.complaint], "of a delivery only the mail tells"


def test_an_event_about_nobody_we_know_leaves_no_trace(hooks):
    event = {"event": "bounce", "email": "extra@otra.example", "status": "5.1.1"}
    assert post(hooks, "sendgrid", by_sendgrid(event)).status_code == 200
    assert came() == []
    assert suppressions.find("extra@otra.example") is None


def test_a_contact_without_mails_is_suppressed_all_the_same(hooks):
    a_contact(email="nueva@daz.example")
    db.session.commit()
    event = {"event": "bounce", "email": "nueva@daz.example", "status": "5.1.1"}
    post(hooks, "sendgrid", by_sendgrid(event))
    assert suppressions.find("nueva@daz.example")


def test_the_mail_counts_and_a_changed_address_does_not(hooks, row):
    row.contact.email = row.contact.email_key = "nueva@daz.example"
    db.session.commit()
    bounce(hooks, "sendgrid", row)
    assert outcome_of(row) is Outcome.hard_bounced
    assert suppressions.find("nueva@daz.example") is None


def test_unsubscribing_at_the_provider_counts_here(hooks, row):
    post(hooks, "sendgrid", by_sendgrid({"event": "unsubscribe", "email": TO}))
    db.session.refresh(row.contact)
    assert row.contact.newsletter is False
    assert suppressions.find(TO)


def test_a_body_that_is_too_large_is_refused(hooks):
    assert hooks.post("/inbound/mailgun", data=b"x" * 3_000_000).status_code == 413
