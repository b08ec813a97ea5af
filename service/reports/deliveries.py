"""Lists of mails, by what became of them. A fixed number of queries."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import joinedload, selectinload

from service.extensions import db
from service.models import Contact, MailState, OutboxMessage
from service.reports.paging import Page, cut, page_within

PER_PAGE = 50
COUNTED = 5000
# What stands in the tabs, in the order of how much it needs a person.
TABS: dict[str, tuple[MailState, ...]] = {
    "troubled": (MailState.failed, MailState.uncertain),
    "waiting": (MailState.queued, MailState.sending),
    "sent": (MailState.sent,),
    "skipped": (MailState.skipped, MailState.cancelled),
}


@dataclass(frozen=True, slots=True)
class Tab:
    """One page of a tab's mails, and how many stand in each tab."""

    name: str
    mails: Page[OutboxMessage]
    counts: dict[str, int]


def page(tab: str, number: int) -> Tab:
    """Return a page of mails, the latest first; an unknown tab is the one that needs a person."""
    tab = tab if tab in TABS else "troubled"
    counts = _counts()
    number = page_within(number, counts[tab], PER_PAGE)
    query = (
        select(OutboxMessage)
        .where(OutboxMessage.state.in_(TABS[tab]))
        .options(
            joinedload(OutboxMessage.contact).joinedload(Contact.client),
            joinedload(OutboxMessage.provider),
            selectinload(OutboxMessage.departure),
        )
        .order_by(OutboxMessage.due_at.desc(), OutboxMessage.id.desc())
    )
    mails = db.session.scalars(cut(query, number, PER_PAGE)).all()
    return Tab(tab, Page(mails, counts[tab], number, PER_PAGE), counts)


def find(public_id: str) -> OutboxMessage | None:
    """Return one mail, or None."""
    query = select(OutboxMessage).where(OutboxMessage.public_id == public_id)
    return db.session.scalar(query.options(joinedload(OutboxMessage.departure)))


def _counts() -> dict[str, int]:
    """Count each tab, and stop counting at COUNTED: nobody turns that many pages."""
    found = {}
    for tab, states in TABS.items():
        some = select(OutboxMessage.id).where(OutboxMessage.state.in_(states)).limit(COUNTED)
        found[tab] = db.session.scalar(select(func.count()).select_from(some.subquery())) or 0
    return found
