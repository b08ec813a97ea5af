"""What the clock's round does for the team: delete what has expired."""

from sqlalchemy import ColumnElement, delete, exists, or_

from service.clock import now
from service.extensions import db
from service.mail.sql import from_now
from service.models import LoginAttempt, LoginSession
from service.team.actions import attempts


def expired_waits() -> ColumnElement[bool]:
    """Return whether there is something to delete, as a value of SQL."""
    return or_(
        exists().where(LoginSession.expires_at <= from_now()),
        exists().where(LoginAttempt.at <= from_now(-attempts.KEPT)),
    )


def forget_expired() -> None:
    """Delete the sessions that nobody can use any more, and attempts that count for nothing."""
    moment = now()
    db.session.execute(delete(LoginSession).where(LoginSession.expires_at <= moment))
    db.session.execute(delete(LoginAttempt).where(LoginAttempt.at <= moment - attempts.KEPT))
