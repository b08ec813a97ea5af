"""Greetings on their day: once a year, to whom they are for, and never late."""

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from threading import Thread

import pytest
import time_machine
from sqlalchemy import select

from service import scheduler
from service.clock import now
from service.extensions import db
from service.mail.delivery import delivery
from service.mail.policy import conditions, suppressions
from service.mail.policy.greetings import readers_on
from service.mail.rendering.messages import decoded
from service.mail.rendering.rendering import render
from service.models import (
    Circle,
    Client,
    Contact,
    MailKind,
    MailState,
    OutboxMessage,
    Recovery,
    SkipReason,
    SuppressionReason,
    SuppressionScope,
)
from service.newsletters.actions import greetings
from service.newsletters.actions.greetings import Plan
from service.newsletters.queries import greetings as reports
from tests import builders
from tests.explaining import asked, plan_of

DAY = "2026-12-18T10:00:00+01:00"
EARLIER = "2026-12-01T10:00:00+01:00"
STARTED = date(2023, 12, 18)


@pytest.fixture(autouse=True)
def company(session):
    """A company in Madrid."""
    return builders.a_company()


def switched_on(public_id: str = "season", **more) -> None:
    """A greeting that was switched on weeks ago."""
    with time_machine.travel(EARLIER, tick=False):
        greeting = greetings.find(public_id)
        for name, value in more.items():
            setattr(greeting, name, value)
        greetings.switch(greeting, is_on=True)
        db.session.commit()


def a_season_for(readers: int, monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    """A season's greeting that is on, for so many readers, written a `chunk` at a time."""
    monkeypatch.setattr(greetings, "CHUNK", chunk)
    switched_on()
    for _number in range(readers):
        builders.a_contact()
    db.session.commit()


def tick_at(moment: str) -> scheduler.Tally:
    with time_machine.travel(moment, tick=False):
        return scheduler.tick()


def mails() -> list[OutboxMessage]:
    db.session.expire_all()
    return list(db.session.scalars(select(OutboxMessage).order_by(OutboxMessage.id)))


def outcomes() -> Counter:
    return Counter(str(mail.skip_reason or mail.state) for mail in mails())


def test_all_are_off_by_default(session):
    builders.a_contact(birthday="12-18", client=builders.a_client(started_on=STARTED))
    db.session.commit()
    assert [greeting.is_on for greeting in greetings.in_order()] == [False, False, False]
    assert tick_at(DAY).written == 0


def test_a_season_is_wished_once_a_year_however_often_the_clock_ticks(session):
    switched_on()
    builders.a_contact()
    db.session.commit()
    assert tick_at("2026-12-18T09:59:00+01:00").written == 0
    assert tick_at(DAY).written == 1
    assert tick_at(DAY).written == 0
    assert tick_at("2026-12-19T10:00:00+01:00").written == 0
    assert tick_at("2026-12-17T10:00:00+01:00").written == 0  # the clock steps back
    assert tick_at(DAY).written == 0
    assert tick_at("2027-12-18T10:00:00+01:00").written == 1
    first, second = mails()
    assert first.key.endswith("|greeting|greeting:season||2026")
    assert first.priority == 2
    assert first.expires_at - first.due_at == timedelta(days=2)
    assert second.key.endswith("||2027")


def test_two_clocks_at_once_write_each_greeting_once(app, session, monkeypatch):
    a_season_for(8, monkeypatch, chunk=3)
    with time_machine.travel(DAY, tick=False):

        def clock(name: str) -> None:
            with app.app_context():
                for _round in range(3):
                    scheduler.tick(name)

        clocks = [Thread(target=clock, args=[f"clock {number}"]) for number in range(3)]
        for thread in clocks:
            thread.start()
        for thread in clocks:
            thread.join(60)
    assert len(mails()) == len({mail.contact_id for mail in mails()}) == 8


def test_a_round_that_breaks_off_goes_on_without_greeting_anybody_twice(session, monkeypatch):
    a_season_for(5, monkeypatch, chunk=2)
    with time_machine.travel(DAY, tick=False):
        next(greetings.write_due(now()))
        db.session.commit()
    assert len(mails()) == 2
    assert tick_at(DAY).written == 3


def test_a_clock_that_is_told_to_end_leaves_the_rest_to_the_next(session, monkeypatch):
    a_season_for(8, monkeypatch, chunk=3)
    with time_machine.travel(DAY, tick=False):
        assert scheduler.tick(is_stopping=lambda: True).written == 3
        assert scheduler.tick().written == 5


def test_what_a_week_without_the_clock_missed_is_not_sent(session):
    switched_on()
    switched_on("birthday")
    for birthday in ("12-17", "12-18", "12-24", "12-25"):
        builders.a_contact(birthday=birthday)
    db.session.commit()
    tally = tick_at("2026-12-25T12:00:00+01:00")
    assert (tally.written, tally.skipped) == (2, 0)
    assert {mail.contact.birthday for mail in mails()} == {"12-24", "12-25"}


def test_switching_on_after_the_hour_mails_nobody_today(session):
    builders.a_contact()
    with time_machine.travel("2026-12-18T10:30:00+01:00", tick=False):
        greetings.switch(greetings.find("season"), is_on=True)
        db.session.commit()
        assert scheduler.tick().written == 0
    assert tick_at("2026-12-19T09:00:00+01:00").written == 0
    assert tick_at("2027-12-18T10:00:00+01:00").written == 1


@pytest.mark.parametrize(
    ("started_on", "day", "years"),
    [
        (date(2025, 11, 30), "2026-11-30", "one year"),
        (date(2024, 2, 29), "2027-02-28", "3 years"),
        (date(2024, 2, 29), "2028-02-29", "4 years"),
        (date(2024, 8, 31), "2026-08-31", "2 years"),
    ],
)
def test_an_anniversary_says_how_many_years_it_is(session, started_on, day, years):
    with time_machine.travel(f"{day}T01:00:00Z", tick=False):
        greetings.switch(greetings.find("anniversary"), is_on=True)
        builders.a_contact(language="en", client=builders.a_client(started_on=started_on))
        db.session.commit()
    assert tick_at(f"{day}T12:00:00Z").written == 1
    with time_machine.travel(f"{day}T12:00:00Z", tick=False):
        mail = render(mails()[0])
    assert mail.subject == f"We began {years} ago"
    assert f"On a day like today, {years} ago" in decoded(mail.text)


def test_an_anniversary_begins_with_the_first_year_and_on_no_other_day(session):
    switched_on("anniversary")
    for start in (date(2026, 12, 18), date(2020, 12, 19), None):
        builders.a_contact(client=builders.a_client(started_on=start))
    db.session.commit()
    assert tick_at(DAY).written == 0


def test_the_day_of_an_anniversary_follows_when_the_start_is_put_right(session):
    client = builders.a_client(started_on=date(2020, 1, 1))
    client.started_on = STARTED
    db.session.flush()
    assert client.started_day == "12-18"
    client.started_on = None
    assert client.started_day is None
    db.session.execute(
        Client.__table__.insert(), [{"name": "a", "name_key": "a", "started_on": STARTED}]
    )
    assert db.session.scalar(select(Client.started_day).where(Client.name == "a")) == "12-18"


def everybody(at: datetime) -> None:
    """One contact for each reason not to be greeted, and two who are."""
    today = at.date()
    builders.a_contact(email="a@b.example")
    builders.a_contact(left_on=today - timedelta(days=30))
    builders.a_contact(left_on=today - timedelta(days=29))
    builders.a_contact(left_on=today + timedelta(days=9))
    builders.a_contact(keep_in_touch=False)
    builders.a_contact(greetings=False)
    builders.a_contact(left_on=today - timedelta(days=800))
    builders.a_contact(left_on=today - timedelta(days=800), greetings_consent_at=at)
    dead = builders.a_contact()
    suppressions.add(dead.email, SuppressionReason.hard_bounce, scope=SuppressionScope.everything)
    failed = builders.a_contact()
    departure = builders.a_departure(contact=failed)
    builders.added(Recovery(departure=departure, opened_at=at))
    builders.a_contact(client=builders.a_client(is_sample=True))
    builders.a_contact(email="a@b.example")  # the same person at another client
    db.session.commit()


def test_who_gets_none_is_written_with_the_reason_that_the_page_had_counted(session):
    at = datetime.fromisoformat(DAY).astimezone(UTC)
    everybody(at)
    switched_on()
    told = reports.summary(greetings.find("season"), at)
    one_by_one = reports.verdicts(greetings.find("season"), at)
    tick_at(DAY)
    assert outcomes() == {
        "queued": 3,
        "left_recently": 2,
        "keep_in_touch_off": 1,
        "no_consent": 1,
        "basis_ended": 1,
        "suppressed": 1,
        "recovery_open": 1,
    }
    assert one_by_one == [(mail.contact_id, mail.skip_reason) for mail in mails()]
    assert told.going == 3
    assert {reason.value: count for reason, count in told.reasons} == {
        why: count for why, count in outcomes().items() if why != "queued"
    }


@pytest.mark.parametrize(("circle", "count"), [("both", 2), ("clients", 1), ("former", 1)])
def test_it_goes_to_those_who_were_chosen(session, circle, count):
    builders.a_contact()
    builders.a_contact(left_on=date(2026, 6, 1))
    switched_on(circle=Circle(circle))
    assert tick_at(DAY).written == count


@pytest.mark.parametrize("public_id", ["season", "anniversary", "birthday"])
def test_the_number_of_queries_does_not_grow_with_the_readers(session, public_id):
    switched_on(public_id)
    for number in range(20):
        client = builders.a_client(started_on=STARTED)
        client.responsible_id = builders.a_member().id
        builders.a_contact(client=client, birthday="12-18", keep_in_touch=number % 3 > 0)
    db.session.commit()
    db.session.expunge_all()
    with time_machine.travel(DAY, tick=False), asked() as statements:
        written = [row for some in greetings.write_due(now()) for row in some]
    assert len(written) == 20
    assert len(statements) <= 12


@pytest.mark.parametrize(
    ("public_id", "index"),
    [("anniversary", "ix_clients_started_day"), ("birthday", "ix_contacts_birthday")],
)
def test_those_whose_day_it_is_are_found_by_an_index(session, public_id, index):
    greeting = greetings.find(public_id)
    with asked() as statements:
        db.session.scalars(readers_on(greeting, date(2027, 2, 28))).all()
    assert index in plan_of(*statements[-1])


def test_a_written_greeting_stays_here_when_it_is_switched_off_or_things_go_wrong(session):
    switched_on()
    contacts = [builders.a_contact() for _number in range(3)]
    db.session.commit()
    tick_at(DAY)
    departure = builders.a_departure(contact=contacts[0])
    builders.added(Recovery(departure=departure, opened_at=now()))
    contacts[1].left_on = date(2026, 12, 18)
    db.session.flush()
    at = datetime.fromisoformat(DAY)
    found = conditions.reasons(mails(), at)
    assert list(found.values()) == [SkipReason.recovery_open, SkipReason.left_recently]
    greetings.switch(greetings.find("season"), is_on=False)
    assert set(conditions.reasons(mails(), at).values()) == {SkipReason.by_provider}


def test_it_goes_out_in_the_language_of_each_with_the_way_out(session, mailbox):
    switched_on("birthday")
    for language in ("es", "en"):
        name = {"es": "Íñigo <b>Peña</b>", "en": "{{ 7*7 }} O’Hara"}[language]
        builders.a_contact(name=name, language=language, birthday="12-18")
    db.session.commit()
    with time_machine.travel(DAY, tick=False):
        scheduler.tick()
        delivery.deliver([mail.id for mail in mails()])
    assert outcomes() == {"sent": 2}
    got = {str(mail.message["Subject"]): mail.message for mail in mailbox.messages()}
    assert "Happy birthday, {{" in got
    for message in got.values():
        assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert "purpose=greetings" in message["List-Unsubscribe"].replace("\n ", "")
        assert "<b>" not in message.get_body(("html",)).get_content()


def test_one_that_waits_too_long_is_not_sent(session):
    switched_on()
    builders.a_contact()
    db.session.commit()
    tick_at(DAY)
    at = datetime.fromisoformat(DAY)
    assert conditions.reasons(mails(), at + timedelta(days=1)) == {}
    late = conditions.reasons(mails(), at + timedelta(days=2))
    assert list(late.values()) == [SkipReason.expired]


def test_a_rehearsal_tells_of_it_and_writes_nothing(session):
    switched_on()
    builders.a_contact(name="Ana", client=builders.a_client(name="Ría"))
    db.session.commit()
    found = scheduler.rehearse(datetime.fromisoformat(DAY).astimezone(UTC))
    assert [(mail.kind, mail.to) for mail in found] == [(MailKind.greeting, "× 1")]
    assert mails() == []


def test_one_of_ones_own_is_another_greeting_in_the_same_year(session):
    own = greetings.add(Plan(time(9), Circle.both, "Verano", "07-31"))
    greetings.switch(own, is_on=True)
    own.done_on = None
    builders.a_contact()
    db.session.commit()
    switched_on()
    assert tick_at("2027-07-31T12:00:00+02:00").written == 1
    assert tick_at("2027-12-18T12:00:00+01:00").written == 1
    assert all(mail.state is MailState.queued for mail in mails())


def test_the_clock_changes_no_version_so_nobody_is_told_of_a_change(session):
    switched_on()
    builders.a_contact()
    db.session.commit()
    was = greetings.find("season").version
    tick_at(DAY)
    db.session.expire_all()
    found = greetings.find("season")
    assert (found.version, found.done_on) == (was, date(2026, 12, 18))


def test_a_year_is_never_kept_with_a_birthday(session):
    assert Contact.__table__.c.birthday.type.length == 5
