"""What the clock's round and the workers do for the team. Entry points: they commit."""

import logging

from rq.timeouts import BaseTimeoutException
from sqlalchemy import ColumnElement, delete, exists, or_, select
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from service.clock import now
from service.extensions import db
from service.mail.sql import from_now
from service.models import DataExport, LoginAttempt, LoginSession, PasswordRequest
from service.team.actions import attempts, exports, members

log = logging.getLogger(__name__)


def requests_wait() -> ColumnElement[bool]:
    """Return whether somebody waits for a link to choose a password, as a value of SQL."""
    return exists().where(PasswordRequest.id.is_not(None))


def answer_requests() -> int:
    """Mail the links that were asked for, the oldest request first; return how many.

    Each is a transaction. One that raises is logged and stays for the next round, and the next are
    answered.
    """
    mailed, in_order = 0, select(PasswordRequest.id).order_by(PasswordRequest.id)
    for request_id in db.session.scalars(in_order).all():
        try:
            mailed += members.answer_request(request_id) is not None
            db.session.commit()
        except (OperationalError, InterfaceError, PoolTimeout, BaseTimeoutException):
            raise
        except Exception:  # whatever it raised, it must not keep others from their link
            db.session.rollback()
            log.exception("password_request_not_answered id=%s", request_id)
    return mailed


def expired_waits() -> ColumnElement[bool]:
    """Return whether there is something to delete, as a value of SQL."""
    return or_(
        exists().where(LoginSession.expires_at <= from_now()),
        exists().where(LoginAttempt.at <= from_now(-attempts.KEPT)),
        exists().where(DataExport.at <= from_now(-exports.KEPT)),
    )


def forget_expired() -> None:
    """Delete what is over: sessions, attempts that count for nothing, rows of old exports."""
    moment = now()
    db.session.execute(delete(LoginSession).where(LoginSession.expires_at <= moment))
    db.session.execute(delete(LoginAttempt).where(LoginAttempt.at <= moment - attempts.KEPT))
    db.session.execute(delete(DataExport).where(DataExport.at <= moment - exports.KEPT))
    db.session.commit()
