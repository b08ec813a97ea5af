"""Lists of mails, by what became of them. A fixed number of queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from sqlalchemy import func, select
from sqlalchemy.orm import joinedload, selectinload

from service.extensions import db
from service.models import Contact, MailState, OutboxMessage

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
class Page:
    """One page of mails, and how many stand in each tab."""

    mails: Sequence[OutboxMessage]
    counts: dict[str, int]
    tab: str
    page: int

    @property
    def pages(self) -> int:
        """How many pages the tab has."""
        return max(1, ceil(self.counts[self.tab] / PER_PAGE))


def page(tab: str, number: int) -> Page:
    """Return a page of mails, the latest first; an unknown tab is the one that needs a person."""
    tab = tab if tab in TABS else "troubled"
    counts = _counts()
    number = max(1, min(number, ceil(counts[tab] / PER_PAGE)))
    query = (
        select(OutboxMessage)
        .where(OutboxMessage.state.in_(TABS[tab]))
        .options(
            joinedload(OutboxMessage.contact).joinedload(Contact.client),
            joinedload(OutboxMessage.provider),
            selectinload(OutboxMessage.departure),
        )
        .order_by(OutboxMessage.due_at.desc(), OutboxMessage.id.desc())
        .limit(PER_PAGE)
        .offset((number - 1) * PER_PAGE)
    )
    return Page(db.session.scalars(query).all(), counts, tab, number)


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
