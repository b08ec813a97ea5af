"""Invite to a testimonial, when one is deserved. Writes no mail: the protocol does."""

from sqlalchemy import select

from service.clock import now
from service.extensions import db
from service.models import Departure, Invitation, InvitationKind, Recovery, Response
from service.protocols.rules.situations import names_no_quality


def deserves_testimonial(response: Response) -> bool:
    """Say whether a testimonial may be asked for: by reason, never by score alone.

    No side names quality or service, and no recovery is open.
    """
    departure = response.departure
    if response.submitted_at is None or departure.is_over:
        return False
    if not names_no_quality(departure, response):
        return False
    is_open = select(Recovery.id).where(
        Recovery.departure_id == departure.id, Recovery.closed_at.is_(None)
    )
    return db.session.scalar(is_open) is None


def testimonial_invitation(departure: Departure) -> Invitation | None:
    """Return the departure's invitation to a testimonial, open or not."""
    return db.session.scalar(
        select(Invitation).where(
            Invitation.departure_id == departure.id, Invitation.kind == InvitationKind.testimonial
        )
    )


def invite_to_testimonial(departure: Departure) -> Invitation:
    """Return the departure's invitation to a testimonial, made when there is none."""
    invitation = testimonial_invitation(departure)
    if invitation is None:
        invitation = Invitation(
            departure=departure,
            kind=InvitationKind.testimonial,
            closes_at=now() + InvitationKind.testimonial.open_for,
        )
        db.session.add(invitation)
        db.session.flush()
    return invitation
