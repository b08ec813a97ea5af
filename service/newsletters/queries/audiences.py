"""Who a newsletter goes to and who not, and why, asked of the database in one query.

First who fits what was chosen, then why one of those may not be written to: for the same reasons
as the outbox (outbox.why_not), so that what is shown before sending is what will happen.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, case, exists, func, or_, select

from service.clock import now
from service.current import company as current_company
from service.extensions import db
from service.mail.kinds import RULES
from service.mail.policy import suppressions
from service.mail.policy.legal_basis import midnight, oldest_day
from service.models import (
    Audience,
    Client,
    Company,
    Contact,
    Departure,
    DepartureReason,
    MailKind,
    Reason,
    Recovery,
    Response,
    ResponseReason,
    SkipReason,
)
from service.models.audiences import Side, Who
from service.paging import PER_PAGE, Page, page_within

MOST_CHOICES = 200  # services and groups that a form offers
_RULES = RULES[MailKind.newsletter]


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody whom the choice fits. `why_not` is None for those who get it."""

    contact_id: int
    name: str
    email: str
    language: str
    client: str
    client_public_id: str
    why_not: SkipReason | None


@dataclass(frozen=True, slots=True)
class Reach:
    """Everybody whom an audience fits."""

    readers: Sequence[Reader]

    @property
    def getting(self) -> list[Reader]:
        """Those who get it."""
        return [reader for reader in self.readers if reader.why_not is None]

    @property
    def by_reason(self) -> list[tuple[SkipReason, int]]:
        """How many do not get it, by the reason, the most first."""
        counted = Counter(one.why_not for one in self.readers if one.why_not is not None)
        return counted.most_common()

    def by_language(self, languages: Sequence[str]) -> dict[str, int]:
        """How many read in each of their languages; those it is not written in come as well."""
        counted = Counter(reader.language for reader in self.getting)
        return {
            code: counted[code] for code in sorted(counted, key=lambda c: (c not in languages, c))
        }

    def page(self, reason: SkipReason | None, search: str, number: int) -> Page[Reader]:
        """Return a page of those who get it, or do not for `reason`, whose data have `search`."""
        wanted = search.casefold().strip()
        found = [
            one
            for one in self.readers
            if one.why_not is reason
            and (not wanted or wanted in f"{one.name} {one.email} {one.client}".casefold())
        ]
        at = page_within(number, len(found))
        return Page(found[(at - 1) * PER_PAGE : at * PER_PAGE], len(found), at)


def reach(audience: Audience) -> Reach:
    """Return whom `audience` fits now."""
    return Reach(readers(audience, current_company(), now()))


def readers(audience: Audience, company: Company, at: datetime) -> list[Reader]:
    """Return all whom `audience` fits, in the order of their ids.

    An address counts once, whichever clients it belongs to: its first contact who may be written
    to gets it. Sample data is nobody.
    """
    rows = db.session.execute(_query(audience, company, at)).all()
    unwanted = suppressions.find_all([row.email for row in rows if row.why_not is None])
    found = []
    for row in rows:
        reason = SkipReason(row.why_not) if row.why_not else None
        stopped = unwanted.get(suppressions.email_key(row.email), ())
        if reason is None and suppressions.stopping(stopped, _RULES) is not None:
            reason = SkipReason.suppressed
        found.append(
            Reader(row.id, row.name, row.email, row.language, row.client, row.client_id, reason)
        )
    return found


def services() -> list[str]:
    """Return the services of clients and departures, to choose from."""
    of_clients = select(Client.service).where(Client.service != "")
    both = of_clients.union(select(Departure.service).where(Departure.service != ""))
    return sorted(db.session.scalars(both.limit(MOST_CHOICES)))


def next_to_write(
    audience: Audience, company: Company, at: datetime, after: int, limit: int
) -> list[Reader]:
    """Return the next readers beyond contact `after`, at most `limit`, who may be written to.

    A suppressed address is left to the outbox, which skips its mail with that reason.
    """
    query = _query(audience, company, at, after, only_allowed=True).limit(limit)
    return [
        Reader(row.id, row.name, row.email, row.language, row.client, row.client_id, None)
        for row in db.session.execute(query)
    ]


def _query(
    audience: Audience,
    company: Company,
    at: datetime,
    after: int = 0,
    *,
    only_allowed: bool = False,
) -> Select[tuple[int, str, str, str, str, str, str | None]]:
    why_not = _why_not(company, at)
    of_address = func.row_number().over(
        partition_by=(Contact.email_key, why_not.is_(None)), order_by=Contact.id
    )
    fitting = (
        select(
            Contact.id,
            Contact.name,
            Contact.email,
            Contact.language,
            Client.name.label("client"),
            Client.public_id.label("client_id"),
            why_not.label("why_not"),
            of_address.label("place"),
        )
        .join(Client, Client.id == Contact.client_id)
        .where(Client.is_sample.is_(False), *_conditions(audience, company, at))
        .subquery()
    )
    columns = [column for column in fitting.c if column.name != "place"]
    query = select(*columns).where(fitting.c.place == 1, fitting.c.id > after)
    if only_allowed:
        query = query.where(fitting.c.why_not.is_(None))
    return query.order_by(fitting.c.id)


def _why_not(company: Company, at: datetime) -> ColumnElement[str | None]:
    """Say what models.bases.why_not says, in its order; None where we may."""
    first = oldest_day(at.astimezone(company.zone).date(), company.basis_months)
    holds = or_(
        Contact.left_on.is_(None),
        Contact.newsletter_consent_at.is_not(None),
        Contact.left_on >= first,
        Contact.interacted_at >= midnight(first, company.zone),
    )
    return case(
        (Contact.keep_in_touch.is_(False), SkipReason.keep_in_touch_off.value),
        (Contact.newsletter.is_(False), SkipReason.no_consent.value),
        (holds, None),
        else_=SkipReason.basis_ended.value,
    )


def _conditions(audience: Audience, company: Company, at: datetime) -> list[ColumnElement[bool]]:
    found = []
    has_left = and_(
        Contact.left_on.is_not(None), Contact.left_on <= at.astimezone(company.zone).date()
    )
    if audience.who is not Who.all:
        found.append(has_left if audience.who is Who.former else ~func.coalesce(has_left, False))
    if audience.languages:
        found.append(Contact.language.in_(audience.languages))
    if audience.services:
        of_departure = _departures(Departure.service.in_(audience.services))
        found.append(or_(Client.service.in_(audience.services), of_departure))
    if audience.groups:
        found.append(Client.group.in_(audience.groups))
    if audience.reasons:
        found.append(_left_for(audience.reasons, audience.reasons_of))
    found += _answers(audience)
    if audience.merits_it:
        found += [
            Contact.keep_in_touch.is_(True),
            ~_left_for((Reason.ended_by_us,), Side.provider),
            ~_departures(Recovery.departure_id == Departure.id, Recovery.closed_at.is_(None)),
        ]
    return found


def _departures(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Say that the client has a departure of which this holds."""
    return exists(
        select(Departure.id).where(Departure.client_id == Client.id, *conditions).correlate(Client)
    )


def _left_for(reasons: Sequence[Reason], side: Side) -> ColumnElement[bool]:
    ours = _departures(
        DepartureReason.departure_id == Departure.id, DepartureReason.reason.in_(reasons)
    )
    theirs = _departures(
        Response.departure_id == Departure.id,
        Response.submitted_at.is_not(None),
        ResponseReason.response_id == Response.id,
        ResponseReason.reason.in_(reasons),
    )
    return {Side.provider: ours, Side.client: theirs, Side.either: or_(ours, theirs)}[side]


def _answers(audience: Audience) -> list[ColumnElement[bool]]:
    """Say that one and the same answer of the client's has these figures."""
    bounds = []
    if audience.likelihood_from is not None:
        bounds.append(Response.return_likelihood >= audience.likelihood_from)
    if audience.score_from is not None:
        bounds.append(Response.score >= audience.score_from)
    if audience.score_to is not None:
        bounds.append(Response.score <= audience.score_to)
    if not bounds:
        return []
    sent = Response.submitted_at.is_not(None)
    return [_departures(Response.departure_id == Departure.id, sent, *bounds)]
