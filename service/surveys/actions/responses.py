"""Keep a contact's response: save a partial one, send it, change it. Flushes, never commits.

What follows from a sent response is written in the same transaction: the recovery when something
failed, the consent, the mails to the contact and the team, the invitation to a testimonial.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.exc import StaleDataError

from service.clients.actions import bases
from service.clock import now
from service.consent.actions import consents
from service.departures.actions import recoveries
from service.errors import Conflict
from service.extensions import db
from service.mail import outbox
from service.models import (
    Answer,
    ConsentPurpose,
    Departure,
    Enrolment,
    EnrolmentState,
    Event,
    EventKind,
    Invitation,
    InvitationKind,
    MailKind,
    Reason,
    Response,
)
from service.protocols.actions.progress import HELD, soonest
from service.surveys import queries
from service.team.actions.alerts import alert

CHANNEL = "survey page"


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers of one response; `custom` holds each custom question that was on the page."""

    score: int | None = None
    satisfaction: int | None = None
    handover: int | None = None
    reasons: frozenset[Reason] = frozenset()
    valued_most: str = ""
    to_improve: str = ""
    comment: str = ""
    return_likelihood: int | None = None
    keep_in_touch: bool = False
    custom: Mapping[int, Any] = field(default_factory=dict)


PLAIN = (
    "score",
    "satisfaction",
    "handover",
    "valued_most",
    "to_improve",
    "comment",
    "return_likelihood",
    "keep_in_touch",
)


def says_the_same(response: Response, answers: Answers) -> bool:
    """Return whether `response` holds exactly `answers` already."""
    held = {answer.question_id: answer.value for answer in response.answers}
    return (
        all(getattr(response, name) == getattr(answers, name) for name in PLAIN)
        and response.reasons == answers.reasons
        and all(held.get(question_id) == value for question_id, value in answers.custom.items())
    )


def record(
    invitation: Invitation, answers: Answers, *, language: str, wording: str, send: bool
) -> Response:
    """Keep the first response to `invitation`, sent or partial.

    Raises Conflict when another one was kept first; roll the transaction back then.
    """
    moment = now()
    response = Response(
        invitation=invitation,
        departure=invitation.departure,
        language=language,
        saved_at=moment,
        submitted_at=moment if send else None,
    )
    db.session.add(response)
    _fill(response, answers)
    try:
        db.session.flush()
    except IntegrityError as error:
        raise Conflict("answered already") from error
    bases.interact(invitation.departure.contact)
    if send:
        _send(response, wording)
    else:
        _record_event(response, EventKind.answer_saved)
    db.session.flush()
    return response


def change(
    response: Response, answers: Answers, *, language: str, wording: str, send: bool
) -> None:
    """Replace the response's answers with `answers`; a sent response stays sent.

    The same answers again change nothing. Raises Conflict when the response has been changed by
    another request meanwhile.
    """
    is_new = not says_the_same(response, answers)
    is_first_send = send and response.submitted_at is None
    if not is_new and not is_first_send:
        return
    failed_before = response.submitted_at is not None and response.needs_recovery
    stayed_in_touch = response.submitted_at is not None and response.keep_in_touch
    _fill(response, answers)
    response.language = language
    response.saved_at = now()
    if is_first_send:
        response.submitted_at = response.saved_at
    try:
        db.session.flush()
    except StaleDataError as error:
        raise Conflict("changed meanwhile") from error
    bases.interact(response.departure.contact)
    if is_first_send:
        _send(response, wording)
    elif response.submitted_at is not None:
        _resend(response, wording, failed_before, stayed_in_touch)
    else:
        _record_event(response, EventKind.answer_saved)
    db.session.flush()


def mail_link(response: Response) -> bool:
    """Write the mail with a new private link to the response; requests of one hour are one mail.

    Returns False when no mail may go to the contact's address.
    """
    departure = response.departure
    mail = outbox.write(
        MailKind.survey_resume,
        departure.contact,
        subject=f"response:{response.id}",
        cycle=int(now().timestamp()) // 3600,
        departure=departure,
        expires_at=response.invitation.closes_at,
        context={"response_id": response.id},
    )
    db.session.flush()
    return mail is None or mail.skip_reason is None


def _fill(response: Response, answers: Answers) -> None:
    for name in PLAIN:
        setattr(response, name, getattr(answers, name))
    response.reasons = set(answers.reasons)
    held = {answer.question_id: answer for answer in response.answers}
    for question_id, value in answers.custom.items():
        answer = held.get(question_id)
        if value is None and answer is not None:
            response.answers.remove(answer)
        elif value is not None and answer is not None:
            answer.value = value
        elif value is not None:
            response.answers.append(Answer(question_id=question_id, value=value))


def _send(response: Response, wording: str) -> None:
    """Record that the response was sent, and write everything that follows from it."""
    departure = response.departure
    _record_event(response, EventKind.answer_sent)
    if response.keep_in_touch:
        _consent(response, wording, is_granted=True)
    outbox.write(
        MailKind.answer_received,
        departure.contact,
        subject=f"response:{response.id}",
        departure=departure,
        expires_at=response.invitation.closes_at,
        context={"response_id": response.id},
    )
    if response.needs_recovery:
        _open_recovery(response)
    else:
        _alert(MailKind.alert_new_answer, response)
    _follow_up(response)


def _resend(response: Response, wording: str, failed_before: bool, stayed_in_touch: bool) -> None:
    """Record that a sent response was changed, and write what is new because of it."""
    _record_event(response, EventKind.answer_changed)
    if response.keep_in_touch != stayed_in_touch:
        _consent(response, wording, is_granted=response.keep_in_touch)
    if response.needs_recovery and not failed_before:
        _open_recovery(response)
    _follow_up(response)


def _follow_up(response: Response) -> None:
    """Invite to a testimonial when one is deserved, and make the enrolment due at once."""
    if queries.deserves_testimonial(response):
        _invite_to_testimonial(response.departure)
    db.session.execute(
        update(Enrolment)
        .where(
            Enrolment.departure_id == response.departure_id,
            Enrolment.state.not_in(HELD),
        )
        .values(state=EnrolmentState.active, next_at=soonest())
    )


def _invite_to_testimonial(departure: Departure) -> None:
    """Add the invitation to a testimonial unless there is one. The protocol writes its mail."""
    if queries.testimonial_invitation(departure) is None:
        kind = InvitationKind.testimonial
        invitation = Invitation(departure=departure, kind=kind, closes_at=now() + kind.open_for)
        db.session.add(invitation)
        db.session.flush()


def _open_recovery(response: Response) -> None:
    """Open or reopen the departure's recovery, and alert the responsible at once."""
    recoveries.open_in(response.departure)
    _record_event(response, EventKind.recovery_opened)
    _alert(MailKind.alert_low_score, response)


def _alert(kind: MailKind, response: Response) -> None:
    alert(
        kind,
        response.departure,
        subject=f"response:{response.id}",
        cycle=response.version,
        context={"response_id": response.id},
    )


def _consent(response: Response, wording: str, *, is_granted: bool) -> None:
    """Record the consent given or withdrawn; without it nothing is sent any more on its basis."""
    contact = response.departure.contact
    consents.note(
        contact.id,
        ConsentPurpose.keep_in_touch,
        is_granted,
        wording=wording,
        language=response.language,
        channel=CHANNEL,
    )
    if not is_granted:
        contact.newsletter = contact.greetings = contact.check_ins = False
        consents.set_basis(contact, ConsentPurpose.newsletter, is_granted)
    consents.set_basis(contact, ConsentPurpose.keep_in_touch, is_granted)


def _record_event(response: Response, kind: EventKind) -> None:
    db.session.add(Event(departure_id=response.departure_id, kind=kind, is_by_contact=True))
