"""What decided about a mail stands on its row, written in the statement that decides."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest
import time_machine
from sqlalchemy import update

from service.clock import now
from service.extensions import db
from service.mail import outbox
from service.mail.decision import (
    Decision,
    Did,
    Hand,
    Skip,
    Waited,
    as_json,
    each_of,
    with_hand,
    with_skip,
)
from service.mail.policy import suppressions
from service.models import (
    Basis,
    Circle,
    Consent,
    ConsentPurpose,
    MailKind,
    MailState,
    Occasion,
    OutboxMessage,
    SkipReason,
    SuppressionReason,
    SuppressionScope,
    WaitReason,
)
from service.models.steps import Condition
from service.protocols.rules.built_ins import BUILT_INS, DEFAULT
from tests import builders
from tests.explaining import asked
from tests.mail.deliveries import a_mail, deliver, fresh
from tests.mail.rows import a_row

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
FULL = Decision(
    due=NOON,
    about="response:12",
    by=3,
    protocol="default",
    greeting="season",
    name="Nuestro",
    version=4,
    step=BUILT_INS[DEFAULT][2],
    after="Encuesta",
    day=date(2026, 11, 20),
    zone="Europe/Madrid",
    is_late=True,
    conditions=(Condition.unanswered, Condition.survey_open),
    occasion=Occasion.birthday,
    circle=Circle.both,
    basis=Basis.consent,
    since=NOON,
    refused=Skip(
        SkipReason.suppressed,
        at=NOON,
        by=3,
        source="one-click",
        why=SuppressionReason.unsubscribed,
        scope=SuppressionScope.unasked,
        listed="abc",
        left_on=date(2026, 1, 31),
        last_on=date(2026, 2, 28),
        protocol="Otro",
    ),
    waits=(Waited(WaitReason.daily_cap, NOON, NOON + timedelta(days=1)),),
    hands=(Hand(Did.stopped, NOON, 3), Hand(Did.sent_after_all, NOON)),
)


def decided(row) -> Decision:
    return Decision.of(fresh(row).decision)


def change(row, **values) -> None:
    db.session.execute(update(OutboxMessage).where(OutboxMessage.id == row.id).values(**values))


def test_a_decision_is_read_as_it_was_written(session):
    row = a_row(MailState.queued, decision=as_json(FULL))
    assert decided(row) == FULL
    assert decided(a_row(MailState.queued)) == Decision()


def test_what_a_person_did_is_added_to_rows_with_and_without_a_decision(session):
    rows = [a_row(MailState.queued, decision=as_json(FULL)), a_row(MailState.queued)]
    hand = Hand(Did.stopped, NOON, 7)
    db.session.execute(update(OutboxMessage).values(decision=with_hand(hand)))
    assert decided(rows[0]) == replace(FULL, hands=(*FULL.hands, hand))
    assert decided(rows[1]) == Decision(hands=(hand,))


def test_why_a_mail_is_skipped_is_added_to_rows_with_and_without_a_decision(session):
    rows = [a_row(MailState.queued, decision=as_json(FULL)), a_row(MailState.queued)]
    skip = Skip(SkipReason.retained, at=NOON, by=7)
    db.session.execute(update(OutboxMessage).values(decision=with_skip(skip)))
    assert decided(rows[0]) == replace(FULL, refused=skip)
    assert decided(rows[1]) == Decision(refused=skip)


def test_many_rows_get_each_its_own_decision_in_one_statement(session):
    rows = [a_row(MailState.queued) for _ in range(3)]
    wanted = {row.id: Decision(about=f"“mail” {row.id}") for row in rows}
    ids = OutboxMessage.id.in_(wanted)
    db.session.execute(update(OutboxMessage).where(ids).values(decision=each_of(wanted)))
    assert {row.id: decided(row) for row in rows} == wanted


def test_a_wait_that_goes_on_is_one_wait():
    hour = timedelta(hours=1)
    once = Decision().waiting(WaitReason.paused, NOON, NOON + hour)
    twice = once.waiting(WaitReason.paused, NOON + hour, NOON + 2 * hour)
    other = twice.waiting(WaitReason.business_hours, NOON + 2 * hour, NOON + 3 * hour)
    later = other.waiting(WaitReason.business_hours, NOON + 9 * hour, NOON + 10 * hour)

    assert twice.waits == (Waited(WaitReason.paused, NOON, NOON + 2 * hour),)
    assert [wait.why for wait in later.waits] == ["paused", "business_hours", "business_hours"]


def test_a_no_is_written_down_with_when_and_how_it_was_said(session):
    builders.a_company()
    contact = builders.a_contact(check_ins=False)
    said = {"wording": "No, thanks", "wording_version": "1", "language": "en", "given_at": NOON}
    purpose = {"purpose": ConsentPurpose.check_ins, "is_granted": False, "channel": "phone"}
    builders.added(Consent(contact_id=contact.id, **purpose, **said))
    row = outbox.write(MailKind.door_open, contact, subject="x")

    assert row.skip_reason is SkipReason.no_consent
    assert decided(row).refused == Skip(SkipReason.no_consent, at=NOON, source="phone")


def test_a_no_that_comes_before_the_claim_is_written_down_like_one_before_the_writing(
    session, mailbox
):
    row = a_mail(MailKind.door_open)
    row.contact.check_ins = False
    said = {"wording": "No, thanks", "wording_version": "1", "language": "en", "given_at": NOON}
    purpose = {"purpose": ConsentPurpose.check_ins, "is_granted": False, "channel": "phone"}
    builders.added(Consent(contact_id=row.contact_id, **purpose, **said))
    db.session.commit()
    deliver(row)

    assert fresh(row).state is MailState.skipped
    assert decided(row).refused == Skip(SkipReason.no_consent, at=NOON, source="phone")


@pytest.mark.parametrize("is_written", [False, True], ids=["at writing", "at the claim"])
def test_a_suppression_is_written_down_with_its_scope_reason_and_source(
    session, mailbox, is_written
):
    contact = builders.a_contact()
    row = a_mail(MailKind.survey_invitation, contact=contact) if is_written else None
    member = builders.a_member()
    found = suppressions.add(
        contact.email, SuppressionReason.complaint, source="imap", detail="Basta", member=member
    )
    row = row or a_mail(MailKind.survey_invitation, contact=contact)
    db.session.commit()
    deliver(row)

    skip = decided(row).refused
    assert (skip.reason, skip.why, skip.scope) == ("suppressed", "complaint", "unasked")
    assert (skip.source, skip.by, skip.listed) == ("imap", member.id, found.public_id)
    assert "Basta" not in json.dumps(fresh(row).decision)  # a person's words: erased elsewhere


@pytest.mark.parametrize("is_written", [False, True], ids=["at writing", "at the claim"])
def test_a_basis_that_ran_out_is_written_down_with_its_days(session, mailbox, is_written):
    builders.a_company(basis_months=1)
    contact = builders.a_contact()
    row = a_mail(MailKind.door_open, contact=contact) if is_written else None
    contact.left_on = date(2026, 1, 31)
    row = row or a_mail(MailKind.door_open, contact=contact)
    db.session.commit()
    deliver(row)

    days = {"left_on": date(2026, 1, 31), "last_on": date(2026, 2, 28)}
    assert decided(row).refused == Skip(SkipReason.basis_ended, **days)


def test_a_mail_that_may_go_says_what_it_rests_on(session):
    builders.a_company()
    contact = builders.a_contact(left_on=date(2026, 11, 20))
    row = outbox.write(MailKind.greeting, contact, subject="x")
    assert (decided(row).basis, decided(row).since) == (
        Basis.legitimate_interest,
        date(2026, 11, 20),
    )


def test_what_expires_is_written_down_with_until_when_it_could_go(session, mailbox):
    row = a_mail(expires_at=now() - timedelta(seconds=1))
    deliver(row)
    assert decided(row).refused == Skip(SkipReason.expired, at=fresh(row).expires_at)


def test_business_hours_and_a_full_day_are_written_down_in_order(session, mailbox):
    with time_machine.travel("2026-11-21T22:30:00Z", tick=False) as clock:
        builders.a_company(business_from=time(8), business_until=time(22), daily_cap=1)
        contact = builders.a_contact()
        row = a_mail(MailKind.own_text, contact=contact, expires_at=None)
        deliver(row)
        morning = fresh(row).due_at
        other = a_mail(MailKind.own_text, contact=contact)
        change(other, state=MailState.sent, ended_at=morning)
        db.session.commit()
        clock.move_to(morning + timedelta(minutes=5))
        deliver(row)

        assert [wait.why for wait in decided(row).waits] == ["business_hours", "daily_cap"]
        assert decided(row).waits[0].until == morning
        assert decided(row).waits[1].until == fresh(row).due_at
        assert decided(row).due < morning


def test_mails_that_wait_are_put_off_in_one_statement(session, mailbox):
    with time_machine.travel("2026-11-21T22:30:00Z", tick=False):
        builders.a_company(business_from=time(8), business_until=time(22))
        rows = [a_mail() for _ in range(5)]
        ids = [row.id for row in rows]
        db.session.commit()
        with asked() as statements:
            deliver(*ids)
        put_off = [one for one, _values in statements if "decision=" in one.replace(" ", "")]

        assert len(put_off) == 1
        assert all(decided(row_id).waits for row_id in ids)


def test_mails_of_a_newsletter_keep_no_decision_each(session):
    contacts = {builders.a_contact().id: "es" for _ in range(3)}
    with asked() as statements:
        outbox.write_issue(MailKind.newsletter, contacts, subject="issue:1", due_at=now())
    assert len(statements) == 1
    assert {row.decision for row in db.session.query(OutboxMessage)} == {None}


def test_a_decision_is_a_few_hundred_bytes(session):
    assert len(json.dumps(as_json(FULL))) < 1_200
    row = a_mail(MailKind.survey_invitation)
    assert len(json.dumps(fresh(row).decision)) < 200
