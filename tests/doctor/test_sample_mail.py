"""The test mail: sent to ourselves alone, read back, taken out, and evidence for other checks."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.utils import format_datetime

import pytest
from werkzeug.serving import make_server

from service.catcher.mails import Mails
from service.catcher.pages import create_pages
from service.doctor import dkim, sample_mail
from service.doctor.cases import Evidence, Returned
from service.doctor.findings import Check, State
from tests.doctor.cases import a_case, of
from tests.doctor.signing import published, rsa_key, signed
from tests.dovecot import ELSEWHERE, MISNAMED, Account
from tests.mail.scripted_server import ScriptedServer, scripted


class Relay:
    """Carries what an SMTP server took to where it is read, signed on the way when it has a key."""

    def __init__(self, server: ScriptedServer, put, **signature) -> None:
        self.server, self.put, self.signature = server, put, signature
        self.received = "Received: from out.norte.es (out.norte.es [185.12.64.10])\r\n\tby mx"
        self.late = timedelta(0)
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._carry, daemon=True)
        self.thread.start()

    def _carry(self) -> None:
        carried = 0
        while not self.stopped.wait(0.02):
            for octets in self.server.mails[carried:]:
                carried += 1
                octets = signed(octets, **self.signature) if self.signature else octets
                date = format_datetime(datetime.now(UTC) + self.late)
                self.put(f"{self.received}; {date}\r\n".encode() + octets)


@contextmanager
def relay(put, **signature) -> Iterator[Relay]:
    with scripted() as server:
        found = Relay(server, put, **signature)
        yield found
        found.stopped.set()
        found.thread.join(5)


@pytest.fixture
def mailbox(account) -> Account:
    """The mailbox of the bounce address, on a real IMAP server."""
    return account


def tried(server, **environment):
    evidence = Evidence(is_reached=True)
    place = {"MAIL_SERVER": "127.0.0.1", "MAIL_PORT": server.port, "MAIL_TIMEOUT": 2}
    found = list(sample_mail.check_arrival(a_case(**{**place, **environment}), evidence))
    return found, evidence


def with_mailbox(account, **more):
    return {"MAIL_BOUNCE_ADDRESS": "bounces@norte.es", "MAIL_INBOX_URL": account.url(), **more}


def test_the_mail_goes_to_the_bounce_address_and_is_taken_out_of_the_mailbox(mailbox):
    mailbox.put(b"Message-ID: <another@norte.es>\r\n\r\nA real bounce.\r\n")
    with relay(mailbox.put) as carrier:
        found, evidence = tried(carrier.server, **with_mailbox(mailbox))
        assert carrier.server.commands[1:3] == [
            "MAIL FROM:<bounces@norte.es>",
            "RCPT TO:<bounces@norte.es>",
        ]
    assert [(each.check, each.state) for each in found] == [(Check.trial, State.good)]
    assert mailbox.marked() == [False], "the other mail lies there as before"
    mail = evidence.returned.mail
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Message-ID"].startswith("<doctor.")
    assert str(evidence.returned.came_from) == "185.12.64.10"


def test_a_signature_that_the_relay_adds_is_found_and_holds(mailbox, resolver_of):
    with relay(mailbox.put, selector="x7", key=rsa_key()) as carrier:
        _, evidence = tried(carrier.server, **with_mailbox(mailbox))
    asked = resolver_of({"x7._domainkey.norte.es": {"TXT": [published(rsa_key())]}})
    found = list(dkim.check(a_case(), evidence, asked))
    assert [each.state for each in found] == [State.good] * 3
    assert evidence.signed_for == ["norte.es"]


def test_the_selector_is_found_by_sending_to_the_mail_catcher(tmp_path, resolver_of):
    caught = Mails(tmp_path)
    pages = make_server("127.0.0.1", 0, create_pages(tmp_path, "UTC", ("es",)), threaded=True)
    threading.Thread(target=pages.serve_forever, daemon=True).start()

    def put(octets: bytes) -> None:
        caught.keep("", ["hola@norte.es"], octets)

    put(b"Subject: Another mail\r\n\r\nHola.\r\n")
    try:
        with relay(put, selector="x7", key=rsa_key()) as carrier:
            url = f"http://127.0.0.1:{pages.port}"
            found, evidence = tried(carrier.server, MAIL_READER_URL=url)
            assert carrier.server.commands[2] == "RCPT TO:<hola@norte.es>"
    finally:
        pages.shutdown()
        pages.server_close()
    assert [each.state for each in found] == [State.good]
    assert "mail catcher" in of(Check.trial, found)[0][1]
    asked = resolver_of({"x7._domainkey.norte.es": {"TXT": [published(rsa_key())]}})
    assert {each.state for each in dkim.check(a_case(), evidence, asked)} == {State.good}


def test_without_a_place_to_read_it_no_mail_is_sent():
    with scripted() as server:
        ((state, words),) = of(Check.trial, tried(server)[0])
        assert server.commands == []
    assert state is State.unknown
    assert "MAIL_INBOX_URL" in words


def test_nothing_is_tried_where_the_server_was_not_reached():
    case = a_case(MAIL_READER_URL="http://127.0.0.1:1")
    assert list(sample_mail.check_arrival(case, Evidence())) == []


def test_a_mail_that_does_not_come_is_a_warning(mailbox, monkeypatch):
    monkeypatch.setattr(sample_mail, "ARRIVES_WITHIN", 0.4)
    monkeypatch.setattr(sample_mail, "PAUSE", 0.1)
    with scripted() as server:
        found, evidence = tried(server, **with_mailbox(mailbox))
    assert of(Check.trial, found)[0][0] is State.warning
    assert evidence.returned is None


def test_a_mail_that_is_refused_is_bad_with_the_servers_words(mailbox):
    with scripted(body="554 5.7.1 looks like spam") as server:
        ((state, words),) = of(Check.trial, tried(server, **with_mailbox(mailbox))[0])
    assert state is State.bad
    assert "looks like spam" in words


def test_a_mailbox_that_lets_nobody_in_is_bad_and_its_password_is_not_told(mailbox):
    settings = with_mailbox(mailbox, MAIL_INBOX_URL=mailbox.url(password="open-sesame"))
    with scripted() as server:
        ((state, words),) = of(Check.trial, tried(server, **settings)[0])
    assert state is State.bad
    assert "MAIL_INBOX_URL" in words
    assert "open-sesame" not in words


@pytest.mark.parametrize("setting", ["MAIL_READER_URL", "MAIL_INBOX_URL"])
def test_a_place_that_does_not_answer_is_bad(mailbox, setting):
    url = {
        "MAIL_READER_URL": "http://127.0.0.1:1",
        "MAIL_INBOX_URL": "imaps://bounces:secret@127.0.0.1:1",
    }
    settings = with_mailbox(mailbox, **{setting: url[setting]})
    with scripted() as server:
        ((state, words),) = of(Check.trial, tried(server, **settings)[0])
    assert state is State.bad
    assert setting in words


@pytest.mark.parametrize("is_tls", [True, False])
def test_an_imap_server_is_told_the_password_only_behind_a_good_certificate(
    mailbox, monkeypatch, is_tls
):
    mailbox.put(b"Message-ID: <1@x>\r\n\r\nHola.\r\n")
    monkeypatch.setenv("SSL_CERT_FILE", str(mailbox.server.authority))
    with pytest.raises(sample_mail.Unread, match="certificate"):
        sample_mail.from_mailbox(mailbox.url(host=MISNAMED, is_tls=is_tls), "<1@x>", 0.1)
    assert mailbox.username not in mailbox.server.said()
    url = mailbox.url(host=ELSEWHERE, is_tls=is_tls)
    assert sample_mail.from_mailbox(url, "<1@x>", 0.1).octets.endswith(b"Hola.\r\n")
    assert mailbox.marked() == [], "it was taken out"


def test_the_time_of_the_server_that_took_it_is_evidence(mailbox):
    with relay(mailbox.put) as carrier:
        carrier.late = timedelta(minutes=5)
        _, evidence = tried(carrier.server, **with_mailbox(mailbox))
    (clock,) = evidence.clocks
    assert 295 <= clock.offset <= 305


@pytest.mark.parametrize(
    ("results", "state"),
    [
        ("spf=pass smtp.mailfrom=norte.es; dkim=pass header.d=norte.es; dmarc=pass", State.good),
        ("spf=pass; dkim=fail (bad key)\r\n\theader.d=norte.es; dmarc=fail", State.warning),
        ("dkim=fail header.d=relay.example; dkim=pass header.d=norte.es", State.good),
    ],
)
def test_what_the_mailboxs_own_server_says_is_told(mailbox, results, state):
    with relay(mailbox.put) as carrier:
        carrier.received = f"Authentication-Results: mx.norte.es; {results}\r\n{carrier.received}"
        found, _ = tried(carrier.server, **with_mailbox(mailbox))
    assert of(Check.verdict, found)[0][0] is state


def test_the_address_is_taken_from_the_first_hop_that_is_public():
    lines = (
        b"Received: from mx.norte.es by a.norte.es with LMTP; Wed, 25 Nov 2026 08:00:02 +0100\r\n"
        b"Received: from localhost (localhost [127.0.0.1]) by mx.norte.es; x\r\n"
        b"Received: from out (out [IPv6:2a01:4f8::10]) by mx.norte.es [185.12.64.9]; x\r\n"
        b"Received: from app (app [185.12.64.77]) by out; x\r\n\r\n"
    )
    returned = Returned(lines, is_caught=False)
    assert str(returned.came_from) == "2a01:4f8::10"
    assert returned.received_at == datetime(2026, 11, 25, 7, 0, 2, tzinfo=UTC)
    assert Returned(b"Subject: x\r\n\r\n", is_caught=False).received_at is None
    assert message_from_bytes(lines)["Received"]
