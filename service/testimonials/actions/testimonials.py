"""Testimonials: written, changed and withdrawn by the contact."""

from collections.abc import Mapping
from dataclasses import dataclass

from flask_babel import gettext as _
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from service import clock
from service.clients.actions import bases
from service.consent.actions import consents
from service.errors import Conflict, Gone
from service.extensions import db
from service.mail import outbox
from service.models import (
    ConsentPurpose,
    Event,
    EventKind,
    Invitation,
    MailKind,
    OutboxMessage,
    Testimonial,
    TestimonialState,
)
from service.team.actions.alerts import alert

PERMISSIONS = (
    ConsentPurpose.publish_website,
    ConsentPurpose.publish_brochure,
    ConsentPurpose.publish_social,
)


@dataclass(frozen=True, slots=True)
class Submission:
    """What a contact sends: words, how to sign them, and each permission with its wording."""

    quote: str
    display_name: str
    display_role: str
    display_company: str
    permissions: Mapping[ConsentPurpose, bool]
    wordings: Mapping[ConsentPurpose, str]
    language: str


def of(invitation: Invitation) -> Testimonial | None:
    """Return the testimonial that the invitation led to, if it did."""
    query = select(Testimonial).where(Testimonial.departure_id == invitation.departure_id)
    return db.session.scalar(query)


def submit(invitation: Invitation, submission: Submission) -> Testimonial:
    """Keep a contact's words for the provider to read.

    Raises Gone when the invitation is closed and Conflict when there are words already: two
    people pressing at once, or a link that was forwarded.
    """
    if not invitation.is_open(clock.now()):
        raise Gone(_("This link is closed. Your words were not sent."))
    testimonial = Testimonial(departure=invitation.departure, language=submission.language)
    _fill(testimonial, submission)
    try:
        with db.session.begin_nested():
            db.session.add(testimonial)
    except IntegrityError:
        raise Conflict(_("There is a testimonial already. Yours was not sent.")) from None
    _keep_consents(testimonial, submission, PERMISSIONS)
    bases.interact(invitation.departure.contact)
    tell(testimonial, EventKind.testimonial_submitted)
    _alert(testimonial)
    return testimonial


def change(testimonial: Testimonial, submission: Submission) -> None:
    """Take the contact's new words or permissions. New words are approved anew.

    Who had withdrawn gives them again by this.
    """
    changed = [
        purpose
        for purpose in PERMISSIONS
        if getattr(testimonial, purpose) != submission.permissions[purpose]
    ]
    is_new = testimonial.quote != submission.quote or _signature(testimonial) != (
        submission.display_name,
        submission.display_role,
        submission.display_company,
    )
    was_withdrawn = testimonial.state is TestimonialState.withdrawn
    _fill(testimonial, submission)
    _keep_consents(testimonial, submission, changed)
    if is_new or was_withdrawn:
        testimonial.state = TestimonialState.submitted
        testimonial.approved_at = testimonial.withdrawn_at = None
        testimonial.edited_quote, testimonial.edit_sent_at = "", None
        testimonial.edit_confirmed_at = None
        tell(testimonial, EventKind.testimonial_submitted)
        _alert(testimonial)
    testimonial.changed_at = clock.now()
    bases.interact(testimonial.departure.contact)
    db.session.flush()


def withdraw(testimonial: Testimonial, wording: str) -> None:
    """Take a testimonial out of everything at once. Twice is once."""
    if testimonial.state is TestimonialState.withdrawn:
        return
    for purpose in PERMISSIONS:
        if getattr(testimonial, purpose):
            setattr(testimonial, purpose, False)
            _keep_consent(testimonial, purpose, False, wording, testimonial.language)
    testimonial.state = TestimonialState.withdrawn
    testimonial.withdrawn_at = clock.now()
    tell(testimonial, EventKind.testimonial_withdrawn)
    db.session.flush()


def confirm_edit(testimonial: Testimonial, is_fine: bool) -> None:
    """Take the contact's yes or no to the shorter version; raises Gone when there is none."""
    if not testimonial.edited_quote:
        raise Gone(_("There is no shorter version any more. Your own words stand."))
    if is_fine:
        testimonial.edit_confirmed_at = clock.now()
        tell(testimonial, EventKind.testimonial_confirmed)
    else:
        testimonial.edited_quote, testimonial.edit_confirmed_at = "", None
        tell(testimonial, EventKind.testimonial_edited, detail="refused")
    db.session.flush()


def mail_link(testimonial: Testimonial) -> OutboxMessage | None:
    """Owe the contact a fresh private link; several presses within an hour are one mail."""
    return outbox.write(
        MailKind.testimonial_link,
        testimonial.departure.contact,
        subject=f"testimonial:{testimonial.id}",
        cycle=int(clock.now().timestamp()) // 3600,
        departure=testimonial.departure,
        sender=testimonial.departure.responsible,
        context={"testimonial_id": testimonial.id},
    )


def tell(
    testimonial: Testimonial,
    kind: EventKind,
    *,
    provider_id: int | None = None,
    detail: str = "",
) -> None:
    """Put an event on the timeline of the testimonial's departure."""
    db.session.add(
        Event(
            departure_id=testimonial.departure.id,
            kind=kind,
            provider_id=provider_id,
            is_by_contact=provider_id is None,
            detail=detail,
        )
    )


def _fill(testimonial: Testimonial, submission: Submission) -> None:
    testimonial.quote = submission.quote
    testimonial.display_name = submission.display_name
    testimonial.display_role = submission.display_role
    testimonial.display_company = submission.display_company
    for purpose in PERMISSIONS:
        setattr(testimonial, purpose, submission.permissions[purpose])


def _signature(testimonial: Testimonial) -> tuple[str, str, str]:
    return (
        testimonial.display_name,
        testimonial.display_role,
        testimonial.display_company,
    )


def _keep_consents(
    testimonial: Testimonial,
    submission: Submission,
    purposes: tuple[ConsentPurpose, ...] | list[ConsentPurpose],
) -> None:
    for purpose in purposes:
        _keep_consent(
            testimonial,
            purpose,
            submission.permissions[purpose],
            submission.wordings[purpose],
            submission.language,
        )


def _keep_consent(
    testimonial: Testimonial,
    purpose: ConsentPurpose,
    is_granted: bool,
    wording: str,
    language: str,
) -> None:
    consents.note(
        testimonial.departure.contact_id,
        purpose,
        is_granted,
        wording=wording,
        language=language,
        channel="testimonial page",
    )


def _alert(testimonial: Testimonial) -> None:
    written = db.session.scalar(
        select(func.count())
        .select_from(OutboxMessage)
        .where(
            OutboxMessage.kind == MailKind.alert_testimonial,
            OutboxMessage.departure_id == testimonial.departure.id,
        )
    )
    db.session.flush()
    alert(
        MailKind.alert_testimonial,
        testimonial.departure,
        subject=f"testimonial:{testimonial.id}",
        cycle=written or 0,
        context={"testimonial_id": testimonial.id},
    )
