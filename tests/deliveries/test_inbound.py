"""What comes in by mail changes what it may, once, and nothing without proof."""

import pytest
from sqlalchemy import func, select

from service.clock import now
from service.deliveries.actions import inbound
from service.extensions import db
from service.mail.policy import suppressions
from service.models import (
    EventKind,
    Evidence,
    InboundKind,
    InboundMail,
    InboundSource,
    MailKind,
    MailState,
    OutboxMessage,
    Outcome,
    Suppression,
    SuppressionReason,
    SuppressionScope,
)
from tests.builders import a_company, a_contact, a_departure, a_member, added
from tests.mail.coming_in import BOUNCES_TO, PROSE, answer, arf, dsn, head_of, prose, verp_of

pytestmark = pytest.mark.usefixtures("bouncing")


def a_sent_mail(**more) -> OutboxMessage:
    """A mail that went, as the outbox remembers it."""
    departure = more.pop("departure", None) or a_departure(
        contact=more.pop("contact", None) or a_contact(), responsible=a_member()
    )
    number = db.session.scalar(select(func.count()).select_from(OutboxMessage))
    row = added(
        OutboxMessage(
            **{
                "key": f"sent:{number}",
                "kind": MailKind.thank_you,
                "step": "thank_you",
                "language": "es",
                "contact": departure.contact,
                "departure": departure,
                "due_at": now(),
                "state": MailState.sent,
                "ended_at": now(),
                **more,
            }
        )
    )
    row.message_id = f"<{row.public_id}@norte.example>"
    db.session.flush()
    return row


def take(octets: bytes) -> InboundMail | None:
    return inbound.receive(octets, InboundSource.pipe)


def events_of(row: OutboxMessage) -> list[EventKind]:
    from service.models import Event

    query = select(Event.kind).where(Event.departure_id == row.departure_id).order_by(Event.id)
    return list(db.session.scalars(query))


def suppression_of(row: OutboxMessage) -> tuple[SuppressionReason, SuppressionScope] | None:
    found = suppressions.find(row.contact.email)
    return (found.reason, found.scope) if found else None


def test_a_hard_bounce_to_our_signed_address_ends_every_mail_to_that_address():
    row = a_sent_mail()
    came = take(dsn(row, to=verp_of(row)))

    assert (came.kind, came.evidence) == (InboundKind.hard_bounce, Evidence.verp)
    assert (row.outcome, row.outcome_words) == (Outcome.hard_bounced, "550 5.1.1 User unknown")
    assert row.outcome_at is not None
    assert suppression_of(row) == (SuppressionReason.hard_bounce, SuppressionScope.everything)
    assert suppressions.find(row.contact.email).source == "pipe"
    assert events_of(row) == [EventKind.mail_bounced]


def test_what_comes_twice_counts_once():
    row = a_sent_mail()
    mail = dsn(row, to=verp_of(row))
    assert take(mail) is not None
    assert take(mail.replace(b"\r\n", b"\n")) is None
    assert events_of(row) == [EventKind.mail_bounced]


@pytest.mark.parametrize(
    ("evidence", "make"),
    [
        (Evidence.verp, lambda row: dsn(row, to=verp_of(row).upper(), returned="")),
        (
            Evidence.delivery_status,
            lambda row: dsn(
                row, returned="", extra=f"X-Postfix-Sender: rfc822; {verp_of(row)}\r\n"
            ),
        ),
        (Evidence.returned_headers, lambda row: dsn(row)),
        (
            Evidence.returned_headers,
            lambda row: dsn(
                row, returned=head_of(row, **{"Message-ID": "", "Return-Path": f"<{verp_of(row)}>"})
            ),
        ),
        (
            Evidence.reply_headers,
            lambda row: b"References: " + row.message_id.encode() + b"\r\n" + dsn(row, returned=""),
        ),
    ],
)
def test_each_kind_of_evidence_proves_a_bounce(evidence, make):
    row = a_sent_mail()
    came = take(make(row))
    assert (came.kind, came.evidence) == (InboundKind.hard_bounce, evidence)
    assert row.outcome is Outcome.hard_bounced


@pytest.mark.parametrize("server", PROSE)
def test_a_bounce_in_words_counts_by_the_head_it_copies(server):
    row = a_sent_mail()
    came = take(prose(server, row))
    assert (came.kind, came.evidence) == (InboundKind.hard_bounce, Evidence.returned_headers)
    assert suppression_of(row)


@pytest.mark.parametrize(
    "make",
    [
        lambda row: dsn(row, returned=""),
        lambda row: dsn(row, returned=head_of(row, **{"Message-ID": "<guessed@norte.example>"})),
        lambda row: dsn(row, to=f"rebotes+{'a' * 39}@norte.example", returned=""),
        lambda row: arf(row, returned="To: x@y.example\r\nSubject: Gracias\r\n"),
        lambda row: dsn(row, returned="", action="delivered"),
    ],
)
def test_forged_reports_change_nothing_and_are_shown(make):
    row = a_sent_mail()
    came = take(make(row))

    assert (came.kind, came.evidence, came.outbox_id) == (InboundKind.unverified, None, None)
    assert came.raw
    assert row.outcome is None
    assert suppression_of(row) is None
    assert events_of(row) == []


def test_nobody_elses_address_can_be_put_into_a_bounce_of_ones_own_mail():
    row, victim = a_sent_mail(), a_contact(email="victima@daz.example")
    take(
        dsn(
            row,
            to=verp_of(row),
            recipient=victim.email,
            returned=head_of(row, To=victim.email),
        )
    )
    assert suppressions.find(victim.email) is None
    assert db.session.scalar(select(func.count()).select_from(Suppression)) == 0


def test_an_address_that_was_changed_since_is_not_the_one_that_is_dead():
    row = a_sent_mail()
    mail = dsn(row, to=verp_of(row))
    row.contact.email = row.contact.email_key = "nueva@daz.example"
    db.session.flush()
    take(mail)

    assert row.outcome is Outcome.hard_bounced
    assert suppression_of(row) is None


def test_a_complaint_leaves_only_what_they_ask_for_themselves():
    row = a_sent_mail()
    assert take(arf(row)).kind is InboundKind.complaint
    assert row.outcome is Outcome.complained
    assert suppression_of(row) == (SuppressionReason.complaint, SuppressionScope.unasked)
    assert events_of(row) == [EventKind.complained]


def test_a_report_that_it_is_no_spam_is_no_complaint():
    row = a_sent_mail()
    assert take(arf(row, feedback="not-spam")).kind is InboundKind.unparsed
    assert row.outcome is None


def test_a_delay_is_no_bounce_and_a_delivery_is_written_down():
    row = a_sent_mail()
    assert take(dsn(row, action="delayed", status="4.4.1")).kind is InboundKind.delayed
    assert row.outcome is None
    assert take(dsn(row, action="delivered", status="2.0.0")).kind is InboundKind.delivered
    assert row.outcome is Outcome.delivered


def soft(row: OutboxMessage) -> None:
    take(dsn(row, to=verp_of(row), status="4.2.2", words="smtp; 452 4.2.2 over quota"))


def test_five_mails_in_a_row_that_came_back_for_now_are_enough():
    contact = a_contact()
    rows = [a_sent_mail(contact=contact) for _ in range(5)]
    for row in rows[:4]:
        soft(row)
    assert suppression_of(rows[0]) is None
    soft(rows[4])
    assert suppression_of(rows[0]) == (
        SuppressionReason.soft_bounces,
        SuppressionScope.everything,
    )


def test_bounces_of_the_five_may_come_in_any_order():
    contact = a_contact()
    rows = [a_sent_mail(contact=contact) for _ in range(6)]
    for place in (4, 0, 3, 1, 2):
        assert suppression_of(rows[0]) is None
        soft(rows[place])
    assert suppression_of(rows[0])


def test_a_mail_that_went_through_begins_the_count_anew():
    contact = a_contact()
    rows = [a_sent_mail(contact=contact) for _ in range(7)]
    for place in (0, 1, 2, 4, 5, 6):
        soft(rows[place])
    assert suppression_of(rows[0]) is None


def test_an_outcome_is_never_made_smaller():
    row = a_sent_mail()
    take(dsn(row))
    soft(row)
    take(dsn(row, action="delivered", status="2.0.0"))
    assert row.outcome is Outcome.hard_bounced
    take(arf(row))
    assert row.outcome is Outcome.complained


@pytest.mark.parametrize("state", [MailState.uncertain, MailState.queued])
def test_a_bounce_tells_that_a_doubtful_mail_was_taken(state):
    row = a_sent_mail(state=state, doubts=1, ended_at=None)
    take(dsn(row))
    assert (row.state, row.outcome) == (MailState.sent, Outcome.hard_bounced)
    assert row.ended_at is not None


def test_a_vacation_note_at_our_signed_address_is_no_bounce():
    row = a_sent_mail()
    mail = answer(
        row,
        to=verp_of(row),
        subject="Fuera de la oficina",
        text="Vuelvo el 3 de diciembre.",
        Auto_Submitted="auto-replied",
        Return_Path="<>",
    )
    came = take(mail)

    assert (came.kind, came.evidence) == (InboundKind.auto_reply, Evidence.verp)
    assert row.outcome is None
    assert suppression_of(row) is None
    assert events_of(row) == [EventKind.auto_replied]


def test_spam_at_our_signed_address_is_no_bounce():
    row = a_sent_mail()
    take(answer(row, to=verp_of(row), sender="buy@spam.example", text="Cheap! 550 pills"))
    assert row.outcome is None
    assert suppression_of(row) is None


def test_a_person_who_quotes_a_bounce_of_somebody_else_bounces_nothing():
    row = a_sent_mail()
    text = "Mira lo que me llega:\n\n550 5.1.1 <otra@daz.example>: User unknown\n"
    came = take(answer(row, text=text))
    assert came.kind is InboundKind.reply
    assert row.outcome is None


def test_mail_that_nobody_can_place_is_kept_as_it_came():
    octets = answer(text="Ofertas", sender="buy@spam.example")
    came = take(octets)
    assert (came.kind, came.raw) == (InboundKind.unparsed, octets)
    assert (came.sender, came.excerpt) == ("buy@spam.example", "Ofertas")


def test_what_is_kept_of_a_large_mail_has_an_end():
    came = take(b"Subject: x\n\n" + b"a" * 3_000_000)
    assert len(came.raw) == 1024 * 1024


@pytest.mark.parametrize(
    "more",
    [
        {"subject": "unsubscribe", "text": ""},
        {"subject": "Baja", "text": ""},
        {"text": "baja\n\n> Gracias"},
    ],
)
def test_an_answer_that_asks_for_it_unsubscribes(more):
    row = a_sent_mail()
    came = take(answer(row, **more))

    assert came.kind is InboundKind.unsubscribe
    assert suppression_of(row) == (SuppressionReason.unsubscribed, SuppressionScope.unasked)
    assert row.contact.newsletter is False
    assert EventKind.unsubscribed in events_of(row)


def test_a_mail_program_unsubscribes_by_our_signed_address():
    row = a_sent_mail()
    take(answer(None, to=verp_of(row), subject="unsubscribe", text="", Auto_Submitted="yes"))
    assert suppression_of(row)


def test_without_proof_nobody_is_unsubscribed():
    row = a_sent_mail()
    mail = answer(None, to=BOUNCES_TO, subject="baja", sender=row.contact.email)
    assert take(mail).kind is InboundKind.unparsed
    assert suppression_of(row) is None


def test_what_cannot_be_understood_is_kept(monkeypatch):
    a_company()
    row = inbound.keep(b"Subject: odd\n\n\xff", InboundSource.imap)
    assert (row.kind, row.raw) == (InboundKind.unparsed, b"Subject: odd\n\n\xff")
