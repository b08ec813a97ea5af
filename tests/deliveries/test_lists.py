"""Lists of mails: what stands where, what filters find, how little of the outbox is read."""

from datetime import date, timedelta

import pytest
import time_machine

from service.clock import now
from service.deliveries.queries import deliveries
from service.deliveries.queries.deliveries import LISTS, TABS, Query
from service.extensions import db
from service.mail import outbox
from service.mail.decision import Skip
from service.models import MailKind, MailState, Outcome, Priority, SkipReason
from tests.builders import a_client, a_contact, a_member
from tests.explaining import asked, plan_of
from tests.mail.rows import a_month_of_mails, a_row, ago, some_mails


def asking(**more) -> Query:
    """What an address asks for, in Madrid."""
    return Query(moment=now(), zone="Europe/Madrid", **more)


def listed(**more) -> list[int]:
    """The ids on the page."""
    return [mail.id for mail in deliveries.page(asking(**more)).mails.lines]


STATES = {
    MailState.queued: "waiting",
    MailState.sending: "waiting",
    MailState.sent: "sent",
    MailState.failed: "troubled",
    MailState.uncertain: "troubled",
    MailState.skipped: "skipped",
    MailState.cancelled: "skipped",
    MailState.held: "held",
}


def test_every_mail_stands_in_the_tab_of_its_state_and_is_counted_there(session):
    rows = {state: a_row(state, due_at=now() + timedelta(days=1)).id for state in MailState}
    for tab in TABS:
        expected = {rows[state] for state, name in STATES.items() if name == tab}
        assert set(listed(state=tab)) == expected, tab
    counts = deliveries.counts(asking())
    assert counts == {
        "troubled": 2,
        "due": 0,
        "waiting": 2,
        "sent": 1,
        "back": 0,
        "skipped": 2,
        "held": 1,
    }


def test_due_is_what_should_have_gone_the_oldest_first_whatever_its_priority(session):
    newer = a_row(MailState.queued, due_at=ago(minutes=1), priority=Priority.urgent)
    older = a_row(MailState.queued, due_at=ago(minutes=9), priority=Priority.bulk)
    a_row(MailState.queued, due_at=now() + timedelta(minutes=1))
    assert listed(state="due") == [older.id, newer.id]


def test_what_came_back_is_listed_by_when_it_did(session):
    first = a_row(MailState.sent, outcome=Outcome.complained, outcome_at=ago(hours=5))
    second = a_row(MailState.failed, outcome=Outcome.hard_bounced, outcome_at=ago(hours=1))
    a_row(MailState.sent, outcome=Outcome.delivered, outcome_at=now())
    assert listed(state="back") == [second.id, first.id]
    assert listed(state="back", hours=2) == [second.id]


def test_the_order_can_be_turned_round(session):
    old, new = (a_row(MailState.sent, ended_at=ago(hours=hours)).id for hours in (9, 1))
    assert listed(state="sent") == listed(state="sent", sort="-when") == [new, old]
    assert listed(state="sent", sort="when") == [old, new]


def test_days_are_those_of_the_company_and_both_count(session):
    with time_machine.travel("2026-11-20T23:30:00Z", tick=False):  # the 21st in Madrid
        row = a_row(MailState.sent, ended_at=now())
    day = date(2026, 11, 21)
    assert listed(state="sent", since=day, until=day) == [row.id]
    assert listed(state="sent", until=date(2026, 11, 20)) == []
    assert listed(state="sent", since=date(2026, 11, 22)) == []


def test_a_kind_narrows_any_list(session):
    survey = a_row(MailState.failed, kind=MailKind.survey_invitation)
    a_row(MailState.failed)
    assert listed(kind=MailKind.survey_invitation) == [survey.id]


@pytest.mark.parametrize("words", ["núñez", "PANADERÍA", "ana@pan", "  ana   núñez "])
def test_people_are_found_by_name_address_and_client(session, words):
    baker = a_contact(
        name="Ana Núñez", email="ana@pan.example", client=a_client(name="Panadería Sol")
    )
    row = a_row(MailState.sent, contact=baker)
    a_row(MailState.sent)
    assert listed(state="sent", q=words) == [row.id]
    assert listed(state="troubled", q=words) == []


def test_mails_to_the_team_are_found_too(session):
    member = a_member(name="Marta Ruiz")
    mail = outbox.write(
        MailKind.test_mail, member, subject="x", refused=Skip(SkipReason.by_provider)
    )
    assert listed(state="skipped", q="marta") == [mail.id]


def test_signs_of_the_database_mean_themselves(session):
    a_row(MailState.sent, contact=a_contact(name="Ana"))
    assert listed(state="sent", q="%") == listed(state="sent", q="_na") == []


def test_pages_hold_fifty_and_past_the_last_comes_the_last(session):
    some_mails(53, MailState.sent)
    found = deliveries.page(asking(state="sent", page=9))
    assert (found.mails.page, found.mails.pages, found.mails.count) == (2, 2, 53)
    assert len(found.mails.lines) == 3


def test_what_can_be_sent_again_leaves_dead_addresses_out(session):
    failed = a_row(MailState.failed)
    a_row(MailState.failed, outcome=Outcome.hard_bounced, outcome_at=now())
    a_row(MailState.uncertain)
    a_row(MailState.sent)
    assert db.session.scalars(deliveries.failed(asking())).all() == [failed.id]
    assert deliveries.page(asking()).again == 1
    for other in ("uncertain", "sent", "waiting"):
        assert deliveries.page(asking(state=other)).again == 0


def test_a_kind_among_very_many_is_looked_for_in_the_latest_and_that_is_said(session, monkeypatch):
    monkeypatch.setattr(deliveries, "LOOKED_THROUGH", 5)
    a_row(MailState.sent, kind=MailKind.test_mail, ended_at=ago(days=9))
    some_mails(5, MailState.sent)
    found = deliveries.page(asking(state="sent", kind=MailKind.test_mail))
    assert (found.mails.count, found.is_cut) == (0, True)
    day = (now() - timedelta(days=9)).date()
    found = deliveries.page(
        asking(state="sent", kind=MailKind.test_mail, until=day + timedelta(days=1))
    )
    assert (found.mails.count, found.is_cut) == (1, False)


def test_a_page_costs_a_few_queries_and_scans_no_table(session):
    a_month_of_mails()
    for state in LISTS:
        session.expunge_all()
        with asked() as statements:
            for mail in deliveries.page(asking(state=state)).mails.lines:
                assert mail.contact.client.name
            deliveries.counts(asking())
        assert len(statements) <= 5
        for statement in statements:
            plan = plan_of(*statement)
            assert "SCAN outbox" not in plan, plan
            assert "Seq Scan on outbox" not in plan, plan
