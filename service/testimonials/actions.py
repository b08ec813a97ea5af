"""What the contact and the team do with a testimonial. Flushes, never commits.

The contact writes, changes and withdraws it; the team approves or rejects it, and may only propose
to leave words out. Who wrote the words decides about every other version of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from flask_babel import gettext as _
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from service import clock
from service.clients.actions import bases
from service.consent.actions import consents
from service.errors import Conflict, Gone, Refused
from service.extensions import db
from service.mail import outbox
from service.models import (
    ConsentPurpose,
    Event,
    EventKind,
    Invitation,
    MailKind,
    OutboxMessage,
    TeamMember,
    Testimonial,
    TestimonialState,
)
from service.team.actions.alerts import alert
from service.testimonials.rules import first_added_word

PERMISSIONS = (
    ConsentPurpose.publish_website,
    ConsentPurpose.publish_brochure,
    ConsentPurpose.publish_social,
)
SHOWN = ("quote", "display_name", "display_role", "display_company")


@dataclass(frozen=True, slots=True)
class Submission:
    """What a contact sends: the quote, its signature, and each permission with its wording."""

    quote: str
    display_name: str
    display_role: str
    display_company: str
    permissions: Mapping[ConsentPurpose, bool]
    wordings: Mapping[ConsentPurpose, str]
    language: str

    @property
    def signature(self) -> str:
        """Name, role and company as the contact wants them shown; empty when none is."""
        return ", ".join(filter(None, (self.display_name, self.display_role, self.display_company)))

    @property
    def has_permission(self) -> bool:
        """Whether it may be shown anywhere at all."""
        return any(self.permissions.values())


def submit(invitation: Invitation, submission: Submission) -> Testimonial:
    """Keep a contact's testimonial, to be read by the team.

    Raises Gone when the invitation is closed, and Conflict when there is a testimonial already: two
    people pressed at once, or the link was forwarded.
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
    _record_event(testimonial, EventKind.testimonial_submitted)
    _alert(testimonial)
    return testimonial


def change(testimonial: Testimonial, submission: Submission) -> None:
    """Replace the contact's words and permissions; new words wait for approval again.

    A change also gives a withdrawn testimonial again.
    """
    changed = [
        purpose
        for purpose in PERMISSIONS
        if getattr(testimonial, purpose) != submission.permissions[purpose]
    ]
    is_new = any(getattr(testimonial, name) != getattr(submission, name) for name in SHOWN)
    was_withdrawn = testimonial.state is TestimonialState.withdrawn
    _fill(testimonial, submission)
    _keep_consents(testimonial, submission, changed)
    if is_new or was_withdrawn:
        testimonial.state = TestimonialState.submitted
        testimonial.approved_at = testimonial.withdrawn_at = None
        testimonial.edited_quote, testimonial.edit_sent_at = "", None
        testimonial.edit_confirmed_at = None
        _record_event(testimonial, EventKind.testimonial_submitted)
        _alert(testimonial)
    testimonial.changed_at = clock.now()
    bases.interact(testimonial.departure.contact)
    db.session.flush()


def withdraw(testimonial: Testimonial, wording: str) -> None:
    """Withdraw a testimonial from every page and file at once; again it changes nothing."""
    if testimonial.state is TestimonialState.withdrawn:
        return
    for purpose in PERMISSIONS:
        if getattr(testimonial, purpose):
            setattr(testimonial, purpose, False)
            _keep_consent(testimonial, purpose, False, wording, testimonial.language)
    testimonial.state = TestimonialState.withdrawn
    testimonial.withdrawn_at = clock.now()
    _record_event(testimonial, EventKind.testimonial_withdrawn)
    db.session.flush()


def confirm_edit(testimonial: Testimonial, is_confirmed: bool) -> None:
    """Record the contact's answer to the shorter version; raises Gone when there is none."""
    if not testimonial.edited_quote:
        raise Gone(_("There is no shorter version any more. Your own words stand."))
    if is_confirmed:
        testimonial.edit_confirmed_at = clock.now()
        _record_event(testimonial, EventKind.testimonial_confirmed)
    else:
        testimonial.edited_quote, testimonial.edit_confirmed_at = "", None
        _record_event(testimonial, EventKind.testimonial_edited, detail="refused")
    db.session.flush()


def mail_link(testimonial: Testimonial) -> OutboxMessage | None:
    """Write the mail with a new private link; requests of one hour are one mail."""
    return outbox.write(
        MailKind.testimonial_link,
        testimonial.departure.contact,
        subject=f"testimonial:{testimonial.id}",
        cycle=int(clock.now().timestamp()) // 3600,
        departure=testimonial.departure,
        context={"testimonial_id": testimonial.id},
    )


def approve(testimonial: Testimonial, by: TeamMember) -> None:
    """Approve it to be shown where the contact permits; raises Conflict if it was withdrawn."""
    _not_withdrawn(testimonial)
    testimonial.state = TestimonialState.approved
    testimonial.approved_at = clock.now()
    testimonial.approved_by_id = by.id
    _record_event(testimonial, EventKind.testimonial_approved, by)
    db.session.flush()


def reject(testimonial: Testimonial, by: TeamMember) -> None:
    """Reject it: it is shown nowhere; raises Conflict if it was withdrawn."""
    _not_withdrawn(testimonial)
    testimonial.state = TestimonialState.rejected
    testimonial.approved_at = None
    _record_event(testimonial, EventKind.testimonial_rejected, by)
    db.session.flush()


def reopen(testimonial: Testimonial) -> None:
    """Undo an approval or a rejection; raises Conflict if it was withdrawn."""
    _not_withdrawn(testimonial)
    testimonial.state = TestimonialState.submitted
    testimonial.approved_at = None
    db.session.flush()


def shorten(testimonial: Testimonial, text: str, by: TeamMember) -> OutboxMessage | None:
    """Propose a shorter version to the contact; the original is shown until they confirm it.

    Raises Refused when a word was changed or added, and Conflict if it was withdrawn.
    """
    _not_withdrawn(testimonial)
    added = first_added_word(testimonial.quote, text)
    if added is not None:
        raise Refused(
            _(
                "You may leave words out, but not change or add any: “%(word)s” does not stand "
                "there in the original. Mark what you leave out with “…”.",
                word=added,
            )
        )
    testimonial.edited_quote = text
    testimonial.edit_sent_at = clock.now()
    testimonial.edit_confirmed_at = None
    _record_event(testimonial, EventKind.testimonial_edited, by)
    db.session.flush()
    return outbox.write(
        MailKind.testimonial_edit,
        testimonial.departure.contact,
        subject=f"testimonial:{testimonial.id}",
        cycle=testimonial.version,
        departure=testimonial.departure,
        by=by,
        context={"testimonial_id": testimonial.id},
    )


def _record_event(
    testimonial: Testimonial, kind: EventKind, by: TeamMember | None = None, detail: str = ""
) -> None:
    """Add an event to the departure's timeline; without `by` it is the contact's."""
    db.session.add(
        Event(
            departure_id=testimonial.departure.id,
            kind=kind,
            provider_id=by.id if by else None,
            is_by_contact=by is None,
            detail=detail,
        )
    )


def _fill(testimonial: Testimonial, submission: Submission) -> None:
    for name in SHOWN:
        setattr(testimonial, name, getattr(submission, name))
    for purpose in PERMISSIONS:
        setattr(testimonial, purpose, submission.permissions[purpose])


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


def _not_withdrawn(testimonial: Testimonial) -> None:
    if testimonial.state is TestimonialState.withdrawn:
        raise Conflict(_("The contact has withdrawn this testimonial. It cannot be shown again."))
