"""The mailbox is read over a real IMAP dialogue: once a minute, and never at others' cost."""

import logging
import time

import pytest
import time_machine
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from service import receiving, tasks
from service.actions import inbound
from service.database import reading
from service.extensions import db, queue
from service.mail import inbox
from service.models import InboundDoor, InboundKind, InboundMail, Outcome
from tests.actions.test_inbound import a_sent_mail
from tests.imap_server import imap
from tests.mail.coming_in import answer, dsn, verp_of


@pytest.fixture
def server(bouncing, monkeypatch):
    """An IMAP server that MAIL_INBOX_URL names."""
    monkeypatch.setattr(inbox, "TIMEOUT", 0.5)
    with imap() as server:
        bouncing(mail_inbox_url=server.url)
        yield server


def kinds() -> list[InboundKind]:
    return list(db.session.scalars(select(InboundMail.kind).order_by(InboundMail.id)))


def test_what_lies_there_is_taken_and_marked_as_read(server):
    row = a_sent_mail()
    server.put(dsn(row, to=verp_of(row)), answer(None, text="Hola"))
    db.session.commit()
    tasks.read_inbox()

    assert kinds() == [InboundKind.hard_bounce, InboundKind.unparsed]
    db.session.refresh(row)
    assert row.outcome is Outcome.hard_bounced
    assert all(mail.flags == {"\\Seen"} for mail in server.mails.values())


def test_it_is_asked_at_most_once_a_minute(server):
    with time_machine.travel("2026-11-25T10:00:00Z", tick=False) as clock:
        assert receiving.read_inbox() == 0
        server.put(answer(None))
        clock.shift(30)
        assert receiving.read_inbox() == 0
        clock.shift(31)
        assert receiving.read_inbox() == 1


def test_the_clock_asks_a_worker_when_it_is_time_and_opens_no_line(server):
    with time_machine.travel("2026-11-25T10:00:00Z", tick=False) as clock:
        assert receiving.wake_reader()
        assert not receiving.wake_reader(), "one hint is enough for a while"
        assert (queue.waiting(), server.said) == (1, [])

        receiving.read_inbox()
        clock.shift(30)
        assert not receiving.wake_reader(), "it was read within the minute"
        clock.shift(31)
        assert receiving.wake_reader()


def test_a_mail_is_marked_only_after_it_was_kept(server):
    server.put(answer(None))
    kept_when_marked, engine = [], db.engine

    def look() -> None:
        with engine.connect() as connection, reading():
            kept_when_marked.append(len(connection.execute(select(InboundMail.id)).all()))

    server.before["UID STORE"] = look
    receiving.read_inbox()
    assert kept_when_marked == [1]


def test_a_mail_that_was_kept_and_not_marked_is_not_counted_again(server):
    server.put(answer(None))
    server.trouble["UID STORE"] = "close"
    receiving.read_inbox()
    assert "\\Seen" not in server.mails[1].flags

    server.trouble.clear()
    with time_machine.travel("2027-01-01T10:00:00Z"):
        assert receiving.read_inbox() == 1
    assert kinds() == [InboundKind.unparsed]
    assert "\\Seen" in server.mails[1].flags


def test_no_more_of_a_large_mail_is_read_than_is_kept(server):
    server.put(b"Subject: large\n\n" + b"a" * 3_000_000)
    receiving.read_inbox()
    [row] = db.session.scalars(select(InboundMail))
    assert len(row.raw) == 1024 * 1024


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


def test_a_refused_login_is_logged_without_the_password(server, caplog):
    server.trouble["AUTHENTICATE"] = "no"
    with caplog.at_level(logging.INFO):
        assert receiving.read_inbox() == 0
    assert "inbox_away" in caplog.text
    assert "samo" not in caplog.text


def test_nobody_there_is_no_error(bouncing, caplog):
    bouncing(mail_inbox_url="imap://u:p@127.0.0.1:1/INBOX")
    assert receiving.read_inbox() == 0
    assert "inbox_away" in caplog.text


def test_without_a_mailbox_nothing_is_asked(app):
    assert receiving.read_inbox() == 0
    assert not receiving.wake_reader()


def test_the_address_of_a_mailbox_is_read():
    place = inbox.Place.of("imaps://rebotes%40norte.example:a%2Fb@mail.norte.example/Hasta%20Luego")
    assert place == inbox.Place(
        "mail.norte.example", 993, True, "rebotes@norte.example", "a/b", "Hasta Luego"
    )


def test_one_mail_that_breaks_something_is_kept_and_the_others_are_taken(server, monkeypatch):
    real = inbound.receive

    def break_on_odd(octets, *more):
        if b"odd" in octets:
            raise ZeroDivisionError
        return real(octets, *more)

    monkeypatch.setattr(inbound, "receive", break_on_odd)
    server.put(answer(None, text="odd"), answer(None, text="even"))
    assert receiving.read_inbox() == 2
    rows = list(db.session.scalars(select(InboundMail).order_by(InboundMail.id)))
    assert [(row.kind, bool(row.raw)) for row in rows] == [(InboundKind.unparsed, True)] * 2


def test_while_the_database_is_away_the_mail_stays_unread(server, monkeypatch):
    def away(*_):
        raise OperationalError("SELECT", {}, Exception("away"))

    server.put(answer(None))
    monkeypatch.setattr(inbound, "receive", away)
    with pytest.raises(OperationalError):
        receiving.read_inbox()
    assert "\\Seen" not in server.mails[1].flags


def test_a_mail_is_taken_by_any_door_once(bouncing):
    mail = answer(None)
    assert receiving.take(mail, InboundDoor.pipe) is InboundKind.unparsed
    assert receiving.take(b"Received: from x\r\n" + mail, InboundDoor.imap) is None
