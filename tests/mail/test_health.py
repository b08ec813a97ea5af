"""How the mail is, in one place: what is counted, what is trouble, and that it costs little."""

from dataclasses import replace
from datetime import timedelta

import pytest

from service.clock import now
from service.config import Rate
from service.mail.delivery import breaker, health
from service.mail.delivery.health import TroubleKind
from service.models import MailState, Outcome, Priority, RateBucket
from tests.builders import added
from tests.explaining import asked, plan_of
from tests.mail.rows import a_failing_server, a_month_of_mails, a_row, ago, some_mails


def kinds_of_trouble() -> list[TroubleKind]:
    """The troubles of now; the short way and the long way to them agree."""
    found = health.troubles(now())
    assert [trouble.kind for trouble in health.check(now()).troubles] == [
        trouble.kind for trouble in found
    ]
    return [trouble.kind for trouble in found]


def test_an_empty_outbox_is_well(session):
    well = health.check(now())
    assert (well.due, well.failed, well.lag, well.troubles) == (0, 0, timedelta(0), [])
    assert well.share.percent(0) is None


def test_mails_are_counted_by_what_we_did_with_them(session):
    some_mails(2, MailState.queued)
    some_mails(3, MailState.queued, due_at=now() + timedelta(days=1))
    some_mails(1, MailState.sending)
    some_mails(4, MailState.failed, ended_at=ago(days=30))
    some_mails(5, MailState.uncertain)
    found = health.check(now())
    assert (found.due, found.waiting, found.sending) == (2, 5, 1)
    assert (found.failed, found.uncertain) == (4, 5)


def test_what_was_sent_is_counted_by_hour_and_day(session):
    some_mails(2, MailState.sent, ended_at=ago(minutes=59))
    some_mails(3, MailState.sent, ended_at=ago(hours=23))
    some_mails(4, MailState.sent, ended_at=ago(days=6))
    shares = health.check(now()).shares
    assert [shares[hours].sent for hours in (health.HOUR, health.DAY, health.WEEK)] == [2, 5, 9]


@pytest.mark.parametrize("priority", Priority)
def test_the_oldest_due_mail_is_found_whatever_its_priority(session, priority):
    some_mails(1, MailState.queued, due_at=ago(minutes=3), priority=Priority.ordinary)
    some_mails(1, MailState.queued, due_at=ago(minutes=9), priority=priority)
    assert timedelta(minutes=9) <= health.check(now()).lag < timedelta(minutes=10)


def test_a_mail_that_is_put_off_is_not_late(session):
    some_mails(1, MailState.queued, due_at=now() + timedelta(hours=1), attempts=3)
    assert kinds_of_trouble() == []


def test_a_mail_that_nobody_takes_for_a_quarter_of_an_hour_is_trouble(session):
    some_mails(1, MailState.queued, due_at=ago(minutes=14))
    assert kinds_of_trouble() == []
    some_mails(1, MailState.queued, due_at=ago(minutes=16))
    assert kinds_of_trouble() == [TroubleKind.late]


def test_what_a_limit_holds_back_is_no_trouble_as_long_as_mails_go(session, app):
    some_mails(1, MailState.queued, due_at=ago(minutes=16))
    gone = a_row(MailState.sent, ended_at=ago(minutes=9))
    assert kinds_of_trouble() == [TroubleKind.late]
    slow = added(RateBucket(name="domain:a.example", next_at=now(), slower=1, slower_at=now()))
    assert kinds_of_trouble() == []
    slow.slower = 0
    before = app.extensions["settings"]
    app.extensions["settings"] = replace(before, mail_rate=Rate(1000, 3600))
    held, gone.ended_at = kinds_of_trouble(), ago(minutes=16)
    stuck = kinds_of_trouble()
    app.extensions["settings"] = before
    assert (held, stuck) == ([], [TroubleKind.late])


def test_a_server_that_is_away_for_five_minutes_is_trouble_and_explains_what_is_late(session):
    some_mails(1, MailState.queued, due_at=ago(minutes=16))
    row = a_failing_server(ago(minutes=4))
    assert kinds_of_trouble() == []
    row.opened_at = ago(minutes=6)
    assert kinds_of_trouble() == [TroubleKind.server]
    assert health.troubles(now())[0].words == "Connection refused"


def test_a_server_that_nobody_has_asked_for_long_is_not_said_to_be_away(session):
    row = a_failing_server(ago(hours=3))
    row.open_until = ago(minutes=11)
    assert kinds_of_trouble() == []
    row.open_until = now() + timedelta(days=1)  # of a clock that was put back since
    assert kinds_of_trouble() == []


def test_the_breaker_remembers_its_first_failure_until_the_server_answers(session):
    breaker.failed("Connection refused")
    first = health.server(now()).failing_since
    breaker.failed("Connection refused")
    assert health.server(now()).failing_since == first
    breaker.reached()
    assert not health.server(now()).is_failing
    assert session.get(breaker.Breaker, "smtp", populate_existing=True).opened_at is None


@pytest.mark.parametrize(
    ("arrived", "came_back", "is_trouble"),
    [(980, 20, False), (979, 21, True), (48, 2, True), (47, 2, False), (5, 5, True), (0, 4, False)],
)
def test_more_than_two_of_a_hundred_that_come_back_are_trouble(
    session, arrived, came_back, is_trouble
):
    some_mails(arrived, MailState.sent)
    some_mails(came_back, MailState.sent, outcome=Outcome.hard_bounced, outcome_at=now())
    assert kinds_of_trouble() == ([TroubleKind.bounces] if is_trouble else [])


def test_a_refusal_by_the_server_is_a_bounce_and_counted_once(session):
    some_mails(45, MailState.sent)
    some_mails(5, MailState.failed, outcome=Outcome.hard_bounced, outcome_at=now())
    day = health.check(now()).shares[health.DAY]
    assert (day.tried, day.failed, day.came_back) == (50, 5, 5)
    assert day.percent(day.came_back) == 10


def test_delivered_and_old_bounces_are_no_trouble(session):
    some_mails(60, MailState.sent, outcome=Outcome.delivered, outcome_at=now())
    some_mails(9, MailState.sent, outcome=Outcome.complained, outcome_at=ago(hours=25))
    assert kinds_of_trouble() == []


def test_domains_that_asked_for_slower_mail_are_named(session):
    added(RateBucket(name="domain:fast.example", next_at=now()))
    added(RateBucket(name="domain:slow.example", next_at=now(), slower=2, slower_at=now()))
    assert [bucket.name for bucket in health.check(now()).slowed] == ["domain:slow.example"]


def test_counting_stops_and_a_share_is_then_of_a_shorter_time(session, monkeypatch):
    monkeypatch.setattr(health, "COUNTED", 5)
    monkeypatch.setattr(health.counts, "__defaults__", (5,))
    some_mails(3, MailState.sent)
    some_mails(1, MailState.failed)
    some_mails(7, MailState.sent, ended_at=ago(days=2))
    found = health.check(now())
    assert found.shares[health.WEEK].sent == 5
    assert found.share.hours == health.DAY
    assert found.share.percent(1) == 25


def test_counting_reads_an_index_and_not_one_mail(session):
    a_month_of_mails()
    with asked() as statements:
        health.check(now())
        health.troubles(now())
    about_mails = [each for each in statements if "FROM outbox" in each[0]]
    assert len(about_mails) == 4
    for statement in about_mails:
        plan = plan_of(*statement)
        assert "SCAN outbox" not in plan, plan
        assert "Seq Scan on outbox" not in plan, plan
        assert "Filter: (ended_at" not in plan, plan
        assert plan.count("SEARCH outbox") == plan.count("COVERING INDEX"), plan
