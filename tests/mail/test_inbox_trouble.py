"""A server that stalls, or that gives no mail and takes no mark, costs neither time nor mails."""

import time

import pytest
import time_machine

from service.deliveries import jobs as receiving
from service.mail.inbound import mailbox
from tests.imap_server import imap
from tests.mail.coming_in import answer


@pytest.fixture
def database() -> str:
    """One kind is enough: what the server does is the same on each."""
    return "sqlite"


@pytest.fixture
def server(bouncing, monkeypatch):
    """An IMAP server that does as a test wants it, which MAIL_INBOX_URL names."""
    monkeypatch.setattr(mailbox, "TIMEOUT", 0.5)
    with imap() as server:
        bouncing(mail_inbox_url=server.url)
        yield server


@pytest.mark.parametrize("command", ["greeting", "AUTHENTICATE", "UID SEARCH", "UID FETCH"])
def test_a_server_that_stalls_holds_nobody_up_and_is_left_alone_for_a_while(
    server, command, caplog
):
    server.put(answer(None))
    server.trouble[command] = "stall"
    began = time.monotonic()
    assert receiving.read_inbox() == 0
    assert time.monotonic() - began < 2.5
    assert "inbox_away" in caplog.text

    server.trouble.clear()
    with time_machine.travel(time.time() + 120):
        assert receiving.read_inbox() == 0
    with time_machine.travel(time.time() + 330):
        assert receiving.read_inbox() == 1


def test_a_mail_that_the_server_does_not_give_is_not_marked_as_read(server, caplog):
    server.put(answer(None))
    server.trouble["UID FETCH"] = "no"
    assert receiving.read_inbox() == 0
    assert server.mails[1].flags == set()
    assert "inbox_mail_not_given" in caplog.text

    server.trouble.clear()
    with time_machine.travel(time.time() + 61):
        assert receiving.read_inbox() == 1


def test_a_mark_that_the_server_refuses_is_said_in_the_log(server, caplog):
    server.put(answer(None))
    server.trouble["UID STORE"] = "no"
    assert receiving.read_inbox() == 0
    assert "not marked as read: [b'not now']" in caplog.text
