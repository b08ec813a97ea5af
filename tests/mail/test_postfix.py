"""What we say to a real Postfix, and what we make of its answers."""

from collections.abc import Callable
from datetime import timedelta
from email import message_from_bytes, policy

import pytest
import time_machine
from flask import current_app
from sqlalchemy import select

from service.clock import now
from service.extensions import db
from service.mail import verp
from service.mail.delivery import breaker
from service.mail.policy import suppressions
from service.mail.rendering.rendering import render
from service.models import Breaker, MailState, Outcome, SuppressionReason
from tests.builders import a_company, a_contact
from tests.mail.deliveries import a_mail, deliver, fresh
from tests.mail.mails import html_of, in_octets, parsed, text_of
from tests.postfix import CERTIFICATES, LOGIN, Postfix

pytestmark = [
    pytest.mark.parametrize("database", ["sqlite"]),
    pytest.mark.usefixtures("session"),
]


@pytest.fixture
def sending_to(app, postfix: Postfix, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Postfix]:
    """A function that has the app send to one of Postfix's ports, trusting the tests' authority."""

    def send_to(name: str, **more: object) -> Postfix:
        monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATES / "ca.pem"))
        for attribute, value in {"port": postfix.ports[name], **more}.items():
            monkeypatch.setattr(current_app.extensions["mail"], attribute, value)
        return postfix

    return send_to


def a_mail_to(address: str):
    """Return a due mail to somebody at this address."""
    return a_mail(contact=a_contact(email=address))


def is_untouched(row) -> str:
    """The mail waits, no attempt is used and nobody else tries; return what the breaker says."""
    row = fresh(row)
    assert (row.state, row.attempts, row.handing_over_at) == (MailState.queued, 0, None)
    assert breaker.is_open()
    return db.session.scalars(select(Breaker.server_words)).one()


def test_a_mail_lies_in_the_mailbox_as_it_was_rendered(sending_to, bouncing):
    postfix = sending_to("plain")
    a_company(signature="Tiendas en línea\n600 111 222")
    row = a_mail_to("ana@daz.example")
    deliver(row)
    row = fresh(row)
    assert (row.state, row.server_words[:17]) == (MailState.sent, "250 2.0.0 Ok: que")

    [octets] = postfix.wait_for("ana@daz.example")
    came, ours = parsed(octets), parsed(in_octets(render(row)))
    assert (text_of(came), html_of(came)) == (text_of(ours), html_of(ours))
    for name in ("From", "To", "Subject", "Message-ID", "Reply-To", "Auto-Submitted"):
        assert came[name] == ours[name]
    assert came["Return-Path"] == f"<{verp.address(row.public_id)}>"


def test_an_unknown_recipient_is_refused_and_gets_no_more_mail(sending_to):
    sending_to("plain")
    row = a_mail_to("nadie@daz.example")
    deliver(row)
    row = fresh(row)

    assert (row.state, row.outcome) == (MailState.failed, Outcome.hard_bounced)
    assert row.server_words.startswith("550 5.1.1")
    assert suppressions.find("nadie@daz.example").reason is SuppressionReason.hard_bounce


def test_a_certificate_that_verifies_is_accepted(sending_to):
    postfix = sending_to("secure", use_tls=True)
    row = a_mail_to("ana@daz.example")
    deliver(row)

    assert fresh(row).state is MailState.sent
    assert b"using TLSv1" in postfix.wait_for("ana@daz.example")[0]


def test_a_certificate_of_another_host_is_refused(sending_to):
    sending_to("misnamed", use_tls=True)
    row = a_mail_to("ana@daz.example")
    deliver(row)

    assert "certificate is not valid for '127.0.0.1'" in is_untouched(row)


def test_a_server_that_wants_tls_gets_no_mail_in_the_clear(sending_to):
    postfix = sending_to("secure")
    row = a_mail_to("ana@daz.example")
    deliver(row)

    assert is_untouched(row).startswith("530 5.7.0 Must issue a STARTTLS")
    assert postfix.mails("ana@daz.example") == []


def test_a_login_lets_us_send(sending_to):
    user, password = LOGIN
    postfix = sending_to("login", use_tls=True, username=user, password=password)
    row = a_mail_to("ana@daz.example")
    deliver(row)

    assert fresh(row).state is MailState.sent
    [octets] = postfix.wait_for("ana@daz.example")
    assert b"with ESMTPSA id" in octets


def test_a_wrong_password_is_the_settings_fault(sending_to):
    sending_to("login", use_tls=True, username=LOGIN[0], password="wrong")
    row = a_mail_to("ana@daz.example")
    deliver(row)

    assert is_untouched(row).startswith("535 5.7.8")


SPANISH = "josé@ñandú.example"


def test_an_address_that_is_not_ascii_gets_its_mail(sending_to):
    postfix = sending_to("plain")
    row = a_mail_to(SPANISH)
    deliver(row)

    assert fresh(row).state is MailState.sent
    [octets] = postfix.wait_for(SPANISH)
    assert "<josé@" in octets.decode()


def test_where_smtputf8_is_not_offered_such_a_mail_fails_in_clear_words(sending_to):
    sending_to("ascii")
    row = a_mail_to(SPANISH)
    deliver(row)
    row = fresh(row)

    assert row.state is MailState.failed
    assert "before the @" in row.server_words


def test_where_8bitmime_is_not_offered_a_mail_is_the_same(sending_to):
    postfix = sending_to("ascii")
    row = a_mail_to("ruy@daz.example")
    deliver(row)

    [octets] = postfix.wait_for("ruy@daz.example")
    came = message_from_bytes(octets, policy=policy.default)
    assert text_of(came) == text_of(parsed(in_octets(render(fresh(row)))))
    assert octets.isascii()


def test_a_server_whose_disk_is_full_gets_the_mail_when_there_is_room(sending_to):
    postfix = sending_to("full")
    postfix.has_room(False)
    row = a_mail_to("ana@daz.example")
    deliver(row)
    row = fresh(row)
    assert row.state is MailState.queued
    assert row.server_words.startswith("452 4.3.1")

    postfix.has_room(True)
    with time_machine.travel(max(row.due_at, now()) + timedelta(minutes=10)):
        deliver(row)
    assert fresh(row).state is MailState.sent
    postfix.wait_for("ana@daz.example")
