"""Record a bounce, a complaint or a delivery: the mail's outcome, and the suppressions it causes.

Callers have proof that the report is about that mail. Flushes, never commits.
"""

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

IN_A_ROW = 5  # soft bounces of mails to one address, which then counts as dead
# The outcomes that each may replace. A dead address and a complaint are final; of the others the
# latest counts, because a server may try again, and one that took a mail may send it back later.
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
    """Record the outcome of a mail and its consequences; return whether it changed.

    `source` is where the report came from. Without an `address` none is suppressed: the mail went
    to one that its reader no longer has.
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
    """Suppress an address after a hard bounce, a complaint, or five soft bounces in a row."""
    if outcome is Outcome.hard_bounced:
        reason, scope = SuppressionReason.hard_bounce, SuppressionScope.everything
    elif outcome is Outcome.complained:  # they still get mails that they ask for
        reason, scope = SuppressionReason.complaint, SuppressionScope.unasked
    elif outcome is Outcome.soft_bounced and mail is not None and _is_fifth(mail, address):
        reason, scope = SuppressionReason.soft_bounces, SuppressionScope.everything
    else:
        return
    suppressions.add(address, reason, scope=scope, detail=words, source=source)


def _settle(mail: OutboxMessage, outcome: Outcome, words: str) -> bool:
    """Set the outcome if it may replace the present one; an uncertain mail has evidently gone."""
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
    """Return whether this soft bounce makes five in a row to the address.

    They are counted around the mail, not back from today: reports come late, and out of order.
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
    in_a_row = 0
    for query in (before, after):
        outcomes = db.session.scalars(query.limit(IN_A_ROW)).all()
        in_a_row += len(list(takewhile(lambda one: one is Outcome.soft_bounced, outcomes)))
    return in_a_row >= IN_A_ROW


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
