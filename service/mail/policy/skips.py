"""Find the fact behind a reason why a mail does not go, so that it is written down with it."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select

from service.current import company
from service.extensions import db
from service.mail.decision import Skip
from service.mail.kinds import RULES
from service.mail.policy import legal_basis, suppressions
from service.mail.sql import among
from service.models import (
    Consent,
    ConsentPurpose,
    Contact,
    MailKind,
    SkipReason,
    Suppression,
    TeamMember,
)

Asked = tuple[int, ConsentPurpose | None]  # a contact's id and a purpose


def of(
    reason: SkipReason,
    kind: MailKind,
    to: Contact | TeamMember | None,
    unwanted: suppressions.Found | None = None,
    expires_at: datetime | None = None,
) -> Skip:
    """Return `reason` with what is known of it; `unwanted` is what suppressions.find_all() found.

    Asks the database nothing, except for a suppression without `unwanted`.
    """
    if reason is SkipReason.expired:
        return Skip(reason, at=expires_at)
    if not isinstance(to, Contact):
        return Skip(reason)
    if reason is SkipReason.suppressed:
        found = suppressions.find_all([to.email]) if unwanted is None else unwanted
        rows = found.get(suppressions.email_key(to.email), ())
        row = suppressions.stopping(rows, RULES[kind])
        return _suppressed(row) if row else Skip(reason)
    if reason is SkipReason.basis_ended:
        return Skip(reason, left_on=to.left_on, last_on=legal_basis.last_day(to, company()))
    if reason is SkipReason.left_recently:
        return Skip(reason, left_on=to.left_on)
    return Skip(reason)


def noes_of(asked: Collection[Asked]) -> dict[Asked, Consent]:
    """Return the last no of each contact to each purpose, of the pairs asked for, in one query."""
    if not asked:
        return {}
    query = select(Consent).where(
        among(Consent.contact_id, {contact_id for contact_id, _purpose in asked}),
        Consent.is_granted.is_(False),
    )
    rows = db.session.scalars(query.order_by(Consent.given_at, Consent.id))
    return {(row.contact_id, row.purpose): row for row in rows}


def said_no(row: Consent | None) -> Skip:
    """Return why nothing goes to who said no to a purpose, with when and how they said it."""
    if row is None:
        return Skip(SkipReason.no_consent)
    return Skip(SkipReason.no_consent, at=row.given_at, by=row.provider_id, source=row.channel)


def _suppressed(row: Suppression) -> Skip:
    return Skip(
        SkipReason.suppressed,
        at=row.created_at,
        by=row.provider_id,
        source=row.source,
        why=row.reason,
        scope=row.scope,
        listed=row.public_id,
    )
