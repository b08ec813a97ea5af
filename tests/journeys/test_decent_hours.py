"""Every path that sends, at hours at which nobody wants a mail: nothing goes then, all goes later.

The clock's rounds and the workers' deliveries are the real ones, and so is the SMTP server; only
the time is moved.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from sqlalchemy import func, select

from service import scheduler
from service.clock import now
from service.departures.actions import departures, returns
from service.departures.actions.departures import Facts
from service.extensions import db
from service.mail import outbox
from service.mail.delivery import delivery
from service.mail.kinds import RULES
from service.models import (
    Departure,
    Enrolment,
    EnrolmentState,
    Greeting,
    MailKind,
    MailState,
    Occasion,
    OutboxMessage,
    Priority,
    ReturnReason,
    Stage,
    Testimonial,
    TestimonialState,
)
from service.protocols import jobs as advancing
from service.protocols.actions import enrolments, progress
from tests import builders
from tests.any_hour import OFFICE

MADRID = ZoneInfo("Europe/Madrid")
NIGHTS = [
    "2026-11-29T02:41",  # a Sunday
    "2026-12-08T12:00",  # a public holiday
    "2026-03-29T02:10",  # the hour that a clock leaves out
    "2026-10-25T02:41",  # and the one that comes twice
    "2026-11-27T23:59",  # before a weekend
]
BIRTHDAY = "birthday"
A_MINUTE = timedelta(minutes=1)


def there(text: str, zone: ZoneInfo = MADRID) -> datetime:
    """The moment, in UTC, at which the clocks of a zone show this."""
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


def a_departure(**more) -> Departure:
    """A departure that was recorded in the week before, and whose mails until now are done."""
    day = now().date()
    facts = Facts("SEO", day - timedelta(days=9), day + timedelta(days=60))
    departure = departures.record(builders.a_contact(**more), facts)
    for name in ("thank_you",):
        enrolments.skip(departure, name, builders.a_member())
    return departure


def recorded() -> None:
    """A departure that is recorded late, with two mails owed."""
    day = now().date()
    ended = day - timedelta(days=2)
    departures.record(builders.a_contact(), Facts("SEO", ended, ended))


def closed() -> None:
    departure = a_departure()
    departures.move(departure, Stage.closed, was=departure.stage, by=builders.a_member())


def came_back() -> None:
    departure = a_departure()
    facts = returns.Facts(now().date(), ReturnReason.our_contact)
    returns.record(departure, facts, was=departure.stage, by=builders.a_member())


def resumed() -> None:
    departure = a_departure()
    member = builders.a_member()
    enrolments.stop(departure, member)
    departures.move(departure, Stage.closed, was=departure.stage, by=member)
    enrolments.resume(departure, member)


def stage_undone() -> None:
    """Somebody pressed "stayed" by mistake, and takes it back."""
    departure = a_departure()
    member = builders.a_member()
    departures.move(departure, Stage.retained, was=departure.stage, by=member)
    departures.move(departure, Stage.closed, was=Stage.retained, by=member)


def put_on_another_protocol() -> None:
    departure = a_departure()
    other = builders.a_protocol()
    departures.move(departure, Stage.closed, was=departure.stage, by=builders.a_member())
    enrolments.put_on(departure, other, builders.a_member())


def words_made_shorter() -> None:
    departure = a_departure()
    db.session.add(
        Testimonial(
            departure=departure,
            language="es",
            quote="Trabajan muy bien y con cariño.",
            edited_quote="Trabajan muy bien.",
            display_name="Ana",
            state=TestimonialState.approved,
        )
    )
    subject = f"departure:{departure.id}"
    outbox.write(MailKind.testimonial_edit, departure.contact, subject=subject, departure=departure)


PATHS: list[Callable[[], None]] = [
    recorded,
    closed,
    came_back,
    resumed,
    stage_undone,
    put_on_another_protocol,
    words_made_shorter,
]


def a_round() -> None:
    """What the clock and the workers do in a minute, until nothing is due."""
    assert scheduler.tick() is not None
    advancing.advance_all()
    db.session.commit()
    due = select(OutboxMessage.id).where(
        OutboxMessage.state == MailState.queued, OutboxMessage.due_at <= now()
    )
    ids = list(db.session.scalars(due))
    db.session.rollback()
    if ids:
        delivery.deliver(ids)


def live(clock: time_machine.Traveller, span: timedelta) -> None:
    """Let time pass, with a round whenever the clock has something to do, and each morning."""
    ends = now() + span
    while True:
        asked_at = db.session.scalar(
            select(func.min(Enrolment.next_at)).where(Enrolment.state == EnrolmentState.active)
        )
        due_at = db.session.scalar(
            select(func.min(OutboxMessage.due_at)).where(OutboxMessage.state == MailState.queued)
        )
        db.session.rollback()
        tomorrow = now().astimezone(MADRID).date() + timedelta(days=1)
        moments = [asked_at, due_at, datetime.combine(tomorrow, time(10), MADRID)]
        clock.move_to(max(min(moment for moment in moments if moment), now() + A_MINUTE))
        if now() > ends:
            return
        a_round()


def gone() -> list[tuple[int, str, datetime]]:
    """The mails that clients got: whose, which, and when by the clock in Madrid."""
    query = select(OutboxMessage).where(
        OutboxMessage.state == MailState.sent, OutboxMessage.contact_id.is_not(None)
    )
    rows = db.session.scalars(query.order_by(OutboxMessage.ended_at, OutboxMessage.id)).all()
    return [(row.contact_id, row.kind.value, row.ended_at.astimezone(MADRID)) for row in rows]


@pytest.fixture
def office(session) -> None:
    """A company with the hours that one in Madrid begins with."""
    builders.a_company(**OFFICE)


@pytest.mark.parametrize("night", NIGHTS)
@pytest.mark.parametrize("path", PATHS)
def test_nothing_goes_at_that_hour_and_everything_later_once_and_in_order(
    office, mailbox, path, night
):
    with time_machine.travel(there(night), tick=False) as clock:
        path()
        db.session.commit()
        a_round()
        assert mailbox.messages() == []

        live(clock, timedelta(days=12))
        found = gone()

    assert found
    to_clients = [mail for mail in mailbox.messages() if "@norte.example" not in mail.rcpt_tos[0]]
    assert len(to_clients) == len(found)
    for _contact, _kind, at in found:
        assert 9 <= at.hour < 19, found
        assert at.weekday() < 5, found
        assert at.date() not in {date(2026, 12, 7), date(2026, 12, 8), date(2026, 4, 2)}, found
    days = [(contact, at.date()) for contact, _kind, at in found]
    assert len(days) == len(set(days)), found
    kinds = [(contact, kind) for contact, kind, _at in found]
    assert len(kinds) == len(set(kinds)), found


def test_what_answers_a_press_of_the_readers_own_goes_at_once(office, mailbox):
    with time_machine.travel(there("2026-11-29T02:41"), tick=False):
        departure = builders.a_response().departure
        for kind in (MailKind.survey_resume, MailKind.answer_received):
            subject = f"departure:{departure.id}"
            outbox.write(kind, departure.contact, subject=subject, departure=departure)
        db.session.commit()
        a_round()
    assert len(mailbox.messages()) == 2


def test_the_kinds_that_go_at_any_hour_are_those_that_somebody_waits_for():
    at_once = {kind for kind, rules in RULES.items() if rules.priority is Priority.urgent}
    to_team = {kind for kind, rules in RULES.items() if rules.to_team}
    asked_for = {MailKind.survey_resume, MailKind.answer_received, MailKind.testimonial_link}
    assert at_once == to_team | asked_for


def test_what_a_member_sends_now_goes_now(office, mailbox):
    with time_machine.travel(there("2026-11-29T02:41"), tick=False):
        departure = a_departure()
        enrolments.send_now(departure, "survey_invitation", builders.a_member())
        db.session.commit()
        a_round()
    assert len(mailbox.messages()) == 1


def test_a_birthday_on_a_sunday_is_wished_on_the_friday_before_it_in_true_words(office, mailbox):
    db.session.add(
        Greeting(public_id=BIRTHDAY, occasion=Occasion.birthday, is_on=True, done_on=None)
    )
    builders.a_contact(birthday="11-29", language="en")
    db.session.commit()
    with time_machine.travel(there("2026-11-27T09:30"), tick=False) as clock:
        a_round()
        assert mailbox.messages() == []
        clock.move_to(there("2026-11-27T10:00"))
        a_round()
        (mail,) = mailbox.messages()
        assert b"It is your birthday around these days" in mail.raw
        live(clock, timedelta(days=5))
    assert len(mailbox.messages()) == 1


def test_a_contact_in_tokyo_gets_it_in_the_morning_there(office, mailbox):
    tokyo = ZoneInfo("Asia/Tokyo")
    with time_machine.travel(there("2026-11-27T18:00"), tick=False) as clock:
        departure = a_departure(time_zone=tokyo.key)
        departures.move(departure, Stage.closed, was=departure.stage, by=builders.a_member())
        db.session.commit()
        progress.advance_one(departure)
        db.session.commit()
        live(clock, timedelta(days=4))
    (at,) = [at for _contact, kind, at in gone() if kind == "closing_letter"]
    assert at.astimezone(tokyo).isoformat(timespec="minutes") == "2026-11-30T09:00+09:00"
