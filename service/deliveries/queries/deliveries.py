"""Lists of mails, a page at a time, and what stands in each tab. A fixed number of queries."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import FromClause, Select, false, func, or_, select
from sqlalchemy.orm import joinedload

from service.deliveries.queries import mail_queries
from service.deliveries.queries.mail_queries import COUNTED, LOOKED_THROUGH, Query
from service.extensions import db
from service.mail.delivery import health
from service.models import Contact, Departure, MailState, OutboxMessage, Outcome
from service.paging import Page, cut, page_within

PER_PAGE = 50
PEOPLE = 50  # whose mails a search reads
FOR_GOOD = (Outcome.hard_bounced, Outcome.complained)  # another try would only do harm


@dataclass(frozen=True, slots=True)
class Found:
    """One page of mails."""

    mails: Page[OutboxMessage]
    again: int  # of the whole list: those that failed and may yet arrive
    is_cut: bool  # more people or mails would have to be looked through


def page(query: Query) -> Found:
    """Return the page that `query` asks for; past the last one, the last."""
    people, is_cut = _people(query)
    rows = mail_queries.narrowed(query, people)
    count = _count(rows.limit(COUNTED))
    number = page_within(query.page, count, PER_PAGE)
    shown = cut(mail_queries.ordered(rows, query), number, PER_PAGE)
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
    """Count what stands in each tab, and stop counting at COUNTED."""
    state, outcome = OutboxMessage.state, OutboxMessage.outcome
    named: dict[str, health.Conditions] = {
        "troubled": [state.in_((MailState.failed, MailState.uncertain))],
        "due": health.due(query.moment),
        "waiting": [state.in_((MailState.queued, MailState.sending))],
        "sent": [state == MailState.sent],
        "back": [outcome.in_(health.CAME_BACK)],
        "skipped": [state.in_((MailState.skipped, MailState.cancelled))],
    }
    return health.counts(named, COUNTED)


def _failed(query: Query, people: FromClause | None) -> Select[int]:
    if not query.holds_failed:
        return select(OutboxMessage.id).where(false())
    rows = mail_queries.narrowed(replace(query, state="failed"), people).subquery()
    may_arrive = or_(OutboxMessage.outcome.is_(None), OutboxMessage.outcome.not_in(FOR_GOOD))
    ids = select(OutboxMessage.id).where(OutboxMessage.id.in_(select(rows.c.id)), may_arrive)
    return ids.limit(COUNTED)


def _people(query: Query) -> tuple[FromClause | None, bool]:
    """Return the mails to those whom the search finds, and whether there are more of them."""
    if not query.q:
        return None, False
    found = [
        list(db.session.scalars(called.limit(PEOPLE)))
        for called in (
            mail_queries.contacts_called(query.q),
            mail_queries.members_called(query.q),
        )
    ]
    return mail_queries.to_people(*found), any(len(ids) == PEOPLE for ids in found)


def _is_cut(query: Query) -> bool:
    """Say whether a kind was looked for in the latest mails only."""
    if query.kind is None or query.q:
        return False
    legs = mail_queries.stretches(query)
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
