"""Why we may write to a contact, with the proof of it; and whose basis is about to end. Reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import joinedload

from service.extensions import db
from service.mail.policy import suppressions
from service.mail.policy.legal_basis import PURPOSES, Permission, midnight, oldest_day, permission
from service.models import (
    Client,
    Company,
    Consent,
    ConsentPurpose,
    Contact,
    SkipReason,
    SuppressionScope,
)

SOON = timedelta(days=60)
SPOKEN_OF = (*PURPOSES, ConsentPurpose.keep_in_touch)


@dataclass(frozen=True, slots=True)
class Line:
    """One purpose: whether we may, and what the contact last said to it, if anything."""

    permission: Permission
    why_not: SkipReason | None  # the list of those who get no mail counts as well
    said: Consent | None


def consents_of(contact: Contact) -> Sequence[Consent]:
    """Return every yes and no of a contact to mails, the newest first."""
    query = select(Consent).where(Consent.contact_id == contact.id, Consent.purpose.in_(SPOKEN_OF))
    query = query.options(joinedload(Consent.member)).order_by(Consent.id.desc())
    return db.session.scalars(query).all()


def lines(
    contact: Contact, consents: Sequence[Consent], company: Company, at: datetime
) -> list[Line]:
    """Return what holds for each purpose, with its proof among `consents`, the newest first."""
    scopes = {row.scope for row in suppressions.of(contact.email)}
    found = []
    for purpose in PURPOSES:
        holds = permission(contact, purpose, company, at)
        is_stopped = not scopes.isdisjoint({*suppressions.WIDE, SuppressionScope(purpose)})
        stopped = SkipReason.suppressed if is_stopped else None
        found.append(Line(holds, stopped or holds.why_not, _proof(consents, purpose)))
    return found


def is_ending(company: Company, at: datetime) -> ColumnElement[bool]:
    """Return the condition that a contact's interest ends within SOON, and that no yes goes on.

    The same days as models.bases.last_day counts, asked of the database.
    """
    today = at.astimezone(company.zone).date()
    first = oldest_day(today, company.basis_months)
    after = oldest_day(today + SOON + timedelta(days=1), company.basis_months)
    reliant = [
        and_(getattr(Contact, purpose), getattr(Contact, f"{purpose}_consent_at").is_(None))
        for purpose in PURPOSES
    ]
    return and_(
        Contact.keep_in_touch,
        or_(*reliant),
        Contact.left_on < after,
        or_(Contact.left_on >= first, Contact.interacted_at >= midnight(first, company.zone)),
        or_(
            Contact.interacted_at.is_(None),
            Contact.interacted_at < midnight(after, company.zone),
        ),
    )


def count_ending(company: Company, at: datetime) -> int:
    """Return how many contacts' interest ends within SOON; sample data does not count."""
    query = select(func.count(Contact.id)).join(Client, Client.id == Contact.client_id)
    query = query.where(Client.is_sample.is_(False), is_ending(company, at))
    return db.session.scalar(query) or 0


def _proof(consents: Sequence[Consent], purpose: ConsentPurpose) -> Consent | None:
    """Return the last word about a purpose. "Keep in touch" is one: a yes but for the newsletter.

    Its no ended all three.
    """
    for row in consents:
        if row.purpose is purpose:
            return row
        is_wide = purpose is not ConsentPurpose.newsletter or not row.is_granted
        if row.purpose is ConsentPurpose.keep_in_touch and is_wide:
            return row
    return None
