"""Who would get a greeting now, and who not and why. Reads only.

The same conditions as the clock's, with the gate's reasons counted beside them.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, and_, case, func, select
from sqlalchemy.orm import contains_eager

from service import current
from service.extensions import db
from service.mail.policy import suppressions
from service.mail.policy.greetings import readers, why_not
from service.mail.policy.legal_basis import midnight, oldest_day
from service.models import (
    Client,
    Company,
    Contact,
    Greeting,
    Occasion,
    SkipReason,
    Suppression,
    SuppressionScope,
)
from service.paging import PER_PAGE, Page, page_within
from service.yearly import next_on

GOING = "going"
_STOPPING = (*suppressions.WIDE, SuppressionScope.greetings)

Verdict = tuple[int, SkipReason | None]  # a contact's id, and why not


@dataclass(frozen=True, slots=True)
class Summary:
    """One greeting of the list: its next day, how many get it in a year, and how many do not."""

    greeting: Greeting
    next_on: date | None
    going: int
    reasons: Sequence[tuple[SkipReason, int]]

    @property
    def meant(self) -> int:
        """How many it is for."""
        return self.going + sum(count for _reason, count in self.reasons)


@dataclass(frozen=True, slots=True)
class Person:
    """A contact whom a greeting is for; `day_key` is the contact's, such as a birthday."""

    contact: Contact
    reason: SkipReason | None
    day_key: str | None


def summary(greeting: Greeting, at: datetime) -> Summary:
    """Return what the list shows of `greeting`."""
    counts = Counter(reason for _contact_id, reason in verdicts(greeting, at))
    going = counts.pop(None, 0)
    reasons = [(reason, count) for reason, count in counts.most_common() if reason]
    return Summary(greeting, next_day(greeting, at), going, reasons)


def next_day(greeting: Greeting, at: datetime) -> date | None:
    """Return the next day on which it goes to somebody whom it is for; None when there is none."""
    company = current.company()
    after = greeting.last_passed(at, company.time_zone, company.business_hours)
    if greeting.occasion is Occasion.season:
        return greeting.next_day(after)
    key = Client.started_day
    query = readers(greeting)
    if greeting.occasion is Occasion.birthday:
        key = Contact.birthday
    else:
        query = query.where(Client.started_on <= after)
    keys = query.with_only_columns(key, maintain_column_froms=True).distinct()
    return min((next_on(each, after) for each in db.session.scalars(keys) if each), default=None)


def verdicts(greeting: Greeting, at: datetime) -> list[Verdict]:
    """Return everybody whom it is for, with why they would not get it today, in order."""
    company = current.company()
    query = readers(greeting).with_only_columns(
        Contact.id,
        Contact.email,
        why_not(at.astimezone(company.zone).date()),
        _of_the_gate(company, at),
        maintain_column_froms=True,
    )
    asked = select(Suppression.address_hash).where(Suppression.scope.in_(_STOPPING))
    stopped = set(db.session.scalars(asked))
    found: list[Verdict] = []
    for contact_id, email, of_day, of_gate in db.session.execute(query.order_by(Contact.id)):
        is_stopped = stopped and not stopped.isdisjoint(suppressions.address_hashes(email))
        reason = of_day or (SkipReason.suppressed if is_stopped else of_gate)
        found.append((contact_id, SkipReason(reason) if reason else None))
    return found


def people(greeting: Greeting, which: str, number: int, at: datetime) -> Page[Person]:
    """Return a page of those whom it is for; `which` is GOING, a reason, or all."""
    wanted = [
        (contact_id, reason)
        for contact_id, reason in verdicts(greeting, at)
        if not which or (reason.value if reason else GOING) == which
    ]
    number = page_within(number, len(wanted))
    shown = wanted[(number - 1) * PER_PAGE : number * PER_PAGE]
    ids = [contact_id for contact_id, _reason in shown]
    query = select(Contact).join(Contact.client).where(Contact.id.in_(ids))
    rows = db.session.scalars(query.options(contains_eager(Contact.client)))
    contacts = {contact.id: contact for contact in rows}
    shown_people = [
        Person(contacts[contact_id], reason, _day_of(greeting, contacts[contact_id]))
        for contact_id, reason in shown
        if contact_id in contacts
    ]
    return Page(shown_people, len(wanted), number)


def _day_of(greeting: Greeting, contact: Contact) -> str | None:
    days = {
        Occasion.birthday: contact.birthday,
        Occasion.anniversary: contact.client.started_day,
    }
    return days.get(greeting.occasion)


def _of_the_gate(company: Company, at: datetime) -> ColumnElement[str | None]:
    """Return what models.bases.why_not says of greetings, asked of the database."""
    first = oldest_day(at.astimezone(company.zone).date(), company.basis_months)
    never = midnight(first, company.zone)
    has_ended = and_(
        Contact.left_on.is_not(None),
        Contact.greetings_consent_at.is_(None),
        Contact.left_on < first,
        func.coalesce(Contact.interacted_at < never, True),
    )
    return case(
        (Contact.keep_in_touch.is_(False), SkipReason.keep_in_touch_off.value),
        (Contact.greetings.is_(False), SkipReason.no_consent.value),
        (has_ended, SkipReason.basis_ended.value),
        else_=None,
    )
