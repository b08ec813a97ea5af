"""The mailbox's server is reached with verified TLS, and again after it was away.

What goes wrong is said in one line of the log that names nobody; five minutes later it is tried
again.
"""

import logging
import secrets

import pytest
import time_machine
from sqlalchemy import func, select

from service.deliveries import jobs as receiving
from service.deliveries.actions import inbound
from service.extensions import db
from service.mail.inbound import mailbox as inbox
from service.models import InboundMail
from tests.dovecot import ELSEWHERE, EXPIRED, GOOD, MISNAMED, Account, dovecot
from tests.mail.test_mailbox import answers


@pytest.fixture
def database() -> str:
    """One kind is enough: what is read here is the same on each."""
    return "sqlite"


@pytest.fixture
def mailbox(bouncing, account, monkeypatch) -> Account:
    """A mailbox on a server whose certificates are trusted, with three unread mails."""
    monkeypatch.setenv("SSL_CERT_FILE", str(account.server.authority))
    account.put(*answers(3))
    return account


@pytest.fixture
def clock():
    with time_machine.travel("2026-11-25T10:00:00Z") as clock:
        yield clock


def kept() -> int:
    return db.session.scalar(select(func.count()).select_from(InboundMail))


def assert_away(caplog, words: str, account: Account) -> None:
    """Hold the log against its promise: one line, which names nobody."""
    [line] = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert line.message.startswith("inbox_away words=")
    assert words in line.message
    assert "\n" not in line.message
    assert account.username not in caplog.text
    assert account.password not in caplog.text


@pytest.mark.parametrize(
    ("host", "is_tls", "protection"),
    [(GOOD, True, "TLS"), (ELSEWHERE, True, "TLS"), (ELSEWHERE, False, "TLS"), (GOOD, False, "")],
)
def test_a_server_is_reached_with_verified_tls_or_on_this_machine(
    bouncing, mailbox, host, is_tls, protection
):
    bouncing(mail_inbox_url=mailbox.url(host=host, is_tls=is_tls))
    assert receiving.read_inbox() == 3
    assert mailbox.marked() == [True] * 3
    [login] = [line for line in mailbox.server.said().splitlines() if mailbox.username in line][:1]
    assert (", TLS," in login) is bool(protection)


@pytest.mark.parametrize("is_tls", [True, False])
@pytest.mark.parametrize(
    ("host", "words"), [(EXPIRED, "certificate has expired"), (MISNAMED, "not valid for")]
)
def test_behind_a_bad_certificate_nothing_is_read_nor_said_and_it_is_tried_again(
    bouncing, mailbox, clock, caplog, host, words, is_tls
):
    bouncing(mail_inbox_url=mailbox.url(host=host, is_tls=is_tls))
    assert receiving.read_inbox() == 0
    assert_away(caplog, words, mailbox)
    assert mailbox.username not in mailbox.server.said()

    bouncing(mail_inbox_url=mailbox.url(host=ELSEWHERE, is_tls=is_tls))
    clock.shift(270)
    assert receiving.read_inbox() == 0
    clock.shift(60)
    assert receiving.read_inbox() == 3


def test_an_authority_that_nobody_trusts_is_not_enough(bouncing, mailbox, caplog, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    bouncing(mail_inbox_url=mailbox.url(is_tls=True))
    assert receiving.read_inbox() == 0
    assert_away(caplog, "certificate verify failed", mailbox)


@pytest.mark.parametrize("folder", ["Devueltos automáticos", "Correo/Rebotes", "Año & más/Ñ 100%"])
def test_a_folder_may_have_any_name(bouncing, mailbox, folder):
    mailbox.make(folder)
    mailbox.put(*answers(2), folder=folder)
    bouncing(mail_inbox_url=mailbox.url(folder))
    assert receiving.read_inbox() == 2
    assert mailbox.marked(folder) == [True, True]
    assert mailbox.marked() == [False] * 3, "the INBOX is left alone"


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("rebotes+norte", "s3cr3t/with:all@that%is#not?plain"),
        ("rebotes norte", 'two words, a "quote" and a \\'),
        ("peña", "sésamo, ábrete €"),
    ],
)
def test_a_login_may_have_any_characters(bouncing, dovecot_server, username, password):
    username = f"{username}.{secrets.token_hex(4)}@norte.example"
    account = dovecot_server.account(username, password)
    account.put(*answers(1))
    bouncing(mail_inbox_url=account.url())
    assert receiving.read_inbox() == 1


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"password": "ábrete"}, "AUTHENTICATIONFAILED"),
        ({"folder": "Rebotes"}, "Mailbox doesn't exist: Rebotes"),
    ],
)
def test_a_login_or_a_folder_that_is_wrong_is_said_in_one_line(
    bouncing, mailbox, caplog, wrong, words
):
    bouncing(mail_inbox_url=mailbox.url(**wrong))
    assert receiving.read_inbox() == 0
    assert_away(caplog, words, mailbox)
    assert "brete" not in caplog.text


def test_nobody_there_is_no_error(bouncing, account, caplog):
    bouncing(mail_inbox_url="imap://u:p@127.0.0.1:1/INBOX")
    assert receiving.read_inbox() == 0
    assert_away(caplog, "refused", account)


def after(count: int, act, monkeypatch) -> None:
    """Have `act` called when so many mails were taken in and the last is not marked yet."""
    real, left = inbound.receive, iter(range(count - 1, -1, -1))

    def receive(*arguments):
        row = real(*arguments)
        if next(left, None) == 0:
            act()
        return row

    monkeypatch.setattr(inbound, "receive", receive)


def test_a_connection_lost_half_way_loses_nothing_and_doubles_nothing(
    bouncing, mailbox, clock, caplog, monkeypatch
):
    mailbox.put(*answers(10)[3:])
    bouncing(mail_inbox_url=mailbox.url())
    after(4, mailbox.server.end_sessions, monkeypatch)
    assert receiving.read_inbox() == 0
    assert_away(caplog, "", mailbox)
    assert (kept(), sum(mailbox.marked())) == (4, 3)

    clock.shift(301)
    assert receiving.read_inbox() == 7
    assert (kept(), sum(mailbox.marked())) == (10, 10)


def test_a_mail_that_the_server_cannot_read_holds_up_nobody_behind_it(bouncing, mailbox, caplog):
    bouncing(mail_inbox_url=mailbox.url())
    mailbox.spoil(1)
    assert receiving.read_inbox() == 2
    assert (kept(), mailbox.marked()) == (2, [True, False, True])
    assert "inbox_broke_at_a_mail" in caplog.text


def test_a_server_that_went_and_came_back_is_read_on(bouncing, clock, monkeypatch):
    with dovecot() as server:
        account = server.account("rebotes")
        account.put(*answers(5))
        bouncing(mail_inbox_url=account.url())
        after(2, server.stop, monkeypatch)
        assert receiving.read_inbox() == 0
        clock.shift(301)
        assert receiving.read_inbox() == 0, "it is still away"
        server.start()
        clock.shift(301)
        assert receiving.read_inbox() == 4
        assert (kept(), account.marked()) == (5, [True] * 5)


def test_the_address_of_a_mailbox_is_read():
    place = inbox.Place.of("imaps://rebotes%40norte.example:a%2Fb@mail.norte.example/Hasta%20Luego")
    assert place == inbox.Place(
        "mail.norte.example", 993, True, "rebotes@norte.example", "a/b", "Hasta Luego"
    )
