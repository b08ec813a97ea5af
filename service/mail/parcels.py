"""Turn claimed rows into parcels, ready bytes with their envelope. Opens no socket.

A row that may not go any more is marked as skipped here, one that cannot be written as failed, one
that may go only later is given back until then; the others go on.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, fields

from rq.timeouts import BaseTimeoutException
from sqlalchemy import update
from sqlalchemy.exc import SQLAlchemyError

from service.clock import now
from service.extensions import db
from service.mail import conditions, lint, messages, outcomes, postponing, rendering, verp
from service.mail.claims import Claims
from service.mail.contents import Unwritable
from service.mail.conversations import Envelope
from service.mail.headers import BadAddress, BadHeader, wire_address
from service.mail.kinds import RULES
from service.mail.rendering import Rendering
from service.models import OutboxMessage, Priority

log = logging.getLogger(__name__)

_FIELDS = tuple(field.name for field in fields(Rendering))  # what messages.octets() takes


@dataclass(frozen=True, slots=True)
class Parcel:
    """One mail as it goes out, and what has been tried with it."""

    row_id: int
    tried: outcomes.Tries
    envelope: Envelope
    octets: bytes

    @property
    def is_urgent(self) -> bool:
        """Whether somebody waits for it."""
        return RULES[self.tried.kind].priority is Priority.urgent


def pack(claims: Claims) -> list[Parcel]:
    """Return the parcels of the rows held that may go; commits, so no transaction stays open."""
    _name(claims.held())
    rows = conditions.rows_of(claims.held())
    reasons = conditions.reasons(rows, now())
    waits = postponing.waits([row for row in rows if row.id not in reasons], now())
    going = [row for row in rows if row.id not in reasons and row.id not in waits]
    parcels, faults = [], {}
    for row, rendered in zip(going, _rendered(going), strict=True):
        try:
            parcels.append(_parcel(row, rendered))
        except (Unwritable, BadHeader, lint.Unfit) as fault:
            faults[row.id] = (outcomes.Tries.of(row), str(fault))
    db.session.expunge_all()  # only octets are needed now; to expire each object would cost more
    db.session.commit()
    for row_id, reason in reasons.items():
        claims.note(row_id, outcomes.skipped(reason))
    for moment, row_ids in postponing.by_moment(waits).items():
        log.info("mails_postponed count=%s until=%s", len(row_ids), moment)
        claims.release(row_ids, moment)
    for row_id, (tried, words) in faults.items():
        log.error("mail_unfit outbox=%s kind=%s faults=%s", row_id, tried.kind, words)
        claims.note(row_id, outcomes.failed(tried, words))
    return parcels


def _name(ids: Sequence[int]) -> None:
    """Give rows their Message-ID before the first attempt, so that a second one has the same."""
    try:
        domain = wire_address(rendering.the_house().address).rpartition("@")[2]
    except BadAddress:
        domain = "localhost"  # each mail will say what is wrong with its sender
    db.session.execute(
        update(OutboxMessage)
        .where(OutboxMessage.id.in_(ids), OutboxMessage.message_id.is_(None))
        .values(message_id="<" + OutboxMessage.public_id + f"@{domain}>")
        .execution_options(synchronize_session=False)
    )


def _rendered(rows: Sequence[OutboxMessage]) -> list[Rendering | Unwritable]:
    """Render all rows together; when that breaks, one by one, to find the one that breaks it."""
    try:
        return rendering.render_many(rows)
    except (BaseTimeoutException, SQLAlchemyError):
        raise
    except Exception:
        log.exception("rendering_broke outbox=%s", [row.id for row in rows])
        return [_rendered_alone(row) for row in rows]


def _rendered_alone(row: OutboxMessage) -> Rendering | Unwritable:
    try:
        return rendering.render_many([row])[0]
    except (BaseTimeoutException, SQLAlchemyError):
        raise
    except Exception as error:  # whatever a template may raise ends on its row, not in the batch
        log.exception("rendering_broke outbox=%s kind=%s", row.id, row.kind)
        return Unwritable(f"{type(error).__name__}: {error}")


def _parcel(row: OutboxMessage, rendered: Rendering | Unwritable) -> Parcel:
    if isinstance(rendered, Unwritable):
        raise rendered
    octets = messages.octets(**{name: getattr(rendered, name) for name in _FIELDS})
    lint.check(octets, row.kind)
    envelope = Envelope(verp.address(row.public_id) or rendered.sender[1], rendered.to[1])
    return Parcel(row.id, outcomes.Tries.of(row), envelope, octets)
