"""What follows from a response is written in the same transaction."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.clock import now
from service.errors import Conflict
from service.models import (
    Enrolment,
    EnrolmentState,
    Invitation,
    InvitationKind,
    MailKind,
    OutboxMessage,
    Reason,
    Recovery,
    Response,
    Role,
    SkipReason,
    TeamMember,
)
from service.protocols.actions import enrolments
from service.surveys.actions import responses
from service.surveys.actions.responses import Answers
from tests.builders import (
    a_client,
    a_company,
    a_contact,
    a_departure,
    a_member,
    an_invitation,
)

FAILED = Answers(score=9, reasons=frozenset({Reason.customer_service}))


@pytest.fixture
def invitation(session: Session) -> Invitation:
    """Somebody invited to the survey, whose departure has a responsible."""
    a_company()
    return an_invitation(departure=a_departure(responsible=a_member()))


def sent(invitation: Invitation, answers: Answers) -> Response:
    """Send `answers` as the first ones."""
    return responses.record(invitation, answers, language="es", wording="Sí", send=True)


def changed(response: Response, answers: Answers, *, send: bool = True) -> None:
    """Send `answers` in place of what was there."""
    responses.change(response, answers, language="es", wording="Sí", send=send)


def mails(session: Session) -> list[tuple[MailKind, bool]]:
    """Every mail written: its kind, and whether it goes to the contact."""
    rows = session.scalars(select(OutboxMessage).order_by(OutboxMessage.id))
    return [(row.kind, row.contact_id is not None) for row in rows]


def test_a_good_response_thanks_the_contact_and_alerts_the_responsible(
    invitation: Invitation, session: Session
) -> None:
    sent(invitation, Answers(score=9))
    assert mails(session) == [(MailKind.answer_received, True), (MailKind.alert_new_answer, False)]
    assert session.scalars(select(Recovery)).first() is None


@pytest.mark.parametrize(
    "answers",
    [
        Answers(score=6),
        Answers(score=10, satisfaction=2),
        Answers(score=10, reasons=frozenset({Reason.deliverable_quality})),
    ],
)
def test_what_failed_opens_a_recovery_and_alerts_once(
    invitation: Invitation, session: Session, answers: Answers
) -> None:
    sent(invitation, answers)
    assert session.scalars(select(Recovery)).one().closed_at is None
    assert mails(session) == [(MailKind.answer_received, True), (MailKind.alert_low_score, False)]


def test_a_partial_response_writes_no_mail_yet(invitation: Invitation, session: Session) -> None:
    responses.record(invitation, FAILED, language="es", wording="Sí", send=False)
    assert mails(session) == []
    assert session.scalars(select(Recovery)).first() is None


def test_a_change_alerts_only_when_something_newly_failed(
    invitation: Invitation, session: Session
) -> None:
    response = sent(invitation, Answers(score=9))
    changed(response, Answers(score=8))
    assert len(mails(session)) == 2
    changed(response, FAILED)
    assert mails(session)[2:] == [(MailKind.alert_low_score, False)]
    changed(response, Answers(score=1, reasons=frozenset({Reason.customer_service})))
    assert len(mails(session)) == 3


def test_a_closed_recovery_opens_again_when_it_fails_again(
    invitation: Invitation, session: Session
) -> None:
    response = sent(invitation, FAILED)
    recovery = session.scalars(select(Recovery)).one()
    recovery.closed_at, recovery.is_resolved = now(), True
    changed(response, Answers(score=9))
    assert recovery.closed_at is not None
    changed(response, Answers(score=2))
    assert recovery.closed_at is None
    assert recovery.is_resolved is None


def test_without_a_responsible_every_active_owner_is_alerted(session: Session) -> None:
    a_company()
    owners = {a_member().id, a_member().id}
    a_member(role=Role.member)
    a_member(is_active=False)
    sent(an_invitation(), Answers(score=9))
    alerted = select(OutboxMessage.provider_id).where(
        OutboxMessage.kind == MailKind.alert_new_answer
    )
    assert set(session.scalars(alerted)) == owners
    assert session.get(TeamMember, min(owners)) is not None


def test_sample_clients_are_never_written_to(session: Session) -> None:
    a_company()
    contact = a_contact(client=a_client(is_sample=True))
    sent(an_invitation(departure=a_departure(contact=contact)), Answers(score=9))
    mail = session.scalars(select(OutboxMessage)).one()
    assert mail.skip_reason is SkipReason.sample


def test_a_response_makes_the_enrolment_due_at_once(
    invitation: Invitation, session: Session
) -> None:
    enrolment = enrolments.enrol(invitation.departure)
    enrolment.state, enrolment.next_at = EnrolmentState.finished, None
    session.flush()
    sent(invitation, Answers(score=9))
    session.refresh(enrolment)
    assert enrolment.state is EnrolmentState.active
    assert enrolment.next_at <= now()


def test_a_stopped_protocol_stays_stopped(invitation: Invitation, session: Session) -> None:
    enrolment = enrolments.enrol(invitation.departure)
    session.flush()
    enrolment.state, enrolment.next_at = EnrolmentState.stopped, None
    session.flush()
    sent(invitation, Answers(score=9))
    assert session.scalars(select(Enrolment.state)).one() is EnrolmentState.stopped


def test_an_invitation_to_a_testimonial_is_made_once_and_stays_as_it_is(
    invitation: Invitation, session: Session
) -> None:
    response = sent(invitation, Answers(score=9))
    made = select(Invitation).where(Invitation.kind == InvitationKind.testimonial)
    testimonial = session.scalars(made).one()
    testimonial.revoked_at = now() - timedelta(days=1)
    changed(response, Answers(score=10))
    assert session.scalars(made).one().revoked_at is not None


def test_a_fresh_link_asked_for_twice_within_the_hour_is_one_mail(
    invitation: Invitation, session: Session
) -> None:
    response = sent(invitation, Answers(score=9))
    assert responses.mail_link(response)
    assert responses.mail_link(response)
    assert mails(session).count((MailKind.survey_resume, True)) == 1


def test_the_second_of_two_first_responses_raises_conflict(
    invitation: Invitation, session: Session
) -> None:
    sent(invitation, Answers(score=9))
    session.commit()
    with pytest.raises(Conflict):
        sent(invitation, Answers(score=1))
    session.rollback()
    assert session.scalars(select(Response.score)).one() == 9
