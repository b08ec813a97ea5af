"""What the clock's round does for the team: delete what has expired."""

from sqlalchemy import ColumnElement, exists

from service.mail.sql import from_now
from service.models import LoginSession
from service.team.actions import sessions


def expired_waits() -> ColumnElement[bool]:
    """Return whether there is something to delete, as a value of SQL."""
    return exists().where(LoginSession.expires_at <= from_now())


def forget_expired() -> None:
    """Delete the sessions that have expired."""
    sessions.forget_expired()
