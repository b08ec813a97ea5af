"""What a bounce, a complaint or a delivery changes: the mail's outcome, and who gets no more mail.

Whoever calls has proof that it speaks of that mail. Flushes, never commits.
"""

from collections.abc import Iterable
from itertools import takewhile

from sqlalchemy import Select, and_, case, or_, select, update

from service.clock import now
from service.events.actions import record_event
from service.extensions import db
from service.mail.policy import suppressions
from service.models import (
    Contact,
    EventKind,
    MailState,
    OutboxMessage,
    Outcome,
    SuppressionReason,
    SuppressionScope,
    TeamMember,
)

IN_A_ROW = 5  # soft bounces of mails to one address, until it counts as dead
# What each may replace. A dead address and a complaint stay what they are; of the others the
# latest holds, because a server may try again, and one that took a mail may send it back later.
REPLACES: dict[Outcome, tuple[Outcome, ...]] = {
    Outcome.delivered: (Outcome.soft_bounced,),
    Outcome.soft_bounced: (Outcome.delivered,),
    Outcome.hard_bounced: (Outcome.delivered, Outcome.soft_bounced),
    Outcome.complained: (Outcome.delivered, Outcome.soft_bounced, Outcome.hard_bounced),
}
EVENTS = {
    Outcome.soft_bounced: EventKind.mail_bounced,
    Outcome.hard_bounced: EventKind.mail_bounced,
    Outcome.complained: EventKind.complained,
}


def record(
    mail: OutboxMessage, outcome: Outcome, words: str, source: str, *, address: str | None = None
) -> bool:
    """Record what became of a mail, with all that follows; return whether it was news.

    `source` says how the news came. `address` is suppressed; without it none is, because the mail
    went to an address that its reader no longer has.
    """
    if not _settle(mail, outcome, words):
        return False
    if mail.departure is not None and mail.contact_id and outcome in EVENTS:
        record_event(mail.departure, EVENTS[outcome], None, mail.step or mail.kind)
    if address:
        suppress(address, outcome, words, source, mail)
    db.session.flush()
    return True


def suppress(
    address: str, outcome: Outcome, words: str, source: str, mail: OutboxMessage | None = None
) -> None:
    """Send no more to an address that is dead or complained: at once, or after five in a row."""
    if outcome is Outcome.hard_bounced:
        reason, scope = SuppressionReason.hard_bounce, SuppressionScope.everything
    elif outcome is Outcome.complained:  # they still get what they ask for themselves
        reason, scope = SuppressionReason.complaint, SuppressionScope.unasked
    elif outcome is Outcome.soft_bounced and mail is not None and _is_fifth(mail, address):
        reason, scope = SuppressionReason.soft_bounces, SuppressionScope.everything
    else:
        return
    suppressions.add(address, reason, scope=scope, detail=words, source=source)


def _settle(mail: OutboxMessage, outcome: Outcome, words: str) -> bool:
    """Set the outcome unless it says more already; a mail nobody was sure of evidently went."""
    was_in_doubt = or_(
        OutboxMessage.state == MailState.uncertain,
        and_(OutboxMessage.state == MailState.queued, OutboxMessage.doubts > 0),
    )
    changed = db.session.execute(
        update(OutboxMessage)
        .where(
            OutboxMessage.id == mail.id,
            or_(OutboxMessage.outcome.is_(None), OutboxMessage.outcome.in_(REPLACES[outcome])),
        )
        .values(
            outcome=outcome,
            outcome_at=now(),
            outcome_words=words,
            state=case((was_in_doubt, MailState.sent), else_=OutboxMessage.state),
            ended_at=case(
                (and_(was_in_doubt, OutboxMessage.ended_at.is_(None)), now()),
                else_=OutboxMessage.ended_at,
            ),
        )
        .execution_options(synchronize_session=False)
    )
    db.session.refresh(mail)
    return bool(changed.rowcount)  # type: ignore[attr-defined]


def _is_fifth(mail: OutboxMessage, address: str) -> bool:
    """Say whether this soft bounce stands in a row of five to the address.

    The row is counted around the mail, not back from today: reports come late, and out of order.
    """
    if mail.ended_at is None:
        return False
    sent = _sent_to(address)
    before = sent.where(
        or_(
            OutboxMessage.ended_at < mail.ended_at,
            and_(OutboxMessage.ended_at == mail.ended_at, OutboxMessage.id <= mail.id),
        )
    ).order_by(OutboxMessage.ended_at.desc(), OutboxMessage.id.desc())
    after = sent.where(
        or_(
            OutboxMessage.ended_at > mail.ended_at,
            and_(OutboxMessage.ended_at == mail.ended_at, OutboxMessage.id > mail.id),
        )
    ).order_by(OutboxMessage.ended_at, OutboxMessage.id)
    rows = [db.session.scalars(query.limit(IN_A_ROW)).all() for query in (before, after)]
    return sum(_softly(outcomes) for outcomes in rows) >= IN_A_ROW


def _softly(outcomes: Iterable[Outcome | None]) -> int:
    """Count the soft bounces up to the first that is none."""
    return len(list(takewhile(lambda one: one is Outcome.soft_bounced, outcomes)))


def _sent_to(address: str) -> Select[Outcome | None]:
    """Select the outcomes of the mails that went to an address, whichever client it is of."""
    key = suppressions.email_key(address)
    return select(OutboxMessage.outcome).where(
        OutboxMessage.state == MailState.sent,
        or_(
            OutboxMessage.contact_id.in_(select(Contact.id).where(Contact.email_key == key)),
            OutboxMessage.provider_id.in_(select(TeamMember.id).where(TeamMember.email == key)),
        ),
    )
