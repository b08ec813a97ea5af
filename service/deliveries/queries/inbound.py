"""Lists of what came in: what waits for a person first. A fixed number of queries, reads only."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import joinedload, undefer

from service.extensions import db
from service.models import (
    Client,
    Contact,
    Enrolment,
    EnrolmentState,
    InboundKind,
    InboundMail,
    OutboxMessage,
)
from service.paging import Page, cut, page_within

COUNTED = 5000
# Kinds that a person has to look at; the others have had their effect already.
FOR_PEOPLE = (InboundKind.reply, InboundKind.unverified, InboundKind.unparsed)
TABS: dict[str, tuple[InboundKind, ...]] = {
    "waiting": FOR_PEOPLE,
    "bounces": (InboundKind.hard_bounce, InboundKind.soft_bounce, InboundKind.delayed),
    "complaints": (InboundKind.complaint, InboundKind.unsubscribe),
    "replies": (InboundKind.reply, InboundKind.auto_reply),
    "unproven": (InboundKind.unverified, InboundKind.unparsed),
    "all": tuple(InboundKind),
}


@dataclass(frozen=True, slots=True)
class Tab:
    """One page of a tab, and how many mails each tab has."""

    name: str
    mails: Page[InboundMail]
    counts: dict[str, int]

    @property
    def is_of_waiting(self) -> bool:
        """Whether it is the tab of what waits for a person."""
        return self.name == "waiting"


def waiting() -> ColumnElement[bool]:
    """Return the condition of a row that waits for a person."""
    return and_(InboundMail.kind.in_(FOR_PEOPLE), InboundMail.looked_at.is_(None))


def page(tab: str, words: str, number: int) -> Tab:
    """Return a page of what came in, the latest first; an unknown tab is what waits."""
    tab = tab if tab in TABS else "waiting"
    counts = {name: _count(name, words) for name in TABS}
    number = page_within(number, counts[tab])
    query = (
        select(InboundMail)
        .where(*_conditions(tab, words))
        .options(
            joinedload(InboundMail.outbox),
            joinedload(InboundMail.contact).joinedload(Contact.client),
        )
        .order_by(InboundMail.received_at.desc(), InboundMail.id.desc())
    )
    return Tab(tab, Page(db.session.scalars(cut(query, number)).all(), counts[tab], number), counts)


def find(public_id: str) -> InboundMail | None:
    """Return one mail that came in, with all that its page shows, or None."""
    query = (
        select(InboundMail)
        .where(InboundMail.public_id == public_id)
        .options(
            undefer(InboundMail.raw),
            joinedload(InboundMail.outbox).joinedload(OutboxMessage.departure),
            joinedload(InboundMail.contact).joinedload(Contact.client),
            joinedload(InboundMail.looked_by),
        )
    )
    return db.session.scalar(query)


def is_paused(mail: InboundMail) -> bool:
    """Return whether the farewell mails of its departure are paused until a person resumes them."""
    departure_id = mail.outbox.departure_id if mail.outbox else None
    query = select(Enrolment.state).where(Enrolment.departure_id == departure_id)
    return db.session.scalar(query) is EnrolmentState.paused


def _count(tab: str, words: str) -> int:
    """Count the mails of a tab, at most COUNTED."""
    some = select(InboundMail.id).where(*_conditions(tab, words)).limit(COUNTED)
    return db.session.scalar(select(func.count()).select_from(some.subquery())) or 0


def _conditions(tab: str, words: str) -> list[ColumnElement[bool]]:
    found = [waiting() if tab == "waiting" else InboundMail.kind.in_(TABS[tab])]
    if words:
        of_client = select(Contact.id).join(Client, Client.id == Contact.client_id)
        found.append(
            or_(
                InboundMail.sender.icontains(words, autoescape=True),
                InboundMail.subject.icontains(words, autoescape=True),
                InboundMail.excerpt.icontains(words, autoescape=True),
                InboundMail.contact_id.in_(
                    of_client.where(
                        or_(
                            Client.name.icontains(words, autoescape=True),
                            Contact.name.icontains(words, autoescape=True),
                        )
                    )
                ),
            )
        )
    return found
