"""What is due and goes only later: business hours, and so many mails a day to one address."""

from datetime import UTC, datetime, time, timedelta
from threading import Thread

import pytest
import time_machine
from flask import Flask
from sqlalchemy import event, select

from service.clock import now
from service.extensions import db
from service.mail import outbox
from service.mail.decision import Decision, as_json
from service.mail.delivery import prepared
from service.mail.kinds import RULES
from service.mail.policy import business_hours
from service.models import (
    Contact,
    Enrolment,
    MailKind,
    MailState,
    OutboxMessage,
    Priority,
    SkipReason,
    WaitReason,
)
from tests.builders import (
    a_company,
    a_contact,
    a_departure,
    a_member,
    a_response,
    added,
    an_invitation,
)
from tests.mail.deliveries import a_mail, a_sender_that_dies, deliver, fresh, speaking_to, state_of

ASKED = MailKind.survey_invitation
DAYTIME = {"business_from": time(8), "business_until": time(21)}
OFFICE = {"business_days": "01234", "business_from": time(9), "business_until": time(19)}
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


def test_a_mail_outside_the_business_hours_goes_when_they_begin(session, mailbox, at):
    a_company(**DAYTIME)
    at(EVENING)
    row = a_mail()
    deliver(row)
    row = fresh(row)
    assert (row.state, row.attempts, row.lease_owner) == (MailState.queued, 0, None)
    assert row.due_at == utc("2026-11-26T07:00")
    at(row.due_at)
    deliver(row)
    assert (state_of(row), got(mailbox)) == (MailState.sent, 1)


def test_the_hours_are_those_of_the_contact_when_their_zone_is_known(session, mailbox, at):
    a_company(**DAYTIME)
    at("2026-11-25T09:30:00Z")
    early = a_mail(contact=a_contact(time_zone="America/Bogota"))
    deliver(early, a_mail(contact=a_contact(time_zone="Asia/Tokyo")), a_mail())
    assert got(mailbox) == 2
    assert fresh(early).due_at == utc("2026-11-25T13:00")


def test_a_zone_that_this_machine_does_not_know_counts_as_not_known(session, mailbox, at):
    a_company(**DAYTIME)
    deliver(a_mail(contact=a_contact(time_zone="Europe/Nowhere")))
    assert got(mailbox) == 1


def test_what_somebody_waits_for_and_what_a_person_sends_goes_at_once(session, mailbox, at):
    a_company(**DAYTIME)
    at(EVENING)
    rows = [
        a_mail(MailKind.survey_resume, departure=a_response().departure),
        a_mail(context={"by_hand": True}),
        a_mail(MailKind.test_mail, to=a_member(), departure=None),
    ]
    assert business_hours.waits(rows, now()) == {}
    deliver(*rows)
    assert got(mailbox) == 3


def test_without_an_end_of_the_day_the_night_is_as_good_as_the_day(session, mailbox, at):
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


def test_tomorrow_begins_with_the_business_hours(session, at):
    a_company(daily_cap=1, **DAYTIME)
    contact = someone(time_zone="America/Bogota")
    at("2026-11-25T13:00:00Z")
    rows = [an_asked(contact, due_at=utc("2026-11-25T03:00")) for _ in range(2)]
    deliver(*rows)
    assert fresh(rows[1]).due_at == utc("2026-11-27T13:00")  # 22:00 of the 26th is late again


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
    assert business_hours.waits([fresh(row)], now()) == {}
    fresh(refused).state = MailState.uncertain
    db.session.flush()
    assert business_hours.waits([fresh(row)], now())[row.id].why is WaitReason.daily_cap


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
    a_company(**DAYTIME)
    at(EVENING)
    row = a_mail(expires_at=now() + timedelta(hours=2))
    deliver(row)
    at(fresh(row).due_at)
    deliver(row)
    assert (fresh(row).skip_reason, got(mailbox)) == (SkipReason.expired, 0)


def test_a_whole_claim_is_decided_in_two_queries(session, at):
    a_company(daily_cap=1, **DAYTIME)
    rows = [an_asked(someone(time_zone=zone)) for zone in ("UTC", None, "Asia/Tokyo") * 5]
    rows = [fresh(row) for row in rows]
    for row in rows:
        assert row.contact is not None
    asked = []

    def ask(*said) -> None:
        asked.append(said[2])

    event.listen(db.engine, "before_cursor_execute", ask)
    try:
        assert len(business_hours.waits(rows, now())) == 14
    finally:
        event.remove(db.engine, "before_cursor_execute", ask)
    assert len(asked) <= 2, asked


def of_a_farewell(contact: Contact, **more) -> list[OutboxMessage]:
    """Three late mails of one farewell, written in the order of its protocol."""
    departure = a_departure(contact=contact, responsible=a_member())
    added(Enrolment(departure=departure))
    kinds = (MailKind.thank_you, MailKind.closing_letter, MailKind.survey_invitation)
    an_invitation(departure=departure)
    return [
        a_mail(kind, departure=departure, step=kind.value, **{"due_at": now(), **more})
        for kind in kinds
    ]


def test_what_is_late_goes_one_a_working_day_in_the_order_of_the_protocol(session, mailbox, at):
    a_company(**OFFICE)
    at("2026-11-29T01:41:00Z")  # a Sunday night in Madrid
    rows = of_a_farewell(someone())
    days = []
    for _day in range(4):
        deliver(*reversed(rows))
        days.append([state_of(row).value for row in rows])
        waiting = [fresh(row).due_at for row in rows if state_of(row) is MailState.queued]
        if waiting:
            at(min(waiting))
    assert days == [
        ["queued", "queued", "queued"],
        ["sent", "queued", "queued"],
        ["sent", "sent", "queued"],
        ["sent", "sent", "sent"],
    ]
    ended = [fresh(row).ended_at for row in rows]
    assert ended == [utc(f"2026-{day}T08:00") for day in ("11-30", "12-01", "12-02")]


def test_one_a_day_is_one_to_an_address_whichever_departure_it_is_about(session, mailbox, at):
    first = of_a_farewell(someone())[0]
    second = of_a_farewell(someone(email="ANA@daz.example"))[0]
    deliver(first, second)
    assert (state_of(first), state_of(second)) == (MailState.sent, MailState.queued)
    assert Decision.of(fresh(second).decision).waits[-1].why is WaitReason.one_a_day


def test_what_a_member_sends_now_goes_beside_another_and_takes_the_day(session, mailbox, at):
    thanks, letter, survey = of_a_farewell(someone())
    deliver(thanks)
    letter = fresh(letter)
    letter.context = {"by_hand": True}
    db.session.commit()
    deliver(letter, survey)
    assert [state_of(row).value for row in (thanks, letter, survey)] == ["sent", "sent", "queued"]


def test_waiting_for_its_turn_takes_nothing_off_the_time_that_a_mail_has(session, mailbox, at):
    a_company(**OFFICE)
    at("2026-11-27T09:00:00Z")  # a Friday
    rows = of_a_farewell(someone(), expires_at=now() + timedelta(days=2))
    for _day in range(3):
        deliver(*rows)
        waiting = [fresh(row).due_at for row in rows if state_of(row) is MailState.queued]
        if waiting:
            at(min(waiting))
    assert [state_of(row) for row in rows] == [MailState.sent] * 3  # the last one on Tuesday


def test_a_newsletter_goes_at_the_time_that_was_chosen_and_later_only_in_hours(session, at):
    company = a_company(**OFFICE)
    at("2026-11-29T01:41:00Z")
    outbox.write_issue(
        MailKind.newsletter, {a_contact().id: "es"}, subject="issue:7", due_at=now(), issue_id=7
    )
    row = db.session.scalars(select(OutboxMessage)).one()
    assert business_hours.permitted_at_of(row, now(), company) == now()
    waited = Decision().waiting(WaitReason.ramp_up, now(), now())
    row.decision = as_json(waited)
    assert business_hours.permitted_at_of(row, now(), company) == utc("2026-11-30T08:00")


@pytest.mark.parametrize("kind", [k for k, r in RULES.items() if r.priority is not Priority.urgent])
def test_every_kind_that_answers_no_press_of_the_reader_keeps_the_hours(session, at, kind):
    company, contact = a_company(**OFFICE), a_contact()
    night = utc("2026-11-29T01:41")
    monday = utc("2026-11-30T08:00")
    assert business_hours.permitted_at(kind, contact, night, company) == monday


def test_a_setting_that_changes_while_mails_wait_counts_at_the_next_claim(session, mailbox, at):
    company = a_company(**OFFICE)
    at("2026-11-27T20:00:00Z")
    row = a_mail()
    deliver(row)
    monday = fresh(row).due_at
    company.business_days = "1234"  # Mondays off from now on
    db.session.commit()
    at(monday)
    deliver(row)
    assert state_of(row) is MailState.queued
    assert fresh(row).due_at == monday + timedelta(days=1)
