"""Who came back, of those we wrote to after they left, and what brought them back. Reads only."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, case, distinct, exists, func, or_, select
from sqlalchemy.orm import joinedload

from service.departures.queries.filters import DepartureFilters
from service.extensions import db
from service.mail.kinds import RULES
from service.models import (
    Departure,
    Invitation,
    InvitationKind,
    MailKind,
    MailState,
    OutboxMessage,
    Return,
    ReturnReason,
    Stage,
)
from service.paging import Page, cut, page_within
from service.statistics import Share

# Mails that are not transactional: with these we get in touch.
IN_TOUCH = [kind for kind, rules in RULES.items() if not rules.is_transactional]
NO_MAIL = "untold"  # a return of which nobody wrote down which mail led to it
MOST_MAILS = 100  # to choose from: those of years


@dataclass(frozen=True, slots=True)
class Rate:
    """Former clients of a period: `share` of those contacted, and who came by themselves."""

    share: Share
    by_themselves: int


@dataclass(frozen=True, slots=True)
class Count:
    """How many returns a reason or a mail led to; `led` is how the address names it."""

    led: str
    reason: ReturnReason | None
    kind: MailKind | None
    count: int


def rate(filters: DepartureFilters, today: date) -> Rate:
    """Return the return rate of the clients whose departures pass `filters`: one statement.

    A client counts as contacted when they got the survey, or a mail that is not transactional
    since the departure was recorded. A client counts once, however many services ended.
    """
    contacted = or_(_was_asked(), _was_written_to())
    former = [*filters.conditions, Departure.end_on <= today]
    # Those back are few and have an index, so only one of the counts walks the whole period.
    all_contacted = (
        select(_clients())
        .where(*former, Departure.stage != Stage.retained, contacted)
        .scalar_subquery()
    )
    query = select(
        _clients(), func.count(distinct(case((contacted, Departure.client_id)))), all_contacted
    ).where(*former, Departure.stage == Stage.returned)
    all_back, back, of_contacted = db.session.execute(query).one()
    return Rate(Share(back, of_contacted), all_back - back)


def _clients() -> ColumnElement[int]:
    return func.count(distinct(Departure.client_id))


def _was_asked() -> ColumnElement[bool]:
    return exists().where(
        Invitation.departure_id == Departure.id, Invitation.kind == InvitationKind.survey
    )


def _was_written_to() -> ColumnElement[bool]:
    return exists().where(
        OutboxMessage.contact_id == Departure.contact_id,
        OutboxMessage.state == MailState.sent,
        OutboxMessage.kind.in_(IN_TOUCH),
        OutboxMessage.created_at >= Departure.recorded_at,
    )


def what_led(filters: DepartureFilters) -> tuple[list[Count], list[Count]]:
    """Return how many returns each reason, and each mail, led to: one statement.

    The most frequent come first; those of which no mail is known come last.
    """
    query = (
        select(Return.reason, Return.mail_kind, func.count())
        .join(Departure, Departure.id == Return.departure_id)
        .where(*filters.conditions)
        .group_by(Return.reason, Return.mail_kind)
    )
    reasons, kinds = Counter[ReturnReason](), Counter[MailKind | None]()
    for reason, kind, count in db.session.execute(query):
        reasons[reason] += count
        kinds[kind] += count
    mails = [Count(kind or NO_MAIL, None, kind, count) for kind, count in kinds.most_common()]
    return (
        [Count(reason, reason, None, count) for reason, count in reasons.most_common()],
        sorted(mails, key=lambda row: row.kind is None),
    )


def page(filters: DepartureFilters, reason: str, led: str, number: int) -> Page[Return]:
    """Return a page of the returns that pass, the latest first; unknown values narrow nothing."""
    wanted = list(filters.conditions)
    if reason in list(ReturnReason):
        wanted.append(Return.reason == ReturnReason(reason))
    if led == NO_MAIL:
        wanted.append(Return.mail_kind.is_(None))
    elif led in list(MailKind):
        wanted.append(Return.mail_kind == MailKind(led))
    query = select(Return).join(Departure, Departure.id == Return.departure_id).where(*wanted)
    count = db.session.scalar(select(func.count()).select_from(query.subquery())) or 0
    number = page_within(number, count)
    query = query.options(
        joinedload(Return.departure).options(
            joinedload(Departure.client), joinedload(Departure.contact)
        )
    ).order_by(Return.returned_on.desc(), Return.id.desc())
    return Page(db.session.scalars(cut(query, number)).all(), count, number)


def mails_sent(departure: Departure) -> Sequence[OutboxMessage]:
    """Return the mails that the contact has had of us, the latest first, to choose from."""
    query = (
        select(OutboxMessage)
        .where(
            OutboxMessage.contact_id == departure.contact_id,
            OutboxMessage.state.in_((MailState.sent, MailState.uncertain)),
            OutboxMessage.kind != MailKind.welcome_back,
        )
        .order_by(OutboxMessage.ended_at.desc(), OutboxMessage.id.desc())
        .limit(MOST_MAILS)
    )
    return db.session.scalars(query).all()
