"""Turn claimed rows into drafts, and drafts into prepared messages: bytes with their envelope.

A row that may no longer go is noted as skipped here, a row that cannot be rendered as failed; a
row that may go only later is given back until then. Opens no socket.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Protocol

from rq.timeouts import BaseTimeoutException

from service import database
from service.clock import now
from service.extensions import db
from service.mail import verp
from service.mail.decision import Decision
from service.mail.delivery import outcomes
from service.mail.delivery.leases import Leases
from service.mail.delivery.session import Envelope
from service.mail.kinds import RULES
from service.mail.policy import business_hours, conditions
from service.mail.rendering import lint, messages, rendering
from service.mail.rendering.context import Unwritable
from service.mail.rendering.headers import BadHeader
from service.mail.rendering.related_rows import MailContext, load
from service.mail.rendering.rendering import CompanyFacts, Rendering
from service.models import OutboxMessage, Priority

log = logging.getLogger(__name__)

_FIELDS = tuple(field.name for field in fields(Rendering))  # what messages.octets() takes


@dataclass(frozen=True, slots=True)
class PreparedMessage:
    """One mail as it goes out, and what has been tried with it."""

    row_id: int
    tried: outcomes.Tries
    envelope: Envelope
    octets: bytes


class Source(Protocol):
    """Where a sender takes its mails from.

    take() alone is enough to send. The two other methods serve speed: they let a sender prepare
    the next mails while it waits for the server (prefetch.py, prefetch_process.py).
    """

    def take(self) -> PreparedMessage | None:
        """Return the next mail to send, None when none is left; may wait for it."""

    def take_at_hand(self) -> PreparedMessage | None:
        """Return the next mail to send if it is prepared already, else None; never waits."""

    def work(self) -> bool:
        """Do one small step of the preparation; return False when there is none. Never raises."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A mail that may go, with all facts in it: preparing it asks nothing of the database."""

    context: MailContext
    facts: CompanyFacts

    @property
    def row_id(self) -> int:
        """The id of its row in the outbox."""
        return self.context.row.id

    @property
    def is_urgent(self) -> bool:
        """Whether a person waits for it."""
        return RULES[self.context.row.kind].priority is Priority.urgent


def draft(leases: Leases, ids: Sequence[int]) -> list[Draft]:
    """Return drafts of the rows just claimed that may go; leaves no transaction open."""
    with database.reading(), _leaving_nothing_open():
        facts = rendering.company_facts()  # first: it holds the company, which is asked for often
        rows = conditions.rows_of(ids)
        refused, moment = conditions.refused_of(rows, now()), now()
        left = [row for row in rows if row.id not in refused]
        waits = business_hours.waits(left, moment, together=ids)
        contexts = load([row for row in left if row.id not in waits])
    for row in rows:
        if row.id in refused:
            leases.note(row.id, outcomes.skipped(row, refused[row.id]))
    decisions = {
        row.id: Decision.of(row.decision).waiting(wait.why, moment, wait.until)
        for row in left
        if (wait := waits.get(row.id))
    }
    for until, row_ids in business_hours.by_moment(waits).items():
        log.info("mails_postponed count=%s until=%s", len(row_ids), until)
        expiries = {row_id: at for row_id in row_ids if (at := waits[row_id].expires_at)}
        leases.release(row_ids, until, {row_id: decisions[row_id] for row_id in row_ids}, expiries)
    return [Draft(context, facts) for context in contexts]


@contextmanager
def _leaving_nothing_open() -> Iterator[None]:
    try:
        yield
    finally:
        db.session.expunge_all()  # what was read is kept; to expire each object would cost more
        db.session.rollback()


def prepare(leases: Leases, drawn: Draft) -> PreparedMessage | None:
    """Render a draft; return None for one that cannot be rendered, after noting it as failed."""
    row = drawn.context.row
    try:
        return _encoded(row, rendering.render_context(drawn.context, drawn.facts))
    except BaseTimeoutException:
        raise
    except (Unwritable, BadHeader, lint.Unfit) as fault:
        words = str(fault)
    except Exception as error:  # whatever a template may raise ends on its row, not in the batch
        log.exception("rendering_broke outbox=%s kind=%s", row.id, row.kind)
        words = f"{type(error).__name__}: {error}"
    log.error("mail_unfit outbox=%s kind=%s faults=%s", row.id, row.kind, words)
    leases.note(row.id, outcomes.failed(outcomes.Tries.of(row), words))
    return None


def _encoded(row: OutboxMessage, rendered: Rendering) -> PreparedMessage:
    octets = messages.octets(**{name: getattr(rendered, name) for name in _FIELDS})
    lint.check(octets, row.kind)
    envelope = Envelope(verp.address(row.public_id) or rendered.sender[1], rendered.to[1])
    return PreparedMessage(row.id, outcomes.Tries.of(row), envelope, octets)
