"""The mailbox is read from a real IMAP server: once a minute, each mail once."""

from datetime import date

import pytest
import time_machine
from sqlalchemy import event, select
from sqlalchemy.exc import OperationalError

from service import tasks
from service.deliveries import jobs as receiving
from service.deliveries.actions import inbound
from service.departures.actions import departures
from service.departures.actions.departures import Facts
from service.extensions import db, queue
from service.mail.inbound import mailbox as inbox
from service.models import (
    Departure,
    EnrolmentState,
    InboundKind,
    InboundMail,
    InboundSource,
    OutboxMessage,
    Outcome,
)
from service.protocols.actions import progress
from tests.builders import a_company, a_contact, a_member
from tests.deliveries.test_inbound import a_sent_mail, suppression_of
from tests.dovecot import Account
from tests.mail.coming_in import answer, dsn, verp_of

MANY = 3 * inbox.MOST_AT_ONCE


@pytest.fixture
def mailbox(bouncing, account) -> Account:
    """The mailbox that MAIL_INBOX_URL names."""
    bouncing(mail_inbox_url=account.url())
    return account


@pytest.fixture
def clock():
    with time_machine.travel("2026-11-25T10:00:00Z") as clock:
        yield clock


def kinds() -> list[InboundKind]:
    return list(db.session.scalars(select(InboundMail.kind).order_by(InboundMail.id)))


def answers(count: int) -> list[bytes]:
    """Mails that are about nothing of ours, no two alike."""
    return [answer(None, Message_ID=f"<{n}@daz.example>") for n in range(count)]


def test_what_lies_there_is_taken_and_marked_as_read(mailbox):
    row = a_sent_mail()
    mailbox.put(dsn(row, to=verp_of(row)), answer(None, text="Hola"))
    db.session.commit()
    tasks.read_inbox()

    assert kinds() == [InboundKind.hard_bounce, InboundKind.unparsed]
    db.session.refresh(row)
    assert row.outcome is Outcome.hard_bounced
    assert suppression_of(row)
    assert mailbox.marked() == [True, True]


def a_farewell() -> OutboxMessage:
    """The thank-you of a departure whose mails go on."""
    facts = Facts(end_on=date(2026, 11, 24), responsible=a_member())
    return a_sent_mail(departure=departures.record(a_contact(), facts))


def state_of(departure: Departure) -> EnrolmentState:
    return progress.locked(departure).enrolment.state


def test_a_persons_answer_pauses_the_departure_and_a_machines_does_not(mailbox, clock):
    a_company()
    person, machine = a_farewell(), a_farewell()
    mailbox.put(
        answer(person, "¡Gracias, Marta! Te llamo mañana."),
        answer(machine, "Vuelvo el lunes.", Auto_Submitted="auto-replied"),
    )
    db.session.commit()
    assert receiving.read_inbox() == 2

    assert kinds() == [InboundKind.reply, InboundKind.auto_reply]
    assert state_of(person.departure) is EnrolmentState.paused
    assert state_of(machine.departure) is EnrolmentState.active


def test_it_is_asked_at_most_once_a_minute(mailbox, clock):
    assert receiving.read_inbox() == 0
    mailbox.put(answer(None))
    clock.shift(30)
    assert receiving.read_inbox() == 0
    assert mailbox.logins() == 1
    clock.shift(31)
    assert receiving.read_inbox() == 1


def test_the_clock_asks_a_worker_when_it_is_time_and_opens_no_line(mailbox, clock):
    assert receiving.wake_reader()
    assert not receiving.wake_reader(), "one hint is enough for a while"
    assert (queue.waiting(), mailbox.logins()) == (1, 0)

    receiving.read_inbox()
    clock.shift(30)
    assert not receiving.wake_reader(), "it was read within the minute"
    clock.shift(31)
    assert receiving.wake_reader()


def test_a_mail_is_marked_only_after_it_was_kept(mailbox):
    mailbox.put(*answers(3))
    marked_when_kept = []

    def look(session: object) -> None:
        marked_when_kept.append(sum(mailbox.marked()))

    event.listen(db.session, "after_commit", look)
    try:
        assert receiving.read_inbox() == 3
    finally:
        event.remove(db.session, "after_commit", look)
    _lease, *each, _lease_again = marked_when_kept
    assert each == [0, 1, 2]
    assert mailbox.marked() == [True] * 3


@pytest.mark.parametrize("database", ["sqlite"])
def test_mails_of_several_visits_are_taken_in_the_end_each_once(mailbox, clock):
    rows = [a_sent_mail() for _ in range(10)]
    bounces = [dsn(row, to=verp_of(row)) for row in rows]
    mailbox.put(*bounces, *answers(MANY - 20), *bounces)  # some servers send a bounce twice
    db.session.commit()

    visits = []
    while not all(mailbox.marked()):
        visits.append(receiving.read_inbox())
        assert visits[-1] > 0
        clock.shift(61)
    assert (sum(visits), max(visits)) == (MANY, inbox.MOST_AT_ONCE)
    assert receiving.read_inbox() == 0
    assert kinds() == [InboundKind.hard_bounce] * 10 + [InboundKind.unparsed] * (MANY - 20)
    assert all(row.outcome is Outcome.hard_bounced for row in rows)


def test_no_more_of_a_large_mail_is_read_than_is_kept(mailbox):
    mailbox.put(b"Subject: large\n\n" + b"a" * 3_000_000)
    receiving.read_inbox()
    [row] = db.session.scalars(select(InboundMail))
    assert len(row.raw) == 1024 * 1024


def test_one_mail_that_breaks_something_is_kept_and_the_others_are_taken(mailbox, monkeypatch):
    real = inbound.receive

    def break_on_odd(octets, *more):
        if b"odd" in octets:
            raise ZeroDivisionError
        return real(octets, *more)

    monkeypatch.setattr(inbound, "receive", break_on_odd)
    mailbox.put(answer(None, text="odd"), answer(None, text="even"))
    assert receiving.read_inbox() == 2
    rows = list(db.session.scalars(select(InboundMail).order_by(InboundMail.id)))
    assert [(row.kind, bool(row.raw)) for row in rows] == [(InboundKind.unparsed, True)] * 2


def test_while_the_database_is_away_the_mail_stays_unread(mailbox, monkeypatch):
    def away(*_):
        raise OperationalError("SELECT", {}, Exception("away"))

    mailbox.put(answer(None))
    monkeypatch.setattr(inbound, "receive", away)
    with pytest.raises(OperationalError):
        receiving.read_inbox()
    assert mailbox.marked() == [False]


def test_without_a_mailbox_nothing_is_asked(app):
    assert receiving.read_inbox() == 0
    assert not receiving.wake_reader()


def test_a_mail_is_taken_by_any_door_once(bouncing):
    mail = answer(None)
    assert receiving.take(mail, InboundSource.pipe) is InboundKind.unparsed
    assert receiving.take(b"Received: from x\r\n" + mail, InboundSource.imap) is None
