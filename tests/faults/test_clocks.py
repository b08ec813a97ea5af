"""Clocks that are wrong, that are moved, or that were down for a week: each step goes once."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select

from service.database import reading
from service.departures.actions import departures
from service.departures.actions.departures import Facts
from service.extensions import db
from service.models import MailState, OutboxMessage, SkipReason
from tests.builders import a_company, a_contact
from tests.faults.installs import Install, an_install, states
from tests.faults.people import comments, invited
from tests.mail.deliveries import mails
from tests.mail.scripted_process import scripted_process
from tests.processes import private_directory
from tests.supervised import Wall

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# The day of the change, and when it is ten o'clock in Madrid on it, 3 and 7 days later.
CHANGES = {
    date(2026, 3, 29): ("2026-03-29T08:00", "2026-04-01T08:00", "2026-04-05T08:00"),
    date(2026, 10, 25): ("2026-10-25T09:00", "2026-10-28T09:00", "2026-11-01T09:00"),
}
STEPS = ("survey_invitation", "survey_reminder_1", "survey_reminder_2")


def utc(moment: str) -> datetime:
    return datetime.fromisoformat(moment).replace(tzinfo=UTC)


def a_departure_that_ended_on(day: date, install: Install) -> None:
    """Record a departure by the clock on the wall."""
    with install.wall.seen_here():
        departures.record(a_contact(), Facts(service="SEO", end_on=day))
        db.session.commit()


def steps() -> Counter[tuple[str | None, MailState, SkipReason | None]]:
    """Return how often each step was decided, and how."""
    query = select(OutboxMessage.step, OutboxMessage.state, OutboxMessage.skip_reason)
    with reading():
        found = Counter(tuple(row) for row in db.session.execute(query))
        db.session.rollback()
    return found


def sent(step: str) -> list[datetime]:
    """Return when the mails of a step went."""
    query = select(OutboxMessage.ended_at).where(
        OutboxMessage.step == step, OutboxMessage.state == MailState.sent
    )
    with reading():
        found = list(db.session.scalars(query.order_by(OutboxMessage.ended_at)))
        db.session.rollback()
    return found


@pytest.mark.usefixtures("session")
def test_each_step_goes_once_at_its_hour_across_both_changes_of_the_clocks(settings):
    a_company(time_zone="Europe/Madrid")
    db.session.commit()
    with scripted_process() as smtp, an_install(settings, smtp.port) as install:
        install.wall.move_to(utc("2026-03-27T12:00"))
        install.tick()
        install.work()
        install.until_ready()
        for number, (day, moments) in enumerate(CHANGES.items(), 1):
            install.wall.move_to(utc(moments[0]) - 2 * DAY)
            a_departure_that_ended_on(day - DAY, install)
            install.wall.move_to(utc(moments[0]) - DAY)
            install.tick_here()
            install.until(lambda n=number: len(sent("thank_you")) == n, "the thank-you goes")
            for step, moment in zip(STEPS, map(utc, moments), strict=True):
                install.wall.move_to(moment - timedelta(seconds=90))
                install.tick_here()
                assert len(sent(step)) == number - 1, f"{step} waits for its hour"
                install.wall.move_to(moment + timedelta(seconds=1))
                install.tick_here()
                install.until(lambda s=step, n=number: len(sent(s)) == n, f"{step} goes")
                assert moment <= sent(step)[-1] < moment + timedelta(minutes=5)
        install.until_all_ended()
        decided = steps()  # the wall stood still from April to October, so one door_open-1m expired
        assert decided.pop(("door_open-1m", MailState.skipped, SkipReason.expired)) == 1
        assert decided.pop(("door_open-6m", MailState.sent, None)) == 1
        assert set(decided.values()) == {2}
        assert set(smtp.taken().values()) == {1}
        assert smtp.taken().total() == states()[MailState.sent] == 2 * (1 + len(STEPS)) + 1


@pytest.mark.usefixtures("session")
def test_after_a_week_of_downtime_each_step_goes_once_or_expires_with_its_reason(settings):
    a_company(time_zone="Europe/Madrid")
    with scripted_process() as smtp, an_install(settings, smtp.port) as install:
        install.wall.move_to(utc("2026-10-20T12:00"))
        a_departure_that_ended_on(date(2026, 10, 19), install)
        install.tick()
        install.work()
        install.until(lambda: len(sent("thank_you")) == 1, "the thank-you goes")
        install.wall.move(DAY)
        install.tick_here()
        install.until(lambda: states() == {MailState.sent: 2}, "on the day after it the invitation")
        install.end()
        install.wall.move(8 * DAY)
        install.until(lambda: states()[MailState.sent] == 3, "after the outage a reminder goes")
        install.until_all_ended()
        assert steps() == {
            ("thank_you", MailState.sent, None): 1,
            ("survey_invitation", MailState.sent, None): 1,
            ("survey_reminder_1", MailState.skipped, SkipReason.expired): 1,
            ("survey_reminder_2", MailState.sent, None): 1,
        }
        assert sorted(smtp.taken().values()) == [1, 1, 1]


@pytest.mark.usefixtures("session")
def test_machines_whose_clocks_are_an_hour_a_day_or_a_step_off_send_each_mail_once(settings):
    with (
        scripted_process(RCPT=0.03, body=0.06) as smtp,
        an_install(settings, smtp.port) as install,
        private_directory() as one,
        private_directory() as two,
    ):  # ticks come when nobody works: one amid a mail of another day would leave it in doubt
        install.work()
        install.work(wall=Wall(one, HOUR))
        install.work(wall=Wall(two, DAY))
        mails(15)
        install.until_all_ended()
        mails(15)
        install.until(lambda: smtp.taken().total() >= 17, "some more mails go")
        install.wall.move(-DAY)
        install.until_all_ended(within=26 * HOUR, step=HOUR)
        assert states() == {MailState.sent: 30}
        assert smtp.taken().total() == len(smtp.taken()) == 30


def test_links_stay_good_when_the_clock_steps_back(settings, session):
    (person,) = invited(1)
    with an_install(settings, mail_port=1) as install:
        install.wall.move(-DAY)
        install.serve()
        assert person.opens(install.url).status == 200
        thanks = person.answers(install.url)
        assert thanks.status == 303
        assert person.opens(install.url, thanks.location).status == 200
    assert comments() == [person.words]
