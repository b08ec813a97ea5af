"""Lists of recoveries: what went wrong and still waits, the oldest first."""

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from service.extensions import db
from service.models import Departure, Recovery, Response
from service.paging import Page, cut, page_within


def page(state: str, number: int) -> Page[tuple[Recovery, Response | None]]:
    """Return a page of the open ones, the oldest first, or of the closed, the latest first.

    Each recovery comes with the answer that opened it, if it is still there.
    """
    is_open = state == "open"
    wanted = Recovery.closed_at.is_(None) if is_open else Recovery.closed_at.is_not(None)
    count = db.session.scalar(select(func.count()).select_from(Recovery).where(wanted)) or 0
    number = page_within(number, count)
    order: Any = Recovery.opened_at if is_open else Recovery.closed_at.desc()
    query = (
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
    )
    rows = db.session.execute(cut(query, number))
    return Page([(row[0], row[1]) for row in rows], count, number)


def find(departure: str) -> Recovery | None:
    """Return the recovery of the departure with that public id."""
    return db.session.scalar(
        select(Recovery).join(Departure).where(Departure.public_id == departure)
    )


def answer_of(recovery: Recovery) -> Response | None:
    """Return the answer of the recovery's departure."""
    return db.session.scalar(select(Response).where(Response.departure_id == recovery.departure_id))
