"""A mail that comes back: a bounce in a real mailbox is read by the real processes and shown."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from service.extensions import db
from service.models import OutboxMessage, Outcome, Role, SuppressionReason, SuppressionScope
from tests import builders
from tests.deliveries.test_inbound import a_sent_mail, suppression_of
from tests.live import Service
from tests.mail.coming_in import dsn, verp_of
from tests.mail.test_workers import wait_for

# Reading and deciding are tested on both elsewhere.
pytestmark = pytest.mark.parametrize("database", ["postgresql"], indirect=True)


@pytest.fixture
def service(live: Service, account) -> Service:
    """The service with a bounce address whose mailbox is read over TLS."""
    return replace(
        live,
        environment={
            **live.environment,
            "MAIL_BOUNCE_ADDRESS": account.username,
            "MAIL_INBOX_URL": account.url(is_tls=True),
            "SSL_CERT_FILE": str(account.server.authority),
        },
    )


def outcome() -> Outcome | None:
    db.session.rollback()
    return db.session.scalar(select(OutboxMessage.outcome))


def test_a_bounce_in_the_mailbox_is_read_and_shown_to_the_provider(
    service, bouncing, account, client
):
    bouncing(mail_bounce_address=account.username)
    builders.a_company(language="en")
    row = a_sent_mail(contact=builders.a_contact(name="Ana Ruy", email="ana@ruy.example"))
    account.put(dsn(row, to=verp_of(row)))
    db.session.commit()
    service.start("worker.py")
    service.start("worker.py", "clock")
    wait_for(lambda: outcome() is Outcome.hard_bounced)
    wait_for(lambda: account.marked() == [True])

    page = builders.logged_in(client, builders.a_member(role=Role.member, language="en"))
    assert "550 5.1.1 User unknown" in page.get("/inbound?kind=bounces").text
    assert suppression_of(row) == (SuppressionReason.hard_bounce, SuppressionScope.everything)
