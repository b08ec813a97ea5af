"""The list of those who get no mail: by scope, from every source, and a log that forgets nobody."""

import pytest
from sqlalchemy import event, func, select

from service.clock import now
from service.extensions import db
from service.mail import outbox
from service.mail.delivery import delivery
from service.mail.delivery.leases import LostLease
from service.mail.kinds import RULES, Rules
from service.mail.policy import suppressions
from service.models import (
    ConsentPurpose,
    MailKind,
    MailState,
    SkipReason,
    Suppression,
    SuppressionChange,
    SuppressionReason,
    SuppressionScope,
)
from tests.builders import a_contact, a_member
from tests.mail.deliveries import a_mail, a_sender_that_dies, fresh, mails

ANA = "ana@cruz.example"
UNSUBSCRIBED = SuppressionReason.unsubscribed
NEWSLETTER = Rules(is_transactional=False, purpose=ConsentPurpose.newsletter)


@pytest.fixture
def ana(session):
    return a_contact(email=ANA)


def changes() -> list[SuppressionChange]:
    return list(db.session.scalars(select(SuppressionChange).order_by(SuppressionChange.id)))


def scopes(email: str = ANA) -> list[str]:
    return [row.scope.value for row in suppressions.of(email)]


def test_twice_is_once_and_logged_once(session):
    first = suppressions.add(ANA, UNSUBSCRIBED, source="reply", detail="baja")
    again = suppressions.add(" Ana@Cruz.EXAMPLE", UNSUBSCRIBED, source="one-click")

    assert again is first
    assert (first.address, first.source, first.detail) == (ANA, "reply", "baja")
    (change,) = changes()
    assert (change.is_lifted, change.why, change.source) == (False, "baja", "reply")


def test_each_scope_and_each_reason_stands_by_itself(session):
    suppressions.add(ANA, UNSUBSCRIBED, scope=SuppressionScope.greetings)
    suppressions.add(ANA, UNSUBSCRIBED)
    dead = suppressions.add(
        ANA, SuppressionReason.hard_bounce, scope=SuppressionScope.everything, source="smtp"
    )
    suppressions.add(ANA, SuppressionReason.complaint)

    assert scopes() == ["everything", "unasked", "unasked", "greetings"]
    assert suppressions.find(ANA) is dead
    suppressions.lift(dead, "Their server is back.", source="provider")
    assert [row.reason.value for row in suppressions.of(ANA)] == [
        "complaint",
        "unsubscribed",
        "unsubscribed",
    ]


def test_many_addresses_are_looked_up_in_one_query_with_all_their_rows(session):
    for name in ("ana", "eva"):
        for scope in (SuppressionScope.newsletter, SuppressionScope.unasked):
            suppressions.add(f"{name}@cruz.example", UNSUBSCRIBED, scope=scope)
    asked: list[str] = []

    def count(_connection, _cursor, statement, *_more):
        asked.append(statement)

    event.listen(db.engine, "before_cursor_execute", count)
    found = suppressions.find_all([ANA, "EVA@cruz.example", "nobody@cruz.example"])
    event.remove(db.engine, "before_cursor_execute", count)

    assert len(asked) == 1
    assert {key: [row.scope.value for row in rows] for key, rows in found.items()} == {
        ANA: ["unasked", "newsletter"],
        "eva@cruz.example": ["unasked", "newsletter"],
    }


def written(contact, kind: MailKind) -> SkipReason | None:
    row = outbox.write(kind, contact, subject=f"x:{now().timestamp()}")
    return row.skip_reason


@pytest.mark.parametrize(
    ("scope", "newsletter", "survey", "copy_of_answer"),
    [
        ("everything", True, True, True),
        ("unasked", True, True, False),
        ("newsletter", True, False, False),
        ("greetings", False, False, False),
    ],
)
def test_a_scope_stops_what_it_says_and_nothing_else(
    ana, monkeypatch, scope, newsletter, survey, copy_of_answer
):
    monkeypatch.setitem(RULES, MailKind.testimonial_request, NEWSLETTER)
    suppressions.add(ANA, UNSUBSCRIBED, scope=SuppressionScope(scope))
    kinds = (MailKind.testimonial_request, MailKind.survey_invitation, MailKind.answer_received)

    stopped = [written(ana, kind) is SkipReason.suppressed for kind in kinds]

    assert stopped == [newsletter, survey, copy_of_answer]


def test_what_the_contact_switched_off_is_asked_as_well(ana, monkeypatch):
    monkeypatch.setitem(RULES, MailKind.testimonial_request, NEWSLETTER)
    assert written(ana, MailKind.testimonial_request) is None
    ana.newsletter = False
    assert written(ana, MailKind.testimonial_request) is SkipReason.no_consent
    assert written(ana, MailKind.survey_invitation) is None


def test_a_mail_of_one_purpose_unsubscribes_from_that_one(ana, mailbox, monkeypatch):
    monkeypatch.setitem(RULES, MailKind.thank_you, NEWSLETTER)
    delivery.deliver([a_mail(MailKind.thank_you, contact=ana).id])
    (message,) = mailbox.messages()
    assert "/one-click?purpose=newsletter>" in message.message["List-Unsubscribe"]


def test_a_purpose_that_ended_meanwhile_is_seen_at_the_claim(ana, mailbox, monkeypatch):
    monkeypatch.setitem(RULES, MailKind.testimonial_request, NEWSLETTER)
    row = a_mail(MailKind.testimonial_request, contact=ana)
    suppressions.add(ANA, UNSUBSCRIBED, scope=SuppressionScope.newsletter)
    db.session.commit()
    delivery.deliver([row.id])

    assert (fresh(row).state, row.skip_reason) == (MailState.skipped, SkipReason.suppressed)
    assert mailbox.messages() == []


def test_lifting_is_logged_with_who_and_why_and_only_once(session):
    marta = a_member()
    row = suppressions.add(ANA, SuppressionReason.by_provider, member=marta)

    assert suppressions.lift(row, "She called and asked for it.", source="page", member=marta)
    assert not suppressions.lift(row, "Again.", source="page", member=marta)
    assert suppressions.find(ANA) is None
    added, lifted = changes()
    assert (added.is_lifted, added.member) == (False, marta)
    assert (lifted.is_lifted, lifted.why, lifted.member) == (
        True,
        "She called and asked for it.",
        marta,
    )


def test_only_ones_own_wishes_are_taken_back_by_ones_own_link(session):
    suppressions.add(ANA, UNSUBSCRIBED)
    suppressions.add(ANA, UNSUBSCRIBED, scope=SuppressionScope.newsletter)
    suppressions.add(ANA, SuppressionReason.complaint)

    assert suppressions.lift_own(ANA, [SuppressionScope.unasked], source="page")
    assert not suppressions.lift_own(ANA, [SuppressionScope.unasked], source="page")
    assert [(row.scope.value, row.reason.value) for row in suppressions.of(ANA)] == [
        ("unasked", "complaint"),
        ("newsletter", "unsubscribed"),
    ]


def test_an_erased_address_stays_suppressed_and_nothing_says_whose_it_was(session):
    row = suppressions.add(ANA, UNSUBSCRIBED, detail="Ana Cruz wrote: no more")
    lifted = suppressions.add(ANA, SuppressionReason.by_provider)
    suppressions.lift(lifted, "Ana Cruz called.", source="page")
    suppressions.add("eva@cruz.example", UNSUBSCRIBED, detail="stays")

    assert suppressions.forget("ANA@cruz.example") == 1

    db.session.expire_all()
    assert (row.address, row.detail) == (None, "")
    assert suppressions.find(ANA) is row
    assert [change.why for change in changes()] == ["", "", "", "stays"]
    assert suppressions.add(ANA, UNSUBSCRIBED).address is None
    assert db.session.scalar(select(func.count(Suppression.id))) == 2


def test_a_mail_that_was_prepared_before_an_address_said_no_does_not_leave_after_it(ana):
    (row_id,) = mails(1, contact=ana)
    with a_sender_that_dies(row_id) as held:
        suppressions.add(ANA.upper(), UNSUBSCRIBED, scope=SuppressionScope.everything)
        db.session.commit()
        with pytest.raises(LostLease):
            held.leave(row_id)
    delivery.deliver([row_id])
    row = fresh(row_id)
    assert (row.state, row.skip_reason) == (MailState.skipped, SkipReason.suppressed)


def test_a_mail_that_has_begun_to_leave_stays_with_whoever_sends_it(ana):
    (row_id,) = mails(1, contact=ana)
    with a_sender_that_dies(row_id) as held:
        held.leave(row_id)
        suppressions.add(ANA, UNSUBSCRIBED, scope=SuppressionScope.everything)
        db.session.commit()
        assert fresh(row_id).state is MailState.sending


def test_mails_to_others_stay_with_whoever_holds_them(ana):
    (row_id,) = mails(1)
    with a_sender_that_dies(row_id) as held:
        suppressions.add(ANA, UNSUBSCRIBED)
        db.session.commit()
        held.leave(row_id)
