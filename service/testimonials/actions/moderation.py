"""Moderation: what the provider does with a testimonial. Words may be left out, never changed."""

import re

from flask_babel import gettext as _

from service import clock
from service.errors import Conflict, Refused
from service.extensions import db
from service.mail import outbox
from service.models import (
    EventKind,
    MailKind,
    OutboxMessage,
    TeamMember,
    Testimonial,
    TestimonialState,
)
from service.testimonials.actions.testimonials import tell


def approve(testimonial: Testimonial, by: TeamMember) -> None:
    """Let the testimonial be shown wherever the contact permits; raises Conflict if withdrawn."""
    _not_withdrawn(testimonial)
    testimonial.state = TestimonialState.approved
    testimonial.approved_at = clock.now()
    testimonial.approved_by_id = by.id
    tell(testimonial, EventKind.testimonial_approved, provider_id=by.id)
    db.session.flush()


def reject(testimonial: Testimonial, by: TeamMember) -> None:
    """Keep the testimonial to ourselves; raises Conflict if it was withdrawn."""
    _not_withdrawn(testimonial)
    testimonial.state = TestimonialState.rejected
    testimonial.approved_at = None
    tell(testimonial, EventKind.testimonial_rejected, provider_id=by.id)
    db.session.flush()


def reopen(testimonial: Testimonial) -> None:
    """Take an approval or a rejection back; raises Conflict if it was withdrawn."""
    _not_withdrawn(testimonial)
    testimonial.state = TestimonialState.submitted
    testimonial.approved_at = None
    db.session.flush()


def shorten(testimonial: Testimonial, text: str, by: TeamMember) -> OutboxMessage | None:
    """Propose a shorter version to the contact; their own words stay until they say yes.

    Raises Refused when a word was changed or added, and Conflict if it was withdrawn.
    """
    _not_withdrawn(testimonial)
    strange = first_word_not_said(testimonial.quote, text)
    if strange is not None:
        raise Refused(
            _(
                "You may leave words out, but not change or add any: “%(word)s” does not stand "
                "there in the original. Mark what you leave out with “…”.",
                word=strange,
            )
        )
    testimonial.edited_quote = text
    testimonial.edit_sent_at = clock.now()
    testimonial.edit_confirmed_at = None
    tell(testimonial, EventKind.testimonial_edited, provider_id=by.id)
    db.session.flush()
    return outbox.write(
        MailKind.testimonial_edit,
        testimonial.departure.contact,
        subject=f"testimonial:{testimonial.id}",
        cycle=testimonial.version,
        departure=testimonial.departure,
        sender=testimonial.departure.responsible or by,
        context={"testimonial_id": testimonial.id},
    )


def first_word_not_said(original: str, shorter: str) -> str | None:
    """Return the first word of `shorter` that `original` does not say at that place, or None.

    Case and punctuation do not count, so that a sentence may begin and end elsewhere.
    """
    said = (word.casefold() for word in _words(original))  # `in` goes on where it last stopped
    return next((word for word in _words(shorter) if word.casefold() not in said), None)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+(?:['’.,\-]\w+)*|[^\w\s.,;:!?¡¿…\"'“”«»()\[\]–—-]", text)


def _not_withdrawn(testimonial: Testimonial) -> None:
    if testimonial.state is TestimonialState.withdrawn:
        raise Conflict(_("The contact has withdrawn this testimonial. It cannot be shown again."))
