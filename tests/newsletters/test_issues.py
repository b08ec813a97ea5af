"""Issues of newsletters: each reader once, whatever interrupts, pauses or comes at once."""

from datetime import UTC, date, datetime, timedelta
from threading import Barrier, Thread

import pytest
import time_machine
from sqlalchemy import func, select

from service import scheduler
from service.clock import now
from service.errors import Conflict, Refused
from service.extensions import db
from service.mail.delivery import delivery
from service.mail.policy import suppressions
from service.mail.rendering.custom_texts import Text
from service.models import (
    Audience,
    IssueState,
    MailState,
    Newsletter,
    NewsletterIssue,
    NewsletterState,
    OutboxMessage,
    SkipReason,
    SuppressionReason,
)
from service.models.audiences import Who
from service.newsletters.actions import issues, newsletters
from service.newsletters.rules import Frequency
from tests.builders import a_company, a_contact, a_member

EVERYBODY = Audience(who=Who.all)
TEXTS = {
    "es": {"subject": "Novedades", "body": "Hola, {{ first_name }}: hay novedades que contarte."}
}


@pytest.fixture
def marta(session):
    a_company()
    return a_member()


def a_newsletter(marta, **more) -> Newsletter:
    newsletter = newsletters.create("Novedades", marta)
    values = {"texts": TEXTS, "audience": EVERYBODY.as_json(), **more}
    for name, value in values.items():
        setattr(newsletter, name, value)
    db.session.commit()
    return newsletter


def scheduled(newsletter, marta, first=None, frequency=Frequency.once) -> NewsletterIssue:
    issue = newsletters.schedule(newsletter, first, frequency, by=marta, was=newsletter.version)
    db.session.commit()
    return issue


def states(issue) -> dict[str, int]:
    db.session.rollback()
    counted = select(OutboxMessage.state, func.count()).group_by(OutboxMessage.state)
    rows = db.session.execute(counted.where(OutboxMessage.issue_id == issue.id))
    found = {state.value: count for state, count in rows}
    db.session.rollback()
    return found


def fresh(issue) -> NewsletterIssue:
    return db.session.get_one(NewsletterIssue, issue.id, populate_existing=True)


def sent_to(smtp_server) -> list[str]:
    return [mail.rcpt_tos[0] for mail in smtp_server.messages()]


def test_each_reader_gets_it_once_and_then_it_is_sent(marta):
    for _ in range(3):
        a_contact()
    issue = scheduled(a_newsletter(marta), marta)
    scheduler.tick()
    assert states(issue) == {"queued": 3}
    scheduler.tick()
    assert states(issue) == {"queued": 3}
    delivery.deliver([], goes_on=True)
    assert states(issue) == {"sent": 3}
    scheduler.tick()
    assert fresh(issue).state is IssueState.sent
    assert issue.newsletter.state is NewsletterState.ended


def test_a_writer_that_is_killed_between_two_chunks_is_followed_where_it_stopped(
    marta, monkeypatch
):
    monkeypatch.setattr(issues, "CHUNK", 2)
    contacts = [a_contact() for _ in range(5)]
    issue = scheduled(a_newsletter(marta), marta)
    for _ in range(2):  # begun, and one chunk
        issues.write_next(now())
        db.session.commit()
    issues.write_next(now())
    db.session.rollback()  # killed before the commit
    assert states(issue) == {"queued": 2}
    scheduler.tick()
    assert states(issue) == {"queued": 5}
    to = list(db.session.scalars(select(OutboxMessage.contact_id).order_by(OutboxMessage.id)))
    assert to == [contact.id for contact in contacts]


def test_a_place_that_was_lost_doubles_nobody(marta):
    for _ in range(4):
        a_contact()
    issue = scheduled(a_newsletter(marta), marta)
    scheduler.tick()
    row = fresh(issue)
    row.written_to, row.written_at = 0, None  # as if the whole of it was done twice
    db.session.commit()
    scheduler.tick()
    assert states(issue) == {"queued": 4}


def test_clocks_at_once_write_each_mail_once(app, marta, monkeypatch):
    monkeypatch.setattr(issues, "CHUNK", 2)
    for _ in range(7):
        a_contact()
    issue = scheduled(a_newsletter(marta), marta)
    barrier = Barrier(3)

    def clock() -> None:
        with app.app_context():
            barrier.wait(10)
            while issues.write_next(now()):
                db.session.commit()
            db.session.rollback()

    threads = [Thread(target=clock) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    scheduler.tick()
    assert states(issue) == {"queued": 7}


def test_a_paused_issue_stands_still_and_goes_on_to_exactly_those_still_owed(
    marta, monkeypatch, smtp_server
):
    smtp_server.clear()
    monkeypatch.setattr(issues, "CHUNK", 2)
    for _ in range(5):
        a_contact()
    issue = scheduled(a_newsletter(marta), marta)
    for _ in range(2):
        issues.write_next(now())
        db.session.commit()
    first = db.session.scalars(select(OutboxMessage.id).order_by(OutboxMessage.id).limit(1)).one()
    db.session.commit()
    delivery.deliver([first])
    issues.pause(issue)
    db.session.commit()
    scheduler.tick()
    delivery.deliver([], goes_on=True)
    assert states(issue) == {"sent": 1, "queued": 1}
    a_contact()  # came while it was paused, and is one of the audience
    issues.resume(issue)
    db.session.commit()
    scheduler.tick()
    delivery.deliver([], goes_on=True)
    assert states(issue) == {"sent": 6}
    assert len(set(sent_to(smtp_server))) == len(sent_to(smtp_server)) == 6


def test_a_mail_in_hand_when_the_pause_came_waits_if_it_comes_back(marta):
    a_contact()
    issue = scheduled(a_newsletter(marta), marta)
    scheduler.tick()
    issues.pause(issue)
    row = db.session.scalars(select(OutboxMessage)).one()
    row.due_at = now()  # given back by a worker whose server asked for patience
    db.session.commit()
    delivery.deliver([row.id])
    assert states(issue) == {"queued": 1}
    assert db.session.scalars(select(OutboxMessage.due_at)).one() > now()


def test_a_cancelled_issue_sends_no_more_for_good(marta):
    for _ in range(2):
        a_contact()
    newsletter = a_newsletter(marta)
    issue = scheduled(newsletter, marta)
    scheduler.tick()
    first = db.session.scalars(select(OutboxMessage.id)).first()
    db.session.commit()
    delivery.deliver([first])
    issues.cancel(issue)
    db.session.commit()
    assert states(issue) == {"sent": 1, "cancelled": 1}
    db.session.refresh(newsletter)
    assert newsletter.state is NewsletterState.ended
    with pytest.raises(Conflict):
        issues.resume(issue)


def test_pausing_before_it_begins_keeps_it_from_beginning(marta):
    a_contact()
    issue = scheduled(a_newsletter(marta), marta)
    issues.pause(issue)
    db.session.commit()
    scheduler.tick()
    assert states(issue) == {}
    issues.resume(issue)
    db.session.commit()
    scheduler.tick()
    assert states(issue) == {"queued": 1}


def test_who_asked_for_no_more_meanwhile_gets_none(marta):
    ana = a_contact()
    issue = scheduled(a_newsletter(marta), marta)
    scheduler.tick()
    suppressions.add(ana.email, SuppressionReason.unsubscribed)
    db.session.commit()
    delivery.deliver([], goes_on=True)
    row = db.session.scalars(select(OutboxMessage)).one()
    assert (row.state, row.skip_reason) == (MailState.skipped, SkipReason.suppressed)
    scheduler.tick()
    assert fresh(issue).state is IssueState.sent


def test_it_cannot_be_edited_while_it_is_being_sent(marta):
    a_contact()
    newsletter = a_newsletter(marta)
    issue = scheduled(newsletter, marta)
    scheduler.tick()
    with pytest.raises(Conflict, match="Se está enviando"):
        newsletters.save_text(newsletter, "es", Text("x", "y"), newsletter.version)
    assert fresh(issue).texts == TEXTS


def test_what_is_edited_before_its_day_goes_out_as_edited(marta):
    a_contact()
    newsletter = a_newsletter(marta)
    issue = scheduled(newsletter, marta, datetime.fromisoformat("2099-01-01T09:00"))
    newsletters.save_text(newsletter, "es", Text("Otra cosa", "Distinta."), newsletter.version)
    db.session.commit()
    with time_machine.travel("2099-01-01T10:00:00Z", tick=False):
        scheduler.tick()
    assert fresh(issue).texts["es"]["subject"] == "Otra cosa"


def test_of_two_who_schedule_one_does(app, marta):
    a_contact()
    newsletter = a_newsletter(marta)
    public_id, was = newsletter.public_id, newsletter.version
    provider_id = marta.id
    db.session.commit()
    barrier, said = Barrier(2), []

    def press() -> None:
        with app.app_context():
            barrier.wait(10)
            mine = newsletters.find(public_id)
            by = db.session.get_one(type(marta), provider_id)
            try:
                newsletters.schedule(mine, None, Frequency.once, by=by, was=was)
                db.session.commit()
                said.append("scheduled")
            except Conflict:
                db.session.rollback()
                said.append("too late")

    threads = [Thread(target=press) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(said) == ["scheduled", "too late"]
    db.session.rollback()
    assert db.session.scalar(select(func.count(NewsletterIssue.id))) == 1


def test_nobody_and_nothing_are_refused_with_what_to_do(marta):
    newsletter = a_newsletter(marta)
    with pytest.raises(Refused, match="Amplía los destinatarios"):
        newsletters.schedule(newsletter, None, Frequency.once, by=marta, was=newsletter.version)
    a_contact()
    with pytest.raises(Refused, match="Elige otro posterior"):
        scheduled(newsletter, marta, datetime.fromisoformat("2020-01-01T09:00"))
    newsletter.texts = {}
    db.session.commit()
    with pytest.raises(Refused, match="Escribe primero"):
        scheduled(newsletter, marta)


def test_a_series_keeps_its_hour_across_both_changes_of_the_clock(marta):
    a_contact()
    newsletter = a_newsletter(marta)
    with time_machine.travel("2026-10-20T08:00:00Z", tick=False):
        scheduled(newsletter, marta, datetime.fromisoformat("2026-10-24T09:00"), Frequency.weekly)
    days = [date(2026, 10, 24), date(2026, 10, 31), date(2027, 3, 27), date(2027, 4, 3)]
    for day in days:
        with time_machine.travel(f"{day}T12:00:00Z", tick=False):
            scheduler.tick()
            delivery.deliver([], goes_on=True)
            scheduler.tick()
    begun = db.session.scalars(
        select(NewsletterIssue.due_at)
        .where(NewsletterIssue.state == IssueState.sent)
        .order_by(NewsletterIssue.due_at)
    ).all()
    assert begun == [
        datetime(2026, 10, 24, 7, tzinfo=UTC),
        datetime(2026, 10, 31, 8, tzinfo=UTC),
        datetime(2027, 3, 27, 8, tzinfo=UTC),
        datetime(2027, 4, 3, 7, tzinfo=UTC),
    ]


def test_after_a_time_out_only_the_newest_goes_and_the_others_are_written_down(marta):
    a_contact()
    newsletter = a_newsletter(marta)
    with time_machine.travel("2026-11-01T08:00:00Z", tick=False):
        first = scheduled(
            newsletter, marta, datetime.fromisoformat("2026-11-02T09:00"), Frequency.weekly
        )
    with time_machine.travel("2026-11-24T08:00:00Z", tick=False):
        scheduler.tick()
    assert fresh(first).state is IssueState.skipped
    found = db.session.execute(
        select(NewsletterIssue.due_at, NewsletterIssue.state).order_by(NewsletterIssue.due_at)
    ).all()
    assert [(row.due_at.day, row.state.value) for row in found] == [
        (2, "skipped"),
        (9, "skipped"),
        (16, "skipped"),
        (23, "sending"),
        (30, "scheduled"),
    ]


def test_an_issue_waits_for_the_one_before_it(marta):
    a_contact()
    newsletter = a_newsletter(marta)
    with time_machine.travel("2026-11-01T08:00:00Z", tick=False):
        first = scheduled(
            newsletter, marta, datetime.fromisoformat("2026-11-02T09:00"), Frequency.daily
        )
    with time_machine.travel("2026-11-02T12:00:00Z", tick=False):
        scheduler.tick()
        issues.pause(first)
        db.session.commit()
    with time_machine.travel("2026-11-03T12:00:00Z", tick=False):
        scheduler.tick()
        assert len(states(first)) == 1
        written = select(OutboxMessage.issue_id).where(OutboxMessage.issue_id.is_not(None))
        assert db.session.scalars(written).all() == [first.id]


def test_cancelling_one_of_a_series_lets_the_next_come_and_ending_it_none(marta):
    a_contact()
    newsletter = a_newsletter(marta)
    first = datetime.now(UTC).replace(tzinfo=None, microsecond=0) + timedelta(days=2)
    issue = scheduled(newsletter, marta, first, Frequency.daily)
    issues.cancel(issue)
    db.session.commit()
    db.session.refresh(newsletter)
    assert newsletter.state is NewsletterState.active
    assert [row.state for row in newsletter.issues] == [
        IssueState.scheduled,
        IssueState.cancelled,
    ]
    issues.end(newsletter)
    db.session.commit()
    db.session.refresh(newsletter)
    assert newsletter.state is NewsletterState.ended
    assert {row.state for row in newsletter.issues} == {IssueState.cancelled}
