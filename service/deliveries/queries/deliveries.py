"""Lists of mails, a page at a time, in a fixed number of queries; few rows are read of a million.

Without a search a list is read along the indexes, each a few stretches of one, no further than
anybody would turn pages. A search begins with the people and reads the mails to them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    and_,
    false,
    func,
    inspect,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import joinedload

from service.clock import local_moment
from service.extensions import db
from service.mail.delivery import health
from service.models import (
    Client,
    Contact,
    Departure,
    MailKind,
    MailState,
    OutboxMessage,
    Outcome,
    Priority,
    TeamMember,
)
from service.paging import Page, cut, page_within

COUNTED = 5000  # mails of a list; nobody turns that many pages
LOOKED_THROUGH = 20_000  # mails of each stretch, for a filter that its index does not have
SEARCHED = ("id", "kind", "state", "priority", "outcome", "due_at", "ended_at", "outcome_at")
PER_PAGE = 50
PEOPLE = 50  # whose mails a search reads
FOR_GOOD = (Outcome.hard_bounced, Outcome.complained)  # sending again would only do harm

MAILS: FromClause = inspect(OutboxMessage).local_table
Values = dict[str, Any]
Rows = Select[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Kept:
    """The mails of a list. Each of `parts` is a prefix of an index whose next column is `at`."""

    tab: str
    at: str
    parts: tuple[Values, ...]
    is_due: bool = False
    is_upwards: bool = False  # the oldest first


def _of_states(tab: str, *states: MailState) -> Kept:
    return Kept(tab, "ended_at", tuple({"state": state} for state in states))


def _to_go(tab: str, *states: MailState, is_due: bool = False) -> Kept:
    parts = ({"state": state, "priority": each} for state in states for each in Priority)
    return Kept(tab, "due_at", tuple(parts), is_due=is_due, is_upwards=True)


LISTS = {
    "troubled": _of_states("troubled", MailState.failed, MailState.uncertain),
    "held": _to_go("held", MailState.held),
    "due": _to_go("due", MailState.queued, is_due=True),
    "waiting": _to_go("waiting", MailState.queued, MailState.sending),
    "sent": _of_states("sent", MailState.sent),
    "back": Kept("back", "outcome_at", tuple({"outcome": each} for each in health.CAME_BACK)),
    "skipped": _of_states("skipped", MailState.skipped, MailState.cancelled),
    # Parts of the first tab, for links that lead to the one or the other.
    "failed": _of_states("troubled", MailState.failed),
    "uncertain": _of_states("troubled", MailState.uncertain),
}
TABS = tuple(name for name, kept in LISTS.items() if kept.tab == name)


@dataclass(frozen=True, slots=True)
class Query:
    """The parameters in the address of the page; unknown values are ignored."""

    moment: datetime  # now
    zone: str  # whose days `since` and `until` are, both included
    state: str = "troubled"
    kind: MailKind | None = None
    q: str = ""
    since: date | None = None
    until: date | None = None
    hours: int | None = None  # only what ended so many hours ago, or less
    sort: str = ""  # "when" or "-when"; "" is what suits the list
    page: int = 1

    @property
    def kept(self) -> Kept:
        """The list asked for; an unknown one is the list of what needs a person."""
        return LISTS.get(self.state, LISTS["troubled"])

    @property
    def holds_failed(self) -> bool:
        """Whether mails that failed are in the list."""
        return {"state": MailState.failed} in self.kept.parts

    @property
    def is_upwards(self) -> bool:
        """Whether the oldest comes first."""
        return {"when": True, "-when": False}.get(self.sort, self.kept.is_upwards)

    @property
    def is_narrowed(self) -> bool:
        """Whether it leaves out mails that belong in its tab."""
        is_part = self.state in LISTS and self.state not in TABS
        asked = (self.q, self.kind, self.since, self.until, self.hours)
        return is_part or any(asked)


@dataclass(frozen=True, slots=True)
class Found:
    """One page of mails."""

    mails: Page[OutboxMessage]
    again: int  # of the whole list: those that failed and may yet arrive
    is_cut: bool  # there are more people or mails than were looked through

    @property
    def is_more(self) -> bool:
        """Whether the list holds more mails than are counted."""
        return self.mails.count >= COUNTED

    @property
    def can_go_again(self) -> bool:
        """Whether several failed, so that one press sends them all again."""
        return self.again > 1


def page(query: Query) -> Found:
    """Return the page that `query` asks for; past the last one, the last."""
    people, is_cut = _people(query)
    rows = narrowed(query, people)
    count = _count(rows.limit(COUNTED))
    number = page_within(query.page, count, PER_PAGE)
    shown = cut(ordered(rows, query), number, PER_PAGE)
    mails = _loaded([row.id for row in db.session.execute(shown)])
    again = _count(_failed(query, people)) if query.holds_failed else 0
    return Found(Page(mails, count, number, PER_PAGE), again, is_cut or _is_cut(query))


def failed(query: Query) -> Select[int]:
    """Select the ids of the mails in this list that failed and may yet arrive."""
    people, _is_cut = _people(query)
    return _failed(query, people)


def find(public_id: str) -> OutboxMessage | None:
    """Return one mail with its people, or None."""
    query = select(OutboxMessage).where(OutboxMessage.public_id == public_id)
    return db.session.scalar(query.options(*_with_people()))


def counts(query: Query) -> dict[str, int]:
    """Count the mails of each tab, at most COUNTED."""
    state, outcome = OutboxMessage.state, OutboxMessage.outcome
    named: dict[str, health.Conditions] = {
        "troubled": [state.in_((MailState.failed, MailState.uncertain))],
        "due": health.due(query.moment),
        "waiting": [state.in_((MailState.queued, MailState.sending))],
        "held": [state == MailState.held],
        "sent": [state == MailState.sent],
        "back": [outcome.in_(health.CAME_BACK)],
        "skipped": [state.in_((MailState.skipped, MailState.cancelled))],
    }
    return health.counts(named, COUNTED)


def _failed(query: Query, people: FromClause | None) -> Select[int]:
    if not query.holds_failed:
        return select(OutboxMessage.id).where(false())
    rows = narrowed(replace(query, state="failed"), people).subquery()
    may_arrive = or_(OutboxMessage.outcome.is_(None), OutboxMessage.outcome.not_in(FOR_GOOD))
    ids = select(OutboxMessage.id).where(OutboxMessage.id.in_(select(rows.c.id)), may_arrive)
    return ids.limit(COUNTED)


def _people(query: Query) -> tuple[FromClause | None, bool]:
    """Return the mails to the people whom the search finds, and whether it finds more people."""
    if not query.q:
        return None, False
    found = [
        list(db.session.scalars(called.limit(PEOPLE)))
        for called in (
            contacts_called(query.q),
            members_called(query.q),
        )
    ]
    return to_people(*found), any(len(ids) == PEOPLE for ids in found)


def _is_cut(query: Query) -> bool:
    """Return whether a kind was looked for in the latest mails only."""
    if query.kind is None or query.q:
        return False
    legs = stretches(query)
    return any(_count(leg.limit(LOOKED_THROUGH)) == LOOKED_THROUGH for leg in legs)


def _loaded(ids: Sequence[int]) -> list[OutboxMessage]:
    query = select(OutboxMessage).where(OutboxMessage.id.in_(ids)).options(*_with_people())
    found = {mail.id: mail for mail in db.session.scalars(query)}
    return [found[mail_id] for mail_id in ids if mail_id in found]


def _with_people() -> tuple[Any, ...]:
    departure = joinedload(OutboxMessage.departure)
    return (
        joinedload(OutboxMessage.contact).joinedload(Contact.client),
        joinedload(OutboxMessage.member),
        departure.options(joinedload(Departure.client), joinedload(Departure.contact)),
        departure.lazyload(Departure.reason_rows),
    )


def _count(rows: Select[*tuple[Any, ...]]) -> int:
    return db.session.scalar(select(func.count()).select_from(rows.subquery())) or 0


def narrowed(query: Query, people: FromClause | None) -> Rows:
    """Select the id and the moment of each mail asked for, among those in `people` if given."""
    if people is not None:
        parts = or_(*(and_(*_part(people, query, part)) for part in query.kept.parts))
        found: FromClause = _columns(people, query).where(parts).subquery()
    else:
        most = COUNTED if query.kind is None else LOOKED_THROUGH
        legs = [ordered(leg, query).limit(most).subquery() for leg in stretches(query)]
        found = union_all(*(select(leg) for leg in legs)).subquery()
    rows = select(found.c.id, found.c.at)
    return rows if query.kind is None else rows.where(found.c.kind == query.kind)


def stretches(query: Query) -> list[Rows]:
    """Select the stretches of an index that hold the list, not filtered by kind."""
    columns = _columns(MAILS, query)
    return [columns.where(*_part(MAILS, query, part)) for part in query.kept.parts]


def ordered(rows: Rows, query: Query) -> Rows:
    """Put `rows` in the order that `query` asks for."""
    at, row_id = rows.selected_columns["at"], rows.selected_columns["id"]
    if query.is_upwards:
        return rows.order_by(at, row_id)
    return rows.order_by(at.desc(), row_id.desc())


def contacts_called(q: str) -> Select[int]:
    """Select the contacts whose name, address or client contains `q`; % and _ mean themselves."""
    words = _plain(q)
    return (
        select(Contact.id)
        .join(Client, Client.id == Contact.client_id)
        .where(
            or_(
                Contact.name.icontains(words, autoescape=True),
                Contact.email_key.contains(words, autoescape=True),
                Client.name_key.contains(words, autoescape=True),
            )
        )
    )


def members_called(q: str) -> Select[int]:
    """Select the people of the team whose name or address contains `q`."""
    words = _plain(q)
    return select(TeamMember.id).where(
        or_(
            TeamMember.name.icontains(words, autoescape=True),
            TeamMember.email.contains(words, autoescape=True),
        )
    )


def to_people(contact_ids: list[int], provider_ids: list[int]) -> FromClause:
    """Return the latest mails to these people; the LIMIT keeps planners from another plan."""
    legs = [
        select(*(MAILS.c[name] for name in SEARCHED))
        .where(MAILS.c[name].in_(ids))
        .order_by(MAILS.c.id.desc())
        .limit(LOOKED_THROUGH)
        .subquery()
        for name, ids in (("contact_id", contact_ids), ("provider_id", provider_ids))
    ]
    return union_all(*(select(leg) for leg in legs)).subquery()


def _plain(q: str) -> str:
    return " ".join(q.split()).casefold()


def _columns(rows: FromClause, query: Query) -> Rows:
    """Select only the columns that are needed, so that an index alone can answer."""
    at = rows.c[query.kept.at].label("at")
    return select(rows.c.id, at, *([] if query.kind is None else [rows.c.kind]))


def _part(rows: FromClause, query: Query, values: Values) -> list[ColumnElement[bool]]:
    at = rows.c[query.kept.at]
    conditions = [rows.c[name] == value for name, value in values.items()]
    if query.kept.is_due:
        conditions.append(at <= query.moment)
    if query.hours is not None:
        conditions.append(at >= query.moment - timedelta(hours=query.hours))
    if query.since:
        conditions.append(at >= local_moment(query.since, time(0), query.zone))
    if query.until:
        the_next = query.until + timedelta(days=1)
        conditions.append(at < local_moment(the_next, time(0), query.zone))
    return conditions
