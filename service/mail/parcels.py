"""Turn claimed rows into parcels, ready bytes with their envelope. Opens no socket.

A row that may not go any more is marked as skipped here, one that cannot be written as failed; the
others go on.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, fields

from rq.timeouts import BaseTimeoutException
from sqlalchemy.exc import SQLAlchemyError

from service.clock import now
from service.extensions import db
from service.mail import conditions, lint, outcomes, rendering
from service.mail.claims import Claim
from service.mail.contents import Unwritable
from service.mail.headers import BadAddress, BadHeader, wire_address
from service.mail.rendering import Rendering
from service.mail.smtp import Message
from service.models import OutboxMessage

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Parcel:
    """One mail as it goes out, and what has been tried with it."""

    row_id: int
    tried: outcomes.Tries
    sender: str
    recipient: str
    octets: bytes


def pack(claim: Claim, ids: Sequence[int]) -> list[Parcel]:
    """Return the parcels of the rows that may go; commits, so that no transaction stays open."""
    rows = conditions.rows_of(ids)
    reasons = conditions.reasons(rows, now())
    going = [row for row in rows if row.id not in reasons]
    domain = _sending_domain()
    for row in going:
        row.message_id = row.message_id or f"<{row.public_id}@{domain}>"
    db.session.flush()  # stored before the first attempt: a second one carries the same
    parcels, faults = [], {}
    for row, rendered in zip(going, _rendered(going), strict=True):
        try:
            parcels.append(_parcel(row, rendered))
        except (Unwritable, BadHeader, lint.Unfit) as fault:
            faults[row.id] = (outcomes.Tries.of(row), str(fault))
    db.session.commit()
    for row_id, reason in reasons.items():
        claim.change(row_id, **outcomes.skipped(reason))
    for row_id, (tried, words) in faults.items():
        log.error("mail_unfit outbox=%s kind=%s faults=%s", row_id, tried.kind, words)
        claim.change(row_id, **outcomes.failed(tried, words))
    return parcels


def _sending_domain() -> str:
    try:
        return wire_address(rendering.the_house().address).rpartition("@")[2]
    except BadAddress:
        return "localhost"  # each mail will say what is wrong with its sender


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
    values = {field.name: getattr(rendered, field.name) for field in fields(rendered)}
    octets = Message(**values).as_bytes()
    lint.check(octets, row.kind)
    return Parcel(row.id, outcomes.Tries.of(row), rendered.sender[1], rendered.to[1], octets)
