"""What is foretold: what the clock then does, and what the page and the command say alike."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
import time_machine
from sqlalchemy import select, update

from service import scheduler
from service.clock import now
from service.deliveries.queries import forecast
from service.deliveries.queries.forecast import Query
from service.departures.actions import departures
from service.departures.actions.departures import Facts
from service.extensions import db
from service.labels import why_not
from service.mail.policy import suppressions
from service.models import Audience, MailKind, MailState, OutboxMessage, SuppressionReason
from service.models.audiences import Who
from service.models.outbox import SkipReason
from service.newsletters.actions import newsletters
from service.newsletters.rules import Frequency
from service.protocols.queries.reasons import Known
from tests import builders
from tests.explaining import asked
from tests.rounds import a_round

RECORDED = "2026-11-02T12:00:00Z"
A_YEAR_ON = datetime(2027, 11, 2, 12, tzinfo=UTC)


@pytest.fixture
def a_farewell(session):
    """A departure that ends on 20 November, recorded on the 2nd, company in Madrid."""
    builders.a_company(language="en")
    with time_machine.travel(RECORDED, tick=False):
        contact = builders.a_contact(name="Ana", email="ana@ruy.example")
        departure = departures.record(contact, Facts(service="SEO", end_on=date(2026, 11, 20)))
        db.session.commit()
    return departure


def told() -> list[tuple[str, str, SkipReason | None]]:
    """What is foretold as of now for the year: step, moment, reason."""
    return [
        (line.foretold[1].step.name, f"{line.at:%Y-%m-%d %H:%M}", line.reason)
        for line in forecast.coming_mails(now(), A_YEAR_ON)
        if line.foretold
    ]


def happens_until(end: datetime) -> list[tuple[str, str, SkipReason | None]]:
    """Let the clock run hour by hour, each mail going as it is written; what came of it."""
    with time_machine.travel(now(), tick=False) as clock:
        while now() < end:
            a_round()
            gone = OutboxMessage.state == MailState.queued
            values = {"state": MailState.sent, "ended_at": now()}
            db.session.execute(update(OutboxMessage).where(gone).values(values))
            db.session.commit()
            due = db.session.scalar(select(forecast.Enrolment.next_at))
            clock.move_to(min(max(due, now() + timedelta(hours=1)), end) if due else end)
    rows = db.session.scalars(select(OutboxMessage).order_by(OutboxMessage.due_at))
    return [(row.step, f"{row.ended_at:%Y-%m-%d %H:%M}", row.skip_reason) for row in rows]


def test_what_is_foretold_is_what_the_clock_then_does(a_farewell):
    with time_machine.travel(RECORDED, tick=False):
        foretold = told()
        assert foretold == happens_until(A_YEAR_ON)

    assert [step for step, _at, _why in foretold] == [
        "thank_you",
        "survey_invitation",
        "survey_reminder_1",
        "survey_reminder_2",
        "door_open-1m",
        "door_open-6m",
    ]
    assert foretold[2][1] == "2026-11-24 09:00"  # 10 o'clock in Madrid, three days after the survey
    assert foretold[5][1] == "2027-05-20 08:00"  # in summer time


def test_the_page_and_the_command_tell_the_same_for_the_same_moment(a_farewell):
    until = datetime(2026, 11, 30, tzinfo=UTC)
    with time_machine.travel(RECORDED, tick=False):
        of_the_page = [
            (x.kind, x.contact.name, x.reason) for x in forecast.coming_mails(now(), until)
        ]
        of_the_command = [
            (mail.kind, mail.to.partition(" <")[0], mail.reason)
            for mail in scheduler.rehearse(until)
        ]

    assert of_the_page == of_the_command
    assert len(of_the_page) == 4
    assert db.session.scalar(select(OutboxMessage.id)) is None


def test_what_is_due_now_is_told_as_the_round_itself_does(a_farewell):
    with time_machine.travel("2026-11-21T12:00:00Z", tick=False):
        of_the_round = {(mail.kind, mail.reason) for mail in scheduler.rehearse(now())}
        assert {
            (line.kind, line.reason) for line in forecast.coming_mails(now(), now())
        } == of_the_round


def test_a_dead_address_gets_nothing_and_what_follows_it_has_no_day(a_farewell):
    suppressions.add("ana@ruy.example", SuppressionReason.unsubscribed)
    db.session.commit()
    with time_machine.travel(RECORDED, tick=False):
        foretold = told()
        assert foretold == happens_until(A_YEAR_ON)

    assert foretold[0][2] is None  # what is owed goes
    assert {why for _step, _at, why in foretold[1:]} == {SkipReason.suppressed}


def test_business_hours_move_what_goes(a_farewell):
    builders.db.session.get(forecast.current.company().__class__, 1).business_from = time(16)
    builders.db.session.get(forecast.current.company().__class__, 1).business_until = time(20)
    db.session.commit()
    with time_machine.travel(RECORDED, tick=False):
        line = forecast.coming_mails(now(), A_YEAR_ON)[0]
        assert f"{line.at:%H:%M}" == "15:00"
        assert any("business hours" in sentence for sentence in forecast.why(line, Known()))


def test_each_line_says_what_decides_it(app, a_farewell):
    with time_machine.travel(RECORDED, tick=False), app.test_request_context():
        found = forecast.coming_mails(now(), A_YEAR_ON)
        survey, reminder = forecast.why(found[1], Known()), forecast.why(found[2], Known())

    assert "Counts from the end date, Nov 20, 2026." in survey[0]
    assert "1 day later, at 10:00" in survey[1]
    assert "3 days after the mail “Survey”: on Nov 24, 2026." in reminder
    assert "✓ Only while the survey is unanswered." in reminder
    assert "This takes it that the mail before goes on its day." in reminder


def test_a_mail_that_does_not_go_says_why(app, a_farewell):
    a_farewell.contact.keep_in_touch = False
    db.session.commit()
    with time_machine.travel(RECORDED, tick=False), app.test_request_context():
        found = forecast.coming_mails(now(), A_YEAR_ON, Query(kind=MailKind.door_open))
        assert [line.reason for line in found] == [SkipReason.keep_in_touch_off] * 2
        assert forecast.why(found[0], Known())[-1] == why_not(SkipReason.keep_in_touch_off)


def test_a_mail_that_is_written_and_waits_stands_there_with_what_follows_it(a_farewell):
    with time_machine.travel("2026-11-21T12:00:00Z", tick=False):
        a_round()
        found = forecast.coming_mails(now(), A_YEAR_ON)

    assert found[0].mail.kind is MailKind.survey_invitation
    assert found[1].foretold[1].step.name == "survey_reminder_1"
    assert found[1].foretold[1].is_assumed


def test_many_departures_cost_no_more_queries_than_few(session):
    builders.a_company()
    with time_machine.travel(RECORDED, tick=False):
        counts = []
        for more in (3, 30):
            for _number in range(more):
                facts = Facts(service="SEO", end_on=date(2026, 11, 20))
                departures.record(builders.a_contact(), facts)
            db.session.commit()
            db.session.expunge_all()
            with asked() as statements:
                assert forecast.coming_mails(now(), A_YEAR_ON)
            counts.append(len(statements))

    assert counts[0] == counts[1]


def test_a_newsletter_stands_on_each_of_its_days_with_how_many_would_get_it(session):
    builders.a_company()
    marta = builders.a_member()
    builders.a_contact()
    with time_machine.travel("2026-11-02T12:00:00Z", tick=False):
        newsletter = newsletters.create("Spring", marta)
        newsletter.texts = {"es": {"subject": "Hola", "body": "Hola"}}
        newsletter.audience = Audience(who=Who.all).as_json()
        db.session.flush()
        first = datetime.fromisoformat("2026-12-01T10:00")
        newsletters.schedule(newsletter, first, Frequency.monthly, by=marta, was=newsletter.version)
        until = datetime(2027, 4, 1, 12, tzinfo=UTC)
        found = forecast.coming_mails(now(), until, forecast.Query(kind=MailKind.newsletter))
        assert [(f"{line.at:%FT%R}", line.people) for line in found] == [
            ("2026-12-01T09:00", 1),
            ("2027-01-01T09:00", 1),
            ("2027-02-01T09:00", 1),
            ("2027-03-01T09:00", 1),
            ("2027-04-01T08:00", 1),  # summer
        ]
        assert forecast.coming_mails(now(), until, forecast.Query(q="nobody")) == []
