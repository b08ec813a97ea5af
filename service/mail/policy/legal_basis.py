"""Decide whether a contact may be written to for a purpose, and on which legal basis. Pure.

A client may be written to because of the contract; a former client out of legitimate interest, for
`basis_months` after the last interaction; whoever consented to a purpose, until they withdraw it.
An objection (of the contact, or of the company, which does not want to keep in touch) overrides all
three. Mails about the departure itself rest on the contract and are not decided here.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta

from service.models.clients import Basis, ConsentPurpose, Contact
from service.models.companies import Company
from service.models.outbox import SkipReason

PURPOSES = (ConsentPurpose.newsletter, ConsentPurpose.greetings, ConsentPurpose.check_ins)
FEWEST_MONTHS, MOST_MONTHS = 1, 120


@dataclass(frozen=True, slots=True)
class Permission:
    """Whether a contact may be written to for one purpose, on which basis, from when, until when.

    `why_not` is None while they may. `until` is the last day, in the company's zone; None: no end.
    """

    purpose: ConsentPurpose
    basis: Basis
    since: date | None  # a moment, when it is a consent
    until: date | None
    why_not: SkipReason | None

    @property
    def is_given(self) -> bool:
        """Whether they may be written to."""
        return self.why_not is None


def permission(
    contact: Contact, purpose: ConsentPurpose, company: Company, at: datetime
) -> Permission:
    """Return the permission for one purpose (of PURPOSES) at a moment."""
    since: date | None
    until: date | None
    agreed_at = consent_of(contact, purpose)
    if agreed_at is not None:
        basis, since, until = Basis.consent, agreed_at, None
    elif contact.left_on is None:
        basis, since, until = Basis.contract, contact.client.started_on, None
    else:
        basis, since, until = Basis.legitimate_interest, contact.left_on, last_day(contact, company)
    return Permission(purpose, basis, since, until, why_not(contact, purpose, company, at))


def widest(contact: Contact, company: Company, at: datetime) -> Permission:
    """Return the first permission of PURPOSES that is given; if none is, the first of all."""
    found = [permission(contact, purpose, company, at) for purpose in PURPOSES]
    return next((one for one in found if one.is_given), found[0])


def why_not(
    contact: Contact, purpose: ConsentPurpose, company: Company, at: datetime
) -> SkipReason | None:
    """Return why the contact may not be written to for `purpose` at a moment, or None."""
    if not contact.keep_in_touch:
        return SkipReason.keep_in_touch_off
    if not getattr(contact, purpose):
        return SkipReason.no_consent
    return SkipReason.basis_ended if has_ended(contact, purpose, company, at) else None


def has_ended(contact: Contact, purpose: ConsentPurpose, company: Company, at: datetime) -> bool:
    """Return whether the basis has run out: a former client, long silent, without consent."""
    if contact.left_on is None or consent_of(contact, purpose) is not None:
        return False
    end = last_day(contact, company)
    return end is not None and at.astimezone(company.zone).date() > end


def consent_of(contact: Contact, purpose: ConsentPurpose) -> datetime | None:
    """Return when consent to `purpose`, if it still holds, was given."""
    found: datetime | None = getattr(contact, f"{purpose}_consent_at")
    return found


def last_day(contact: Contact, company: Company) -> date | None:
    """Return the last day on which a former client may be written to without consent."""
    if contact.left_on is None:
        return None
    last = contact.left_on
    if contact.interacted_at is not None:
        last = max(last, contact.interacted_at.astimezone(company.zone).date())
    return last + relativedelta(months=company.basis_months)


def oldest_day(today: date, months: int) -> date:
    """Return the earliest day from which `months` reach `today`: the inverse of last_day().

    Months differ in length, so that subtracting them is not the inverse of adding them: 28 February
    and a month is 28 March, but 31 March less a month is 28 February, too.
    """
    day = today - relativedelta(months=months)
    while day + relativedelta(months=months) < today:
        day += timedelta(days=1)
    return day


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the moment at which `day` begins in `zone`."""
    return datetime.combine(day, time(), zone)
