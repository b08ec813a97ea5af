"""What is due and goes only later: quiet hours, and so many mails a day to one address."""

from datetime import UTC, datetime, time, timedelta
from threading import Thread

import pytest
import time_machine
from flask import Flask
from sqlalchemy import event

from service.clock import now
from service.extensions import db
from service.mail.delivery import prepared
from service.mail.policy import quiet_hours
from service.models import Contact, MailKind, MailState, OutboxMessage, SkipReason, WaitReason
from tests.builders import a_company, a_contact, a_departure, a_member, a_response, an_invitation
from tests.mail.deliveries import a_mail, a_sender_that_dies, deliver, fresh, speaking_to, state_of

ASKED = MailKind.survey_invitation
NIGHT = {"quiet_from": time(21), "quiet_until": time(8)}
EVENING = "2026-11-25T21:30:00Z"  # half past ten in Madrid
NOON = "2026-11-25T11:00:00Z"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
def at():
    """Stop the clock at a moment."""
    with time_machine.travel(NOON, tick=False) as clock:
        yield clock.move_to


def an_asked(contact: Contact, **more) -> OutboxMessage:
    """A mail that nobody asked for, due."""
    departure = a_departure(contact=contact, responsible=a_member())
    an_invitation(departure=departure)
    return a_mail(ASKED, departure=departure, **more)


def someone(**more) -> Contact:
    """A contact at a client of its own, with the address that all of these share."""
    return a_contact(**{"email": "Ana@daz.example", **more})


def got(mailbox) -> int:
    """How many mails arrived."""
    return len(mailbox.messages())


def test_a_mail_in_the_quiet_hours_goes_when_they_are_over(session, mailbox, at):
    a_company(**NIGHT)
    at(EVENING)
    row = a_mail()
    deliver(row)
    row = fresh(row)
    assert (row.state, row.attempts, row.lease_owner) == (MailState.queued, 0, None)
    assert row.due_at == utc("2026-11-26T07:00")
    at(row.due_at)
    deliver(row)
    assert (state_of(row), got(mailbox)) == (MailState.sent, 1)


def test_the_quiet_hours_are_those_of_the_contact_when_their_zone_is_known(session, mailbox, at):
    a_company(**NIGHT)
    at("2026-11-25T09:30:00Z")
    early = a_mail(contact=a_contact(time_zone="America/Bogota"))
    deliver(early, a_mail(contact=a_contact(time_zone="Asia/Tokyo")), a_mail())
    assert got(mailbox) == 2
    assert fresh(early).due_at == utc("2026-11-25T13:00")


def test_a_zone_that_this_machine_does_not_know_counts_as_not_known(session, mailbox, at):
    a_company(**NIGHT)
    deliver(a_mail(contact=a_contact(time_zone="Europe/Nowhere")))
    assert got(mailbox) == 1


def test_what_somebody_waits_for_and_what_a_person_sends_goes_at_once(session, mailbox, at):
    a_company(**NIGHT)
    at(EVENING)
    rows = [
        a_mail(MailKind.survey_resume, departure=a_response().departure),
        a_mail(context={"by_hand": True}),
        a_mail(MailKind.test_mail, to=a_member(), departure=None),
    ]
    assert quiet_hours.waits(rows, now()) == {}
    deliver(*rows)
    assert got(mailbox) == 3


def test_without_quiet_hours_the_night_is_as_good_as_the_day(session, mailbox, at):
    at(EVENING)
    deliver(a_mail())
    assert got(mailbox) == 1


def test_who_has_had_enough_for_today_gets_the_rest_tomorrow_at_its_own_time(session, mailbox, at):
    a_company(daily_cap=2)
    contact = someone()
    rows = [an_asked(contact, due_at=now() - timedelta(minutes=30 - n)) for n in range(3)]
    deliver(*reversed(rows))
    assert [state_of(row) for row in rows] == ["sent", "sent", "queued"]
    assert fresh(rows[2]).due_at == utc("2026-11-26T10:32")
    assert fresh(rows[2]).attempts == 0
    at(fresh(rows[2]).due_at)
    deliver(rows[2])
    assert (state_of(rows[2]), got(mailbox)) == (MailState.sent, 3)


def test_tomorrow_begins_when_the_quiet_hours_are_over(session, at):
    a_company(daily_cap=1, **NIGHT)
    contact = someone(time_zone="America/Bogota")
    at("2026-11-25T13:00:00Z")
    rows = [an_asked(contact, due_at=utc("2026-11-25T03:00")) for _ in range(2)]
    deliver(*rows)
    assert fresh(rows[1]).due_at == utc("2026-11-27T13:00")  # 22:00 of the 26th is quiet again


def test_one_address_is_one_person_at_however_many_clients(session, mailbox, at):
    a_company(daily_cap=1)
    deliver(an_asked(someone()))
    second = an_asked(someone(email="ANA@daz.example"))
    deliver(second, an_asked(a_contact()))
    assert (state_of(second), got(mailbox)) == (MailState.queued, 2)


def test_a_day_is_the_contacts_own(session, mailbox, at):
    a_company(daily_cap=1)
    contact = someone(time_zone="Pacific/Auckland")  # midnight there is noon in Madrid
    at("2026-11-25T10:59:00Z")
    deliver(an_asked(contact))
    second = an_asked(contact)
    deliver(second)
    assert state_of(second) is MailState.queued
    at("2026-11-25T11:00:00Z")
    third = an_asked(contact)
    deliver(third)
    assert (state_of(third), got(mailbox)) == (MailState.sent, 2)


def test_what_is_owed_or_sent_by_hand_is_not_held_and_only_the_second_counts(session, mailbox, at):
    a_company(daily_cap=1)
    contact = someone()
    deliver(a_mail(contact=contact))
    first, second = an_asked(contact), an_asked(contact, context={"by_hand": True})
    deliver(first, second)
    deliver(a_mail(contact=contact))
    assert (state_of(first), state_of(second)) == (MailState.queued, MailState.sent)
    assert got(mailbox) == 3


def test_a_mail_that_did_not_arrive_takes_nobodys_place_and_one_that_may_have_does(session, at):
    a_company(daily_cap=1)
    contact = someone()
    refused, row = an_asked(contact), an_asked(contact)
    with speaking_to(body="554 not like this"):
        deliver(refused)
    assert quiet_hours.waits([fresh(row)], now()) == {}
    fresh(refused).state = MailState.uncertain
    db.session.flush()
    assert quiet_hours.waits([fresh(row)], now())[row.id].why is WaitReason.daily_cap


def test_rows_in_other_hands_make_a_mail_wait_some_minutes_and_not_a_day(session, mailbox, at):
    a_company(daily_cap=1)
    contact = someone()
    ours, theirs = an_asked(contact), an_asked(contact)
    ids = [ours.id, theirs.id]
    db.session.commit()
    with a_sender_that_dies(ids[0]) as one, a_sender_that_dies(ids[1]) as other:
        drafts = [*prepared.draft(one, one.held()), *prepared.draft(other, other.held())]
    assert [one.row_id for one in drafts] == ids[1:]
    soon = fresh(ids[0]).due_at - now()
    assert timedelta(minutes=1) <= soon <= timedelta(minutes=10)  # theirs may still fail


def test_however_many_workers_are_at_it_one_address_gets_its_cap_and_no_more(
    app: Flask, session, mailbox
):
    a_company(daily_cap=4)
    contact = someone(time_zone="UTC")
    with time_machine.travel(NOON, tick=False) as clock:
        ids = [an_asked(contact).id for _ in range(12)]
        db.session.commit()

        def worker(mine: list[int]) -> None:
            with app.app_context():
                deliver(*mine)

        for _minute in range(13):
            workers = [Thread(target=worker, args=[ids[number::4]]) for number in range(4)]
            for thread in workers:
                thread.start()
            for thread in workers:
                thread.join(60)
            clock.shift(60)

    assert got(mailbox) == 4
    states = sorted(state_of(row_id) for row_id in ids)
    assert states == [MailState.queued] * 8 + [MailState.sent] * 4


def test_rows_further_back_in_a_claim_do_not_take_the_place_of_those_before_them(session, at):
    a_company(daily_cap=2)
    contact = someone()
    rows = [an_asked(contact, due_at=now() - timedelta(minutes=9 - n)) for n in range(4)]
    ids = [row.id for row in rows]
    db.session.commit()
    with a_sender_that_dies(*ids) as held:
        assert [one.row_id for one in prepared.draft(held, held.held())] == ids[:2]


def test_what_waits_until_its_time_has_passed_expires_with_that_reason(session, mailbox, at):
    a_company(**NIGHT)
    at(EVENING)
    row = a_mail(expires_at=now() + timedelta(hours=2))
    deliver(row)
    at(fresh(row).due_at)
    deliver(row)
    assert (fresh(row).skip_reason, got(mailbox)) == (SkipReason.expired, 0)


def test_a_whole_claim_is_decided_in_two_queries(session, at):
    a_company(daily_cap=1, **NIGHT)
    rows = [an_asked(someone(time_zone=zone)) for zone in ("UTC", None, "Asia/Tokyo") * 5]
    rows = [fresh(row) for row in rows]
    for row in rows:
        assert row.contact is not None
    asked = []

    def ask(*said) -> None:
        asked.append(said[2])

    event.listen(db.engine, "before_cursor_execute", ask)
    try:
        assert len(quiet_hours.waits(rows, now())) == 14
    finally:
        event.remove(db.engine, "before_cursor_execute", ask)
    assert len(asked) <= 2, asked
