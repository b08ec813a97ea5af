"""Lists of recoveries: what went wrong and still waits, the oldest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from service.extensions import db
from service.models import Departure, Recovery, Response

PER_PAGE = 25


@dataclass(frozen=True, slots=True)
class Page:
    """One page: each recovery with the answer that opened it, if it is still there."""

    lines: Sequence[tuple[Recovery, Response | None]]
    count: int
    page: int

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return max(1, ceil(self.count / PER_PAGE))


def page(state: str, number: int) -> Page:
    """Return a page of the open ones, the oldest first, or of the closed, the latest first."""
    is_open = state == "open"
    wanted = Recovery.closed_at.is_(None) if is_open else Recovery.closed_at.is_not(None)
    count = db.session.scalar(select(func.count()).select_from(Recovery).where(wanted)) or 0
    number = max(1, min(number, ceil(count / PER_PAGE)))
    order: Any = Recovery.opened_at if is_open else Recovery.closed_at.desc()
    rows = db.session.execute(
        select(Recovery, Response)
        .outerjoin(Response, Response.departure_id == Recovery.departure_id)
        .where(wanted)
        .options(
            joinedload(Recovery.departure).options(
                joinedload(Departure.client),
                joinedload(Departure.contact),
                joinedload(Departure.responsible),
            )
        )
        .order_by(order, Recovery.id)
        .limit(PER_PAGE)
        .offset((number - 1) * PER_PAGE)
    )
    return Page([(row[0], row[1]) for row in rows], count, number)


def answer_of(recovery: Recovery) -> Response | None:
    """Return the answer of the recovery's departure."""
    return db.session.scalar(select(Response).where(Response.departure_id == recovery.departure_id))
