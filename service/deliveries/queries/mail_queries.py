"""What a list of mails asks for, said so that a database with a million of them reads few.

Without a search it goes along the indexes, each list a few stretches of one, no further than
anybody would turn pages. A search begins with the people. Builds statements; runs none.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, and_, inspect, or_, select, union_all

from service.clock import local_moment
from service.mail.delivery import health
from service.models import (
    Client,
    Contact,
    MailKind,
    MailState,
    OutboxMessage,
    Priority,
    TeamMember,
)

COUNTED = 5000  # nobody turns more pages
LOOKED_THROUGH = 20_000  # of each stretch, when a filter asks for what its index does not know
SEARCHED = ("id", "kind", "state", "priority", "outcome", "due_at", "ended_at", "outcome_at")

MAILS: FromClause = inspect(OutboxMessage).local_table
Values = dict[str, Any]
Rows = Select[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Kept:
    """What a list holds. Each of `parts` is the beginning of an index whose next column is `at`."""

    tab: str
    at: str
    parts: tuple[Values, ...]
    is_due: bool = False
    is_upwards: bool = False  # what comes first is read first


def _of_states(tab: str, *states: MailState) -> Kept:
    return Kept(tab, "ended_at", tuple({"state": state} for state in states))


def _to_go(tab: str, *states: MailState, is_due: bool = False) -> Kept:
    parts = ({"state": state, "priority": each} for state in states for each in Priority)
    return Kept(tab, "due_at", tuple(parts), is_due=is_due, is_upwards=True)


LISTS = {
    "troubled": _of_states("troubled", MailState.failed, MailState.uncertain),
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
    """What the address of the page asks for. Unknown words are ignored, never an error."""

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
        """What the list holds; an unknown one is the one that needs a person."""
        return LISTS.get(self.state, LISTS["troubled"])

    @property
    def holds_failed(self) -> bool:
        """Whether mails that failed are in the list."""
        return {"state": MailState.failed} in self.kept.parts

    @property
    def is_upwards(self) -> bool:
        """Whether the oldest stands first."""
        return {"when": True, "-when": False}.get(self.sort, self.kept.is_upwards)

    @property
    def is_narrowed(self) -> bool:
        """Whether it leaves out mails that belong in its tab."""
        is_part = self.state in LISTS and self.state not in TABS
        asked = (self.q, self.kind, self.since, self.until, self.hours)
        return is_part or any(asked)


def narrowed(query: Query, people: FromClause | None) -> Rows:
    """Select the id and the moment of each mail asked for; of `people` alone when given."""
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
    """Select the stretches of an index that hold the list, whatever the kind."""
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
    """Return the mails to these people, the latest of them; a LIMIT keeps planners to this way."""
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
    """Select no more than is asked about, so that an index alone can answer."""
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
