"""The acts that can still be undone."""

from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import joinedload

from service.clock import now
from service.extensions import db
from service.models import Act, ActKind, Departure, EnrolmentState
from service.protocols.rules.situations import Situation


def find(public_id: str) -> Act | None:
    """Return an act, or None when there is none or it is forgotten."""
    return db.session.scalar(select(Act).where(Act.public_id == public_id))


def last_of(departure: Departure) -> Act | None:
    """Return the last act of a departure that can be undone now, its import's if it has none."""
    query = _open().where(Act.departure_id == departure.id)
    own = db.session.scalars(query.limit(1)).first()
    if own is not None:
        return own
    return next((act for act in imports() if departure.id in act.was.get("departures", ())), None)


def imports() -> list[Act]:
    """Return the imports that can be undone now, the latest first."""
    return list(db.session.scalars(_open().where(Act.kind == ActKind.imported)))


def nothing_before(situation: Situation) -> datetime | None:
    """Return the moment before which no mail of the departure goes, if that is still to come."""
    enrolment = situation.enrolment
    if enrolment is None or enrolment.not_before is None or enrolment.not_before <= now():
        return None
    return enrolment.not_before if enrolment.state is EnrolmentState.active else None


def _open() -> Select[Act]:
    return (
        select(Act)
        .where(Act.until > now(), Act.undone_at.is_(None))
        .order_by(Act.id.desc())
        .options(joinedload(Act.member))
    )
