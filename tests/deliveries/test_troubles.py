"""The owners hear of trouble with the mail: each of them, once a trouble."""

from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select

from service import named_leases, scheduler
from service.clock import now
from service.deliveries.actions import troubles
from service.extensions import db
from service.mail.delivery import health
from service.models import MailKind, MailState, OutboxMessage, Outcome, Priority, Role
from tests.builders import a_company, a_member
from tests.explaining import asked
from tests.mail.deliveries import deliver
from tests.mail.rows import a_failing_server, ago, some_mails


@pytest.fixture
def owner(session):
    a_company()
    a_member(role=Role.member)
    a_member(is_active=False)
    return a_member()


@pytest.fixture
def clock():
    with time_machine.travel(now(), tick=False) as moved:
        yield moved


def told() -> list[str]:
    """Look, and return the troubles that are told by it."""
    mails = troubles.watch()
    assert all(mail.kind is MailKind.alert_mail_trouble for mail in mails)
    return [mail.context["trouble"] for mail in mails]


def test_when_all_is_well_nobody_hears_and_little_is_asked(owner):
    with asked() as statements:
        assert told() == []
        assert told() == []  # within the minute: only the lease is asked
    assert len(statements) <= 6


def test_every_active_owner_hears_at_once_and_nobody_else(owner, clock):
    second = a_member()
    a_failing_server(ago(minutes=6))
    mails = troubles.watch()
    assert [mail.member for mail in mails] == [owner, second]
    assert {mail.priority for mail in mails} == {Priority.urgent}
    assert mails[0].expires_at == now() + timedelta(days=1)


def test_a_server_that_stays_away_is_told_once_and_the_next_time_again(owner, clock):
    row = a_failing_server(ago(minutes=6))
    assert told() == ["server"]
    for _minute in range(3):
        clock.shift(60)
        row.open_until = now() + timedelta(minutes=1)
        assert told() == []
    row.opened_at = ago(minutes=5, seconds=30)
    clock.shift(60)
    assert told() == ["server"]


@pytest.mark.parametrize("trouble", ["late", "bounces"])
def test_what_is_late_or_comes_back_is_told_once_a_day(owner, clock, trouble):
    if trouble == "late":
        some_mails(1, MailState.queued, due_at=ago(minutes=16))
    tomorrow = now() + timedelta(days=1)  # an outcome that stays within the last 24 hours
    if trouble == "bounces":
        some_mails(50, MailState.sent, ended_at=tomorrow)
        some_mails(5, MailState.sent, outcome=Outcome.complained, outcome_at=tomorrow)
    assert told() == [trouble]
    clock.shift(60)
    assert told() == []
    clock.shift(86_400)
    assert trouble in told()


def test_two_troubles_are_two_mails(owner):
    a_failing_server(ago(minutes=6))
    some_mails(9, MailState.failed, outcome=Outcome.hard_bounced, outcome_at=now())
    assert told() == ["server", "bounces"]


def test_the_clock_looks_after_it(owner):
    some_mails(1, MailState.queued, due_at=ago(minutes=16))
    scheduler.tick()
    alerts = select(OutboxMessage).where(OutboxMessage.kind == MailKind.alert_mail_trouble)
    assert [mail.provider_id for mail in db.session.scalars(alerts)] == [owner.id]


def test_a_second_clock_that_looks_in_the_same_minute_finds_it_done(owner):
    some_mails(1, MailState.queued, due_at=ago(minutes=16))
    assert named_leases.take("troubles", "another", troubles.LOOK)
    assert told() == []


def test_the_alert_arrives_once_the_server_answers(owner, mailbox):
    owner.language = "en"
    a_failing_server(ago(minutes=6), "535 wrong password").open_until = ago(seconds=1)
    mails = troubles.watch()
    db.session.commit()
    deliver(*mails)
    [arrived] = mailbox.messages()
    assert arrived.message["Subject"] == "Your mail server could not be reached"
    assert "535 wrong password" in arrived.message.as_string()
    assert not health.server(now()).is_failing
