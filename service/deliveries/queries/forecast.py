"""The mails that are to go out, to whom and when, if nobody answers before. Reads only.

The page and the rehearsal of a later moment (flask tick --at) show the same mails. Each of SOURCES
yields those of one origin.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from flask_babel import gettext as _
from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import contains_eager, joinedload

from service import current
from service.clock import now
from service.extensions import db
from service.labels import label, why_not
from service.mail.policy import business_hours
from service.mail.sql import among
from service.models import (
    OPEN_STATES,
    Client,
    Contact,
    Departure,
    Enrolment,
    Greeting,
    IssueState,
    MailKind,
    Newsletter,
    NewsletterIssue,
    Occasion,
    OutboxMessage,
    Protocol,
    SkipReason,
    TeamMember,
)
from service.models.clients import name_key
from service.models.greetings import greeting_label
from service.newsletters.queries import audiences, greetings
from service.newsletters.rules import upcoming
from service.paging import Page, page_within
from service.protocols.queries import forecasts, reasons
from service.protocols.rules.forecasts import Forecast
from service.protocols.rules.situations import Situation
from service.yearly import next_on

PER_PAGE = 50
MOST_ISSUES = 366  # of one newsletter: a daily one, for a year
MOST_WRITTEN = 2000  # mails that are in the outbox already; the page of mails has the others


@dataclass(frozen=True, slots=True)
class Query:
    """What the address asks for; `day` narrows the list alone, not the calendar."""

    q: str = ""
    kind: MailKind | None = None
    protocol: str = ""  # public ids
    responsible: str = ""
    client: str = ""
    going: str = ""  # yes, no, or both
    day: date | None = None
    page: int = 1

    @property
    def is_narrowed(self) -> bool:
        """Whether it filters by anything but a day."""
        return bool(
            self.q or self.kind or self.protocol or self.responsible or self.client or self.going
        )

    @property
    def is_any(self) -> bool:
        """Whether it filters at all."""
        return self.is_narrowed or self.day is not None

    @property
    def is_about_some(self) -> bool:
        """Whether it filters by client, which leaves out newsletters and greetings to all."""
        return bool(self.q or self.client or self.responsible or self.protocol)


@dataclass(frozen=True, slots=True)
class ComingMail:
    """One mail to come: to one contact, or to `people` contacts at once.

    `at` is when it goes, or is decided not to go. `foretold` is what that was computed from; a
    mail that is in the outbox already has none.
    """

    at: datetime
    kind: MailKind
    reason: SkipReason | None = None
    contact: Contact | None = None
    departure: Departure | None = None
    foretold: tuple[Situation, Forecast] | None = None
    mail: OutboxMessage | None = None
    greeting: Greeting | None = None
    newsletter: Newsletter | None = None
    people: int = 1

    @property
    def title(self) -> str:
        """What the mail is called: as its greeting, newsletter or step, else as its kind."""
        if self.greeting is not None:
            return greeting_label(self.greeting)
        if self.newsletter is not None:
            return self.newsletter.name
        title = self.foretold[1].step.title if self.foretold else ""
        return title or label(self.kind)

    @property
    def is_assumed(self) -> bool:
        """Whether its day holds only if the mail before goes on its day."""
        return self.foretold is not None and self.foretold[1].is_assumed

    @property
    def has_example(self) -> bool:
        """Whether there is a preview of such a mail to one contact."""
        return self.contact is not None and self.kind is not MailKind.greeting


def why(coming: ComingMail, known: reasons.Known) -> list[str]:
    """Return what decides about `coming`, in the order in which it is asked.

    `known` is what reasons.known_of() found for the mails that are in the outbox already.
    """
    if coming.foretold is not None:
        return reasons.why_planned(*coming.foretold)
    if coming.mail is not None:
        later = reasons.goes_later(max(coming.mail.due_at, now()), coming.at)
        return [*reasons.why(coming.mail, known), *later]
    if coming.newsletter is not None:
        return [_("It is scheduled, to those who fit its audience then and may get news.")]
    sentences = [_("It is their day: each year anew, to those who may get greetings then.")]
    return [*sentences, why_not(coming.reason)] if coming.reason else sentences


Source = Callable[[datetime, datetime, Query], Iterator[ComingMail]]


def coming_mails(at: datetime, until: datetime, query: Query | None = None) -> list[ComingMail]:
    """Return the mails that come due by `until`, as known at `at`, in order."""
    query = query or Query()
    found = [mail for source in SOURCES for mail in source(at, until, query)]
    found = [mail for mail in found if _fits(mail, query)]
    return sorted(found, key=lambda mail: (mail.at, mail.contact.id if mail.contact else 0))


def days_of(found: Sequence[ComingMail]) -> Counter[date]:
    """Count the mails that go, day by day."""
    zone = current.company().zone
    days: Counter[date] = Counter()
    for mail in found:
        if mail.reason is None:
            days[mail.at.astimezone(zone).date()] += mail.people
    return days


def page(found: Sequence[ComingMail], query: Query) -> Page[ComingMail]:
    """Return the page of the list that `query` asks for; past the last one, the last."""
    if query.day is not None:
        zone = current.company().zone
        found = [mail for mail in found if mail.at.astimezone(zone).date() == query.day]
    number = page_within(query.page, len(found), PER_PAGE)
    return Page(found[(number - 1) * PER_PAGE : number * PER_PAGE], len(found), number, PER_PAGE)


def of_protocols(at: datetime, until: datetime, query: Query) -> Iterator[ComingMail]:
    """Yield the steps of departures that are to be written."""
    for each in forecasts.coming(at, until, _of_departures(query)):
        departure = each.situation.departure
        for item in each.forecasts:
            yield ComingMail(
                max(item.goes_at, item.due_at),
                item.step.kind,
                item.reason,
                departure.contact,
                departure,
                (each.situation, item),
            )


def of_the_outbox(at: datetime, until: datetime, query: Query) -> Iterator[ComingMail]:
    """Yield the mails to contacts that are written and wait."""
    conditions: list[ColumnElement[bool]] = _of_departures(query) if query.protocol else []
    mails = (
        select(OutboxMessage)
        .join(OutboxMessage.contact)
        .join(Contact.client)
        .where(OutboxMessage.state.in_(OPEN_STATES), OutboxMessage.due_at <= until)
        .where(*_of_clients(query))
        .order_by(OutboxMessage.due_at, OutboxMessage.id)
        .limit(MOST_WRITTEN)
        .options(
            contains_eager(OutboxMessage.contact).contains_eager(Contact.client),
            joinedload(OutboxMessage.departure),
        )
    )
    if conditions:
        mails = mails.where(
            OutboxMessage.departure_id.in_(
                select(Enrolment.departure_id).join(Enrolment.departure).where(*conditions)
            )
        )
    company = current.company()
    for mail in db.session.scalars(mails):
        if mail.contact is not None:
            goes_at = business_hours.permitted_at_of(mail, max(mail.due_at, at), company)
            yield ComingMail(goes_at, mail.kind, None, mail.contact, mail.departure, mail=mail)


def of_greetings(at: datetime, until: datetime, query: Query) -> Iterator[ComingMail]:
    """Yield birthdays and anniversaries one by one, and a season's greeting as one mail to many."""
    if query.protocol or query.kind not in (None, MailKind.greeting):
        return
    for greeting in db.session.scalars(select(Greeting).where(Greeting.is_on)).all():
        # a handful of greetings, each with its own question about all contacts
        company = current.company()
        after = greeting.last_passed(at, company.time_zone, company.business_hours)
        if greeting.occasion is Occasion.season:
            yield from _season(greeting, at, until, query)
        else:
            yield from _of_each(greeting, after, at, until, query)


def of_newsletters(at: datetime, until: datetime, query: Query) -> Iterator[ComingMail]:
    """Yield each issue that has its day, with how many would get it now."""
    if query.kind not in (None, MailKind.newsletter) or query.is_about_some:
        return
    company = current.company()
    planned = select(NewsletterIssue).where(NewsletterIssue.state == IssueState.scheduled)
    for issue in db.session.scalars(planned.options(joinedload(NewsletterIssue.newsletter))).all():
        # a handful of newsletters, each with its own question about all contacts
        newsletter = issue.newsletter
        found = audiences.readers(newsletter.readers, company, at)
        people = sum(reader.why_not is None for reader in found)
        later = (
            upcoming(
                newsletter.first,
                newsletter.recurrence,
                company.time_zone,
                issue.due_at,
                MOST_ISSUES,
            )
            if newsletter.recurrence and newsletter.first
            else []
        )
        for moment in (max(issue.due_at, at), *later):
            if people and moment <= until:
                yield ComingMail(moment, MailKind.newsletter, newsletter=newsletter, people=people)


SOURCES: tuple[Source, ...] = (of_protocols, of_the_outbox, of_greetings, of_newsletters)


def _season(
    greeting: Greeting, at: datetime, until: datetime, query: Query
) -> Iterator[ComingMail]:
    day = greetings.next_day(greeting, at)
    if day is None or query.is_about_some:
        return
    moment = _greeted_at(greeting, day)
    going = greetings.summary(greeting, at).going
    if moment <= until and going:
        yield ComingMail(moment, MailKind.greeting, greeting=greeting, people=going)


def _of_each(
    greeting: Greeting, after: date, at: datetime, until: datetime, query: Query
) -> Iterator[ComingMail]:
    reasons = dict(greetings.verdicts(greeting, at))
    rows = (
        select(Contact)
        .join(Contact.client)
        .where(among(Contact.id, list(reasons)), *_of_clients(query))
        .options(contains_eager(Contact.client))
    )
    is_birthday = greeting.occasion is Occasion.birthday
    for contact in db.session.scalars(rows):
        key = contact.birthday if is_birthday else contact.client.started_day
        day = next_on(key, after) if key else None
        moment = _greeted_at(greeting, day) if day else None
        if moment is not None and moment <= until:
            reason = reasons[contact.id]
            yield ComingMail(moment, MailKind.greeting, reason, contact, greeting=greeting)


def _greeted_at(greeting: Greeting, day: date) -> datetime:
    """Return when the mails of `greeting` for `day` are due."""
    company = current.company()
    return greeting.due_at(day, company.time_zone, company.business_hours)


def _of_departures(query: Query) -> list[ColumnElement[bool]]:
    """Return the conditions on departures, over Enrolment joined to Departure."""
    found: list[ColumnElement[bool]] = []
    if query.q or query.client:
        clients = select(Client.id).where(*_of_clients(query, with_responsible=False))
        found.append(Departure.client_id.in_(clients))
    if query.protocol:
        chosen = select(Protocol.id).where(Protocol.public_id == query.protocol)
        found.append(Enrolment.protocol_id.in_(chosen))
    if query.responsible:
        found.append(Departure.responsible_id.in_(_responsible(query)))
    return found


def _of_clients(query: Query, *, with_responsible: bool = True) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if query.q:
        found.append(Client.name_key.contains(name_key(query.q), autoescape=True))
    if query.client:
        found.append(Client.public_id == query.client)
    if query.responsible and with_responsible:
        found.append(Client.responsible_id.in_(_responsible(query)))
    return found


def _responsible(query: Query) -> Select[int]:
    return select(TeamMember.id).where(TeamMember.public_id == query.responsible)


def _fits(mail: ComingMail, query: Query) -> bool:
    if query.kind is not None and mail.kind is not query.kind:
        return False
    return not query.going or (mail.reason is None) is (query.going == "yes")
