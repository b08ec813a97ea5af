"""Why a mail waits, went or did not: told from its own row, whatever changes around it later."""

from dataclasses import replace
from datetime import date, time, timedelta

import pytest
import time_machine
from flask_babel import force_locale
from sqlalchemy import delete, select, update

from service import scheduler
from service.clock import now
from service.consent.actions import consents
from service.consent.actions import suppressions as suppression_actions
from service.consent.actions.consents import OfflineAnswer
from service.deliveries.actions import deliveries
from service.departures.actions import departures
from service.departures.actions.departures import Facts
from service.extensions import db
from service.labels import label
from service.mail import outbox
from service.mail.delivery import delivery
from service.mail.policy import suppressions
from service.models import (
    OPEN_STATES,
    Audience,
    Company,
    ConsentPurpose,
    Enrolment,
    EnrolmentState,
    Event,
    Invitation,
    MailKind,
    MailState,
    OutboxMessage,
    Outcome,
    Protocol,
    ProtocolVersion,
    SkipReason,
    Stage,
    Suppression,
    SuppressionChange,
    SuppressionReason,
    SuppressionScope,
)
from service.models.audiences import Who
from service.models.steps import NATURES
from service.newsletters.actions import greetings as greeting_actions
from service.newsletters.actions import newsletters
from service.newsletters.rules import Frequency
from service.protocols.actions import editing, enrolments, progress
from service.protocols.queries import forecasts, reasons, situations
from tests import builders

RECORDED = "2026-11-19T12:00:00Z"
SURVEY = "2026-11-21T09:00:00Z"  # ten o'clock in Madrid, a day after the end date


@pytest.fixture
def marta(session):
    """Marta of a company in Madrid."""
    builders.a_company(language="en")
    return builders.a_member(name="Marta Ruiz")


@pytest.fixture
def clock(marta):
    """The clock, stopped when the departure is recorded."""
    with time_machine.travel(RECORDED, tick=False) as clock:
        yield clock


@pytest.fixture
def departure(marta, clock):
    """Ana leaves on 20 November; it was recorded the day before."""
    contact = builders.a_contact(name="Ana Gil", email="ana@ruy.example")
    return departures.record(contact, Facts(service="SEO", end_on=date(2026, 11, 20)), by=marta)


def the_mail(step: str) -> OutboxMessage:
    """The latest mail of a step, or of a kind that is no step's."""
    query = select(OutboxMessage).where(
        (OutboxMessage.step == step) | (OutboxMessage.step.is_(None) & (OutboxMessage.kind == step))
    )
    return db.session.scalars(query.order_by(OutboxMessage.id.desc())).first()


def written(departure, clock, at: str, step: str) -> OutboxMessage:
    """Let the clock write what is due at a moment; return the step's mail, which goes next."""
    clock.move_to(at)
    for mail in progress.advance_one(departure):
        if mail.step != step and mail.state is MailState.queued:
            gone(mail, ended_at=mail.due_at)
    return the_mail(step)


def gone(mail: OutboxMessage, state: MailState = MailState.sent, **more) -> OutboxMessage:
    """Have a mail end now."""
    values = {"state": state, "ended_at": now(), "attempts": 1, **more}
    for name, value in values.items():
        setattr(mail, name, value)
    db.session.flush()
    return mail


def delivered(mail: OutboxMessage) -> OutboxMessage:
    """Have a worker claim a mail; return it as it is then."""
    db.session.commit()
    delivery.deliver([mail.id])
    db.session.expire_all()
    return db.session.get_one(OutboxMessage, mail.id)


def why(mail: OutboxMessage) -> str:
    """The question and its answer as the page has them, in English."""
    with force_locale("en"):
        answer = reasons.why(mail, reasons.known_of([mail]))
        return "\n".join([reasons.question(mail), *answer]).replace("\u202f", " ")


def test_a_mail_that_went_tells_its_step_its_day_and_what_held(departure, clock):
    mail = gone(written(departure, clock, SURVEY, "survey_invitation"), server_words="250 ok")

    assert why(mail).split("\n") == [
        "Why did Ana get this?",
        "Step “Survey” of the protocol “The whole farewell”.",
        "Counts from the end date, Nov 20, 2026.",
        "1 day later, at 10:00 AM in Europe/Madrid.",
        "ana@ruy.example was on no list of those who get no such mail.",
        "The mail server took it on Nov 21, 2026, 10:00 AM.",
        "The mail server said: 250 ok",
    ]


def test_a_reminder_counts_from_the_mail_that_went_and_says_what_held(departure, clock):
    gone(written(departure, clock, SURVEY, "survey_invitation"))
    told = why(gone(written(departure, clock, "2026-11-24T09:00:00Z", "survey_reminder_1")))

    assert "Counts from the mail “Survey”, which went on Nov 21, 2026.\n3 days later" in told
    assert "Held: Only while the survey is unanswered." in told
    assert "Held: Only while the survey can be answered." in told


def test_a_reminder_after_an_answer_says_which_condition_did_not_hold_and_since_when(
    departure, clock, mailbox
):
    gone(written(departure, clock, SURVEY, "survey_invitation"))
    mail = written(departure, clock, "2026-11-24T09:00:00Z", "survey_reminder_1")
    answered_at = now() + timedelta(minutes=1)
    invitation = db.session.scalars(select(Invitation)).one()
    builders.a_response(invitation=invitation, submitted_at=answered_at)
    clock.shift(120)
    told = why(delivered(mail))

    assert told.startswith("Why did Ana not get this?")
    assert "Did not hold: Only while the survey is unanswered.\nThey have already answered." in told
    assert "Answered the survey: Nov 24, 2026, 10:01 AM." in told
    assert "Only while the survey can be answered" not in told  # nobody had to ask that any more


def test_a_later_change_of_the_protocol_changes_nothing_about_what_went(departure, clock, marta):
    protocol = editing.create("Nuestro", builders.a_protocol(), marta)
    enrolments.put_on(departure, protocol, marta)
    clock.shift(60)
    mail = gone(written(departure, clock, SURVEY, "survey_invitation"))
    moved = tuple(
        replace(step, count=9) if step.name == "survey_invitation" else step
        for step in protocol.steps
    )
    clock.shift(60)
    editing.save_steps(protocol, moved, by=marta, was=1)

    assert "of the protocol “Nuestro”.\nCounts from the end date, Nov 20, 2026.\n1 day" in why(mail)


def test_what_another_protocol_says_since_changes_nothing_about_what_went(departure, clock, marta):
    mail = gone(written(departure, clock, SURVEY, "survey_invitation"))
    before = why(mail)
    clock.shift(3600)
    enrolments.put_on(departure, editing.create("Otro", None, marta), marta)

    assert "of the protocol “The whole farewell”.\nCounts from the end date" in before
    assert why(mail) == before


def test_a_mail_is_told_the_same_when_all_around_it_is_changed_or_deleted(departure, clock, marta):
    protocol = editing.create("Nuestro", builders.a_protocol(), marta)
    enrolments.put_on(departure, protocol, marta)
    gone(written(departure, clock, SURVEY, "survey_invitation"))
    went = gone(written(departure, clock, "2026-11-24T09:00:00Z", "survey_reminder_1"))
    suppressions.add("ana@ruy.example", SuppressionReason.complaint, source="imap")
    stopped = written(departure, clock, "2026-12-01T09:00:00Z", "survey_reminder_2")
    before = [why(went), why(stopped)]
    clock.shift(3600)
    departures.change(departure, {"end_on": date(2026, 12, 25)}, by=marta)
    for table in (Enrolment, Event, Suppression, SuppressionChange, ProtocolVersion, Protocol):
        db.session.execute(delete(table))
    db.session.execute(delete(OutboxMessage).where(OutboxMessage.step == "survey_invitation"))
    db.session.expire_all()

    assert [why(went), why(stopped)] == before
    assert "Counts from the mail “Survey”, which went on Nov 21, 2026." in before[0]
    assert "They marked one of our mails as spam.\nOn the list" in before[1]


def test_a_mail_counts_from_the_date_that_stood_then(departure, clock, marta):
    mail = gone(written(departure, clock, SURVEY, "survey_invitation"))
    clock.shift(3600)
    departures.change(departure, {"end_on": date(2026, 11, 25)}, by=marta)

    assert "Counts from the end date, Nov 20, 2026.\n1 day later" in why(mail)


def test_what_was_owed_when_it_was_recorded_says_so(marta, clock):
    contact = builders.a_contact(name="Ana Gil")
    facts = Facts(notice_on=date(2026, 11, 2), end_on=date(2026, 11, 20))
    late = departures.record(contact, facts, by=marta)
    told = why(gone(written(late, clock, RECORDED, "thank_you")))

    assert "Counts from the day of notice, Nov 2, 2026." in told
    assert "That had passed when the departure was recorded, so it was owed at once." in told
    assert "It is owed to them, so only a dead address stops it." in told


def test_who_skipped_or_sent_by_hand_is_named(departure, clock, marta):
    enrolments.skip(departure, "survey_invitation", marta)
    assert "Marta Ruiz skipped it on Nov 19, 2026, 1:00 PM." in why(the_mail("survey_invitation"))

    clock.shift(3600)
    told = why(gone(enrolments.send_now(departure, "survey_invitation", marta)))
    assert "Marta Ruiz sent it by hand on Nov 19, 2026, 2:00 PM." in told
    assert "Counts from" not in told  # a person overruled the calendar


def test_hours_that_moved_a_mail_are_told(departure, clock, mailbox):
    company = db.session.get_one(Company, 1)
    company.business_from, company.business_until = time(16), time(20)
    mail = written(departure, clock, SURVEY, "survey_invitation")
    db.session.commit()
    delivery.deliver([mail.id])
    clock.move_to("2026-11-21T15:00:00Z")
    delivery.deliver([mail.id])
    db.session.refresh(mail)

    assert mail.state is MailState.sent
    told = "It was not business hours where they are, so it waited until Nov 21, 2026, 4:00 PM."
    assert told in why(mail)
    assert "as many mails" not in why(mail)


def test_a_full_day_that_moved_a_mail_is_told(departure, clock, mailbox):
    db.session.get_one(Company, 1).daily_cap = 1
    other = outbox.write(MailKind.own_text, departure.contact, subject="other")
    mail = written(departure, clock, SURVEY, "survey_invitation")
    gone(other)
    db.session.commit()
    delivery.deliver([mail.id])
    clock.move_to("2026-11-22T09:00:00Z")
    delivery.deliver([mail.id])
    db.session.refresh(mail)

    assert mail.state is MailState.sent
    assert "as many mails today as one person may get. (Nov 22, 2026, 10:00 AM)" in why(mail)


def test_an_opt_out_is_told_with_its_day_though_it_was_taken_back_since(departure, clock, marta):
    row = suppressions.add("ana@ruy.example", SuppressionReason.unsubscribed, source="one-click")
    mail = written(departure, clock, SURVEY, "survey_invitation")
    clock.shift(3600)
    suppressions.lift(row, "", source="preferences page")
    clock.shift(3600)
    suppression_actions.add_by_hand("ana@ruy.example", SuppressionScope.everything, "", marta)

    told = why(mail)
    assert "They asked for no more mails of this kind." in told
    assert "since Nov 19, 2026, 1:00 PM: the mail program's unsubscribe button." in told
    assert "Somebody of your team stopped" not in told  # that came after it


def test_a_no_to_a_purpose_is_told_with_its_day_and_who_wrote_it_down(departure, clock, marta):
    said = OfflineAnswer(
        ConsentPurpose.check_ins,
        is_granted=False,
        wording="No, gracias.",
        channel="phone",
        given_at=now(),
    )
    consents.record(departure.contact, said, by=marta)
    suppressions.lift_own("ana@ruy.example", list(SuppressionScope), source="preferences page")
    mail = written(departure, clock, "2026-12-20T09:00:00Z", "door_open-1m")

    assert mail.skip_reason is SkipReason.no_consent
    told = why(mail)
    assert "They said no on Nov 19, 2026, 1:00 PM: by phone." in told
    assert "Marta Ruiz wrote it down." in told


def test_a_basis_that_had_ended_names_the_last_day(departure, clock):
    db.session.get_one(Company, 1).basis_months = 1
    departure.contact.left_on = date(2026, 10, 1)
    mail = written(departure, clock, "2026-12-20T09:00:00Z", "door_open-1m")

    assert mail.skip_reason is SkipReason.basis_ended
    assert "They left on Oct 1, 2026; Nov 1, 2026 was the last day to write to them" in why(mail)


def test_what_rests_on_a_basis_names_it(departure, clock):
    departure.contact.left_on = date(2026, 11, 20)
    mail = gone(written(departure, clock, "2026-12-20T09:00:00Z", "door_open-1m"))

    basis = "Basis: Legitimate interest: they were a client, since Nov 20, 2026."
    assert basis in why(mail)


def test_what_expired_says_how_long_it_was_good_for(departure, clock):
    mail = written(departure, clock, SURVEY, "survey_invitation")
    clock.move_to(mail.expires_at)
    gone(mail, MailState.skipped, skip_reason=SkipReason.expired, attempts=0)

    days = (mail.expires_at - mail.due_at).days
    assert f"{days} days after its time." in why(mail)


def test_a_mail_that_failed_or_is_in_doubt_says_what_the_server_said(departure, clock):
    mail = written(departure, clock, SURVEY, "survey_invitation")
    gone(mail, MailState.failed, server_words="550 no such user", attempts=3)
    mail.outcome, mail.outcome_at = Outcome.hard_bounced, now()
    told = why(mail)
    assert "It was given up on Nov 21, 2026, 10:00 AM.\nIt took 3 tries." in told
    assert (
        "The mail server said: 550 no such user\nThe address does not exist, Nov 21, 2026" in told
    )

    gone(mail, MailState.uncertain, outcome=None)
    assert "It may have arrived." in why(mail)


def test_who_stopped_a_mail_is_named_and_who_looked_after_it(departure, clock, marta):
    mail = written(departure, clock, SURVEY, "survey_invitation")
    deliveries.cancel(mail, marta)
    assert "Marta Ruiz stopped it on Nov 21, 2026, 10:00 AM." in why(mail)

    clock.shift(3600)
    deliveries.send_after_all(mail, marta)
    gone(mail)
    assert "Marta Ruiz looked after it on Nov 21, 2026, 11:00 AM." in why(mail)


def test_a_greeting_says_which_and_what_day_it_is(marta, clock):
    greeting = greeting_actions.find("season")
    greeting_actions.switch(greeting, is_on=True)
    builders.a_contact(name="Ana Gil")
    clock.move_to("2026-12-18T09:30:00Z")
    assert any(greeting_actions.write_due(now()))
    told = why(gone(the_mail("greeting")))

    assert "Greeting “Season’s greetings”, each year anew.\nIts day is 18 December." in told
    assert "For: clients and former clients." in told


def test_a_newsletter_says_which_issue_and_to_whom(marta, clock):
    builders.a_contact(name="Ana Gil", client=builders.a_client(service="SEO"))
    newsletter = newsletters.create("Novedades", marta)
    newsletter.texts = {"es": {"subject": "Novedades", "body": "Hola."}}
    newsletter.audience = Audience(who=Who.all, services=("SEO",)).as_json()
    db.session.flush()
    newsletters.schedule(newsletter, None, Frequency.once, by=marta, was=newsletter.version)
    db.session.commit()
    scheduler.tick()
    told = why(gone(the_mail("newsletter")))

    assert "Issue 1 of the newsletter “Novedades”, due on Nov 19, 2026" in told
    assert "For: clients and former clients.\n" in told
    assert "Its audience was narrowed down to: SEO." in told


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("kind", [kind for kind in MailKind if kind not in NATURES])
@pytest.mark.parametrize("state", [MailState.sent, MailState.skipped])
def test_every_kind_of_mail_has_an_answer(marta, clock, kind, state):
    context = {"occasion": "season"} if kind is MailKind.greeting else {}
    mail = outbox.write(kind, builders.a_contact(), subject="x", context=context)
    reason = SkipReason.withdrawn if state is MailState.skipped else None
    assert len(why(gone(mail, state, skip_reason=reason)).split("\n")) > 2


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("reason", [one for one in SkipReason if one is not SkipReason.paused])
def test_every_reason_has_an_answer(departure, clock, reason):
    mail = gone(written(departure, clock, SURVEY, "survey_invitation"), MailState.skipped)
    mail.skip_reason = reason
    assert len(why(mail).split("\n")) > 3


def test_what_waits_says_what_asked_for_it_and_until_when(departure, clock, mailbox):
    company = db.session.get_one(Company, 1)
    company.business_from, company.business_until = time(16), time(20)
    told = why(delivered(written(departure, clock, SURVEY, "survey_invitation")))

    assert told.startswith("Why is Ana to get this?\nStep “Survey” of the protocol")
    assert "It waits for your business hours, by their clock. (Nov 21, 2026" in told
    assert told.endswith("It is written and waits for its time.")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("state", [one for one in MailState if one not in OPEN_STATES])
@pytest.mark.parametrize("kind", list(MailKind))
def test_what_was_decided_before_reasons_were_kept_says_so(marta, clock, kind, state):
    mail = outbox.write(kind, builders.a_contact(name="Ana Gil"), subject="x")
    reason = SkipReason.suppressed if state is MailState.skipped else None
    told = why(gone(mail, state, decision=None, skip_reason=reason)).split("\n")

    assert told[1] == "This was decided before reasons were written down; what is known follows."
    assert "It was due on Nov 19, 2026, 1:00 PM." in told
    assert len(told) > 3


def test_a_pause_that_a_mail_waited_out_is_told_once(departure, clock, marta, mailbox):
    mail = written(departure, clock, SURVEY, "survey_invitation")
    db.session.execute(update(Enrolment).values(state=EnrolmentState.paused))
    for _hour in range(3):
        mail = delivered(mail)
        clock.move_to(mail.due_at)
    told = why(mail)

    assert told.count("Its mails were paused.") == 1
    assert "Its mails were paused. (Nov 21, 2026, 1:00 PM)" in told


@pytest.mark.parametrize("reason", [SkipReason.retained, SkipReason.returned])
def test_a_stage_that_ends_a_farewell_is_told_with_who_set_it(departure, clock, marta, reason):
    mail = written(departure, clock, SURVEY, "survey_invitation")
    departures.move(departure, Stage(reason), was=Stage.notice, by=marta)
    db.session.refresh(mail)

    assert mail.skip_reason is reason
    assert f"Now: {label(Stage(reason))}: Nov 21, 2026, 10:00 AM, Marta Ruiz." in why(mail)


def test_a_stop_is_told_the_same_whether_it_came_before_the_claim_or_at_it(
    departure, clock, marta, mailbox
):
    mail = written(departure, clock, SURVEY, "survey_invitation")
    held = written(departure, clock, "2026-11-21T09:00:00Z", "thank_you")
    db.session.execute(
        update(OutboxMessage).where(OutboxMessage.id == held.id).values(state=MailState.sending)
    )
    enrolments.stop(departure, marta)
    db.session.refresh(mail)
    db.session.execute(
        update(OutboxMessage).where(OutboxMessage.id == held.id).values(state=MailState.queued)
    )

    assert "Farewell mails stopped: Nov 21, 2026, 10:00 AM, Marta Ruiz." in why(mail)
    assert "Farewell mails stopped: Nov 21, 2026, 10:00 AM, Marta Ruiz." in why(delivered(held))


def test_who_sends_all_that_failed_again_is_named_for_each(departure, clock, marta):
    mails = [written(departure, clock, SURVEY, step) for step in ("thank_you", "survey_invitation")]
    for mail in mails:
        gone(mail, MailState.failed)
    clock.shift(3600)
    assert deliveries.send_all_again(select(OutboxMessage.id), marta) == 2
    for mail in mails:
        db.session.refresh(mail)
        assert "Marta Ruiz looked after it on Nov 21, 2026, 11:00 AM." in why(gone(mail))


def test_who_says_that_an_uncertain_mail_arrived_is_named(departure, clock, marta):
    mail = gone(written(departure, clock, SURVEY, "survey_invitation"), MailState.uncertain)
    clock.shift(3600)
    deliveries.say_it_arrived(mail, marta)
    assert "Marta Ruiz looked after it on Nov 21, 2026, 11:00 AM." in why(mail)


def test_the_forecast_and_the_past_say_the_day_of_a_mail_in_the_same_words(departure, clock):
    (coming,) = (
        item
        for found in forecasts.coming(now(), now() + timedelta(days=9))
        for item in found.forecasts
        if item.step.name == "survey_invitation"
    )
    with force_locale("en"):
        planned = reasons.why_planned(situations.of(departure), coming)
    went = why(gone(written(departure, clock, SURVEY, "survey_invitation")))

    assert "Counts from the end date, Nov 20, 2026." in planned
    assert "\n".join(planned[:2]).replace("\u202f", " ") in went


def test_an_old_mail_that_was_sent_by_hand_says_so_without_a_name(departure, clock, marta):
    mail = gone(enrolments.send_now(departure, "survey_invitation", marta), decision=None)
    told = why(mail)
    assert "Somebody of your team sent it by hand." in told
    assert "It was due on" not in told


def test_an_old_mail_that_is_stopped_now_names_who_stops_it(departure, clock, marta):
    mail = written(departure, clock, SURVEY, "survey_invitation")
    mail.decision = None
    db.session.flush()
    deliveries.cancel(mail, marta)
    told = why(mail)
    assert "This was decided before reasons were written down; what is known follows." in told
    assert "Marta Ruiz stopped it on Nov 21, 2026, 10:00 AM." in told
