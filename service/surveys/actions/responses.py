"""Keep what a contact answers: begin it, change it, send it. Flushes, never commits.

Whatever follows from a sent answer is written in the same transaction: the recovery when something
failed, the consent, the mails owed, the invitation to a testimonial when one is deserved.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.exc import StaleDataError

from service.clients.actions import bases
from service.clock import now
from service.consent.actions import consents
from service.errors import Conflict
from service.extensions import db
from service.mail import outbox
from service.models import (
    Answer,
    ConsentPurpose,
    Enrolment,
    EnrolmentState,
    Event,
    EventKind,
    Invitation,
    MailKind,
    Reason,
    Recovery,
    Response,
)
from service.protocols.actions.progress import HELD
from service.surveys.actions import invitations
from service.team.actions.alerts import alert

CHANNEL = "survey page"


@dataclass(frozen=True, slots=True)
class Answers:
    """What the contact says. `own` holds each of the provider's questions that was on the page."""

    score: int | None = None
    satisfaction: int | None = None
    handover: int | None = None
    reasons: frozenset[Reason] = frozenset()
    valued_most: str = ""
    to_improve: str = ""
    comment: str = ""
    return_likelihood: int | None = None
    keep_in_touch: bool = False
    own: Mapping[int, Any] = field(default_factory=dict)


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
    """Say whether `answers` are what `response` holds already."""
    held = {answer.question_id: answer.value for answer in response.answers}
    return (
        all(getattr(response, name) == getattr(answers, name) for name in PLAIN)
        and response.reasons == answers.reasons
        and all(held.get(question_id) == value for question_id, value in answers.own.items())
    )


def record(
    invitation: Invitation, answers: Answers, *, language: str, wording: str, send: bool
) -> Response:
    """Keep the first answer to `invitation`, sent or partial.

    Raises Conflict when somebody was first; the transaction is then to be rolled back.
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
        _note(response, EventKind.answer_saved)
    db.session.flush()
    return response


def change(
    response: Response, answers: Answers, *, language: str, wording: str, send: bool
) -> None:
    """Keep `answers` in place of what was there; once sent, an answer stays sent.

    Saying the same again changes nothing. Raises Conflict when somebody else changed it meanwhile.
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
        _note(response, EventKind.answer_saved)
    db.session.flush()


def mail_link(response: Response) -> bool:
    """Owe the contact a fresh private link to the answer; asked again within the hour it is one.

    Returns False when nothing may be written to the contact's address.
    """
    departure = response.departure
    mail = outbox.write(
        MailKind.survey_resume,
        departure.contact,
        subject=f"response:{response.id}",
        cycle=int(now().timestamp()) // 3600,
        departure=departure,
        sender=departure.responsible,
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
    for question_id, value in answers.own.items():
        answer = held.get(question_id)
        if value is None and answer is not None:
            response.answers.remove(answer)
        elif value is not None and answer is not None:
            answer.value = value
        elif value is not None:
            response.answers.append(Answer(question_id=question_id, value=value))


def _send(response: Response, wording: str) -> None:
    """Write down that the answer was sent, and everything that is owed because of it."""
    departure = response.departure
    _note(response, EventKind.answer_sent)
    if response.keep_in_touch:
        _consent(response, wording, is_granted=True)
    outbox.write(
        MailKind.answer_received,
        departure.contact,
        subject=f"response:{response.id}",
        departure=departure,
        sender=departure.responsible,
        expires_at=response.invitation.closes_at,
        context={"response_id": response.id},
    )
    if response.needs_recovery:
        _open_recovery(response)
    else:
        _alert(MailKind.alert_new_answer, response)
    _follow_up(response)


def _resend(response: Response, wording: str, failed_before: bool, stayed_in_touch: bool) -> None:
    """Note that a sent answer was changed, and what is new because of it."""
    _note(response, EventKind.answer_changed)
    if response.keep_in_touch != stayed_in_touch:
        _consent(response, wording, is_granted=response.keep_in_touch)
    if response.needs_recovery and not failed_before:
        _open_recovery(response)
    _follow_up(response)


def _follow_up(response: Response) -> None:
    """Open the way to a testimonial when it is deserved; ask the protocol again at once."""
    if invitations.deserves_testimonial(response):
        invitations.invite_to_testimonial(response.departure)
    db.session.execute(
        update(Enrolment)
        .where(
            Enrolment.departure_id == response.departure_id,
            Enrolment.state.not_in(HELD),
        )
        .values(state=EnrolmentState.active, next_at=now())
    )


def _open_recovery(response: Response) -> None:
    """Open the departure's recovery, or open it again, and tell the responsible at once."""
    recovery = db.session.scalar(
        select(Recovery).where(Recovery.departure_id == response.departure_id)
    )
    if recovery is None:
        db.session.add(Recovery(departure=response.departure))
    elif recovery.closed_at is not None:
        recovery.closed_at = recovery.is_resolved = None
    _note(response, EventKind.recovery_opened)
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
    """Write down the yes, or that it was taken back: then nothing of its kind is sent any more."""
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
        consents.stand(contact, ConsentPurpose.newsletter, is_granted)
    consents.stand(contact, ConsentPurpose.keep_in_touch, is_granted)


def _note(response: Response, kind: EventKind) -> None:
    db.session.add(Event(departure_id=response.departure_id, kind=kind, is_by_contact=True))
