"""Delivery: each row marked by itself, retried when it may be, and never sent twice by us."""

import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import text

from service.clock import now
from service.extensions import db
from service.logs import masked
from service.mail.delivery import delivery, sender
from service.mail.delivery.session import SmtpSession
from service.mail.policy import suppressions
from service.mail.rendering import rendering
from service.models import (
    MailKind,
    MailState,
    Outcome,
    SkipReason,
    SuppressionReason,
    SuppressionScope,
)
from tests.builders import a_company, a_contact, a_member
from tests.mail.deliveries import a_mail, deliver, fresh, mails, speaking_to, state_of


def test_a_mail_goes_out_and_is_marked(session, mailbox):
    row = a_mail()
    deliver(row)
    (got,) = mailbox.messages()
    row = fresh(row)
    assert (row.state, row.attempts, row.doubts) == (MailState.sent, 1, 0)
    assert row.ended_at is not None
    assert (row.lease_owner, row.lease_until) == (None, None)
    assert row.server_words == "250 kept"
    assert got.rcpt_tos == [row.contact.email]
    assert got.message["Message-ID"] == row.message_id


def test_a_batch_goes_over_one_connection(session):
    ids = mails(5)
    with speaking_to() as server:
        deliver(*ids)
    assert (server.connections, len(server.mails)) == (1, 5)
    assert {state_of(row_id) for row_id in ids} == {MailState.sent}


def test_what_is_sent_is_not_sent_again(session, mailbox):
    row = a_mail()
    deliver(row)
    deliver(row)
    assert len(mailbox.messages()) == 1


def test_what_is_not_due_stays(session, mailbox):
    row = a_mail(due_at=now() + timedelta(hours=1))
    deliver(row)
    assert state_of(row) is MailState.queued
    assert delivery.due_batches() == []


def test_what_is_due_comes_in_batches_the_longest_due_first(session, monkeypatch):
    monkeypatch.setattr(delivery, "BATCH", 2)
    late, later = a_mail(due_at=now() - timedelta(hours=1)), a_mail()
    latest = a_mail()
    assert delivery.due_batches() == [[late.id, later.id], [latest.id]]


def test_the_message_id_is_stored_before_the_first_attempt(session, monkeypatch):
    row = a_mail()
    seen = []
    with speaking_to(RCPT="451 later") as server:
        go = SmtpSession.go

        def going(smtp_session):
            seen.append(fresh(row_id).message_id)
            db.session.rollback()
            go(smtp_session)

        row_id = row.id
        monkeypatch.setattr(SmtpSession, "go", going)
        deliver(row_id)
    assert seen[0] is not None
    assert "DATA" not in server.verbs()
    assert fresh(row).message_id is not None


@pytest.mark.parametrize(("stage", "code"), [("MAIL", 451), ("RCPT", 450), ("DATA", 452)])
def test_a_4xx_puts_the_mail_off(session, stage, code):
    row = a_mail()
    with speaking_to(**{stage: f"{code} later"}):
        deliver(row)
    row = fresh(row)
    assert (row.state, row.attempts) == (MailState.queued, 1)
    assert row.server_words == f"{code} later"
    assert row.handing_over_at is None
    assert row.due_at > now() + timedelta(seconds=40)


def test_delays_grow_for_more_than_four_hours_and_then_it_fails(session):
    began = now()
    row = a_mail(due_at=began)
    waits = []
    with time_machine.travel(began, tick=False) as clock, speaking_to(RCPT="451 later"):
        while state_of(row) is MailState.queued:
            clock.move_to(fresh(row).due_at)
            deliver(row)
            waits.append(fresh(row).due_at - now())
        assert now() - began > timedelta(hours=4)
    waits.pop()
    assert waits == sorted(waits)
    assert len(set(waits)) == len(waits)
    assert fresh(row).state is MailState.failed
    assert fresh(row).outcome is None


@pytest.mark.parametrize("code", [550, 551, 553, 554])
def test_a_5xx_on_the_recipient_is_never_retried_and_the_address_is_suppressed(session, code):
    row = a_mail()
    email = row.contact.email
    with speaking_to(RCPT=f"{code} no such user"):
        deliver(row)
    row = fresh(row)
    assert (row.state, row.outcome) == (MailState.failed, Outcome.hard_bounced)
    assert row.server_words == f"{code} no such user"
    found = suppressions.find(email)
    assert (found.reason, found.scope) == (
        SuppressionReason.hard_bounce,
        SuppressionScope.everything,
    )
    assert email not in found.detail


@pytest.mark.parametrize(
    "words", ["552 mailbox full", "550 5.7.1 relaying denied", "554 5.2.2 full"]
)
def test_a_refusal_that_says_nothing_about_the_address_suppresses_nobody(session, words):
    row = a_mail()
    with speaking_to(RCPT=words):
        deliver(row)
    assert state_of(row) is MailState.failed
    assert suppressions.find(row.contact.email) is None


def test_a_message_that_is_refused_fails_without_blaming_the_address(session):
    row = a_mail()
    with speaking_to(body="554 looks like spam"):
        deliver(row)
    assert (fresh(row).state, fresh(row).outcome) == (MailState.failed, None)
    assert suppressions.find(row.contact.email) is None


def test_a_refused_sender_is_put_off_so_that_the_settings_can_be_put_right(session):
    row = a_mail()
    with speaking_to(MAIL="550 not your address"):
        deliver(row)
    assert state_of(row) is MailState.queued


def test_one_refused_row_does_not_stop_the_others(session):
    ids = mails(3)
    with speaking_to(RCPT=["250 ok", "550 no", "250 ok"]) as server:
        deliver(*ids)
    assert [state_of(row_id) for row_id in ids] == [
        MailState.sent,
        MailState.failed,
        MailState.sent,
    ]
    assert (server.connections, len(server.mails)) == (1, 2)


def test_one_that_cannot_be_rendered_does_not_stop_the_others(
    session, mailbox, monkeypatch, caplog
):
    ids = mails(3)
    original = rendering.render_context

    def render_context(context, facts):
        if context.row.id == ids[1]:
            raise KeyError("name")
        return original(context, facts)

    monkeypatch.setattr(rendering, "render_context", render_context)
    deliver(*ids)
    assert len(mailbox.messages()) == 2
    assert (fresh(ids[1]).state, fresh(ids[1]).server_words) == (
        MailState.failed,
        "KeyError: 'name'",
    )
    assert "rendering_broke" in caplog.text


def test_one_that_the_lint_refuses_fails_with_its_faults(session, mailbox, monkeypatch, caplog):
    ids = mails(2)
    original = rendering.render_context

    def render_context(context, facts):
        found = original(context, facts)
        if context.row.id == ids[0]:
            found.extra_headers.pop("Auto-Submitted")
        return found

    monkeypatch.setattr(rendering, "render_context", render_context)
    deliver(*ids)
    assert [state_of(row_id) for row_id in ids] == [MailState.failed, MailState.sent]
    assert fresh(ids[0]).server_words == "no Auto-Submitted"
    assert "mail_unfit" in caplog.text


def test_no_transaction_is_open_while_talking_smtp(session, monkeypatch):
    ids = mails(2)
    seen = []
    send = SmtpSession.send

    def sending(smtp_session, *args):
        seen.append(open_transactions())
        return send(smtp_session, *args)

    monkeypatch.setattr(SmtpSession, "send", sending)
    with speaking_to():
        deliver(*ids)
    assert seen == [0, 0]


def open_transactions() -> int:
    """How many connections of ours have a transaction open, as the database sees it."""
    if db.engine.name == "sqlite":
        with closing(sqlite3.connect(db.engine.url.database, timeout=0)) as stranger:
            stranger.execute("BEGIN IMMEDIATE")  # raises when somebody else holds the lock
        return 0
    with db.engine.connect() as connection:
        idle = "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'"
        return connection.scalar(text(f"{idle} AND datname = current_database()"))


def test_nothing_personal_is_logged(session, caplog):
    row = a_mail(contact=a_contact(email="secreta@daz.example", name="Sabina Secreta"))
    with caplog.at_level("DEBUG", "service"), speaking_to(RCPT="451 secreta@daz.example later"):
        deliver(row)
    assert "Sabina" not in caplog.text
    assert "secreta" not in masked(caplog.text)


def test_a_provider_who_left_gets_no_mail(session, mailbox):
    member = a_member()
    row = a_mail(MailKind.test_mail, to=member, departure=None)
    member.is_active = False
    db.session.commit()
    deliver(row)
    assert fresh(row).skip_reason is SkipReason.withdrawn
    assert mailbox.messages() == []


def test_a_sender_that_is_no_address_fails_each_mail_with_the_reason(session, mailbox):
    a_company(sender_email="nobody")
    row = a_mail()
    deliver(row)
    assert fresh(row).state is MailState.failed
    assert "name@domain" in fresh(row).server_words


def test_a_sender_under_a_domain_with_accents_goes_out(session, mailbox):
    a_company(sender_email="hola@bodegasdíaz.example")
    row = a_mail()
    deliver(row)
    assert mailbox.messages()[0].mail_from == "hola@xn--bodegasdaz-r8a.example"
    assert fresh(row).message_id.isascii()


def test_a_mail_put_back_after_it_was_announced_never_gets_another_s_words(session, monkeypatch):
    contacts = [a_contact(email=f"{name}@daz.example") for name in ("ana", "eva", "ruy")]
    ids = [a_mail(contact=contact).id for contact in contacts]
    db.session.commit()
    has_its_turn = sender.Sender._has_its_turn

    def but_not_eva(self, leases, prepared):
        if prepared.row_id != ids[1]:
            return has_its_turn(self, leases, prepared)
        leases.release([prepared.row_id], now() + timedelta(hours=1))
        return False

    monkeypatch.setattr(sender.Sender, "_has_its_turn", but_not_eva)
    with speaking_to(EHLO="250-scripted.test\r\n250 PIPELINING") as server:
        deliver(*ids)
    assert [state_of(i) for i in ids] == [MailState.sent, MailState.queued, MailState.sent]
    to = [mail.split(b"\r\nTo: ")[1].split(b"<")[1].split(b">")[0] for mail in server.mails]
    assert to == [b"ana@daz.example", b"ruy@daz.example"]
    assert server.connections == 2


def test_a_dead_address_gets_no_further_mail_of_the_same_job(session):
    ana = a_contact(email="gone@cruz.example")
    ids = [a_mail(contact=ana, subject=f"mail {number}").id for number in range(3)]
    other = a_mail().id
    with speaking_to(RCPT=["550 5.1.1 unknown", "250 ok"]) as server:
        deliver(*ids, other)
        deliver(*ids)

    assert server.verbs().count("RCPT") == 2  # the dead one once, and the other reader
    assert [state_of(row_id) for row_id in [*ids, other]] == [
        MailState.failed,
        MailState.skipped,
        MailState.skipped,
        MailState.sent,
    ]
    assert {fresh(row_id).skip_reason for row_id in ids[1:]} == {SkipReason.suppressed}
