"""Write the mails of departures whose next step is due. An entry point: it commits.

The clock's round finds them and leaves a hint. They stay due until they are advanced, so the next
round finds them again when a hint is lost.
"""

import logging
from collections.abc import Sequence
from datetime import timedelta

from rq.timeouts import BaseTimeoutException
from sqlalchemy.exc import OperationalError

from service.clock import now
from service.extensions import db
from service.models import Enrolment, MailState
from service.protocols.actions import progress

SET_ASIDE = timedelta(hours=1)  # when an enrolment that raised an error is due again
NOBODYS_FAULT = (BaseTimeoutException, OperationalError)  # no time, or no database

log = logging.getLogger(__name__)


def advance(ids: Sequence[int] | None = None) -> list[MailState]:
    """Advance those of the enrolments `ids` that are due, a chunk at most, and commit.

    Without `ids` those that have been due for longest. Returns the states of the new mails. An
    enrolment that raises an error is set aside for an hour, so that it delays no other, and an
    ExceptionGroup is raised when the others are done. Raises OperationalError when the database is
    away or locked; the enrolments stay due.
    """
    found = progress.take(now(), ids)
    try:
        return _advance(found)
    except NOBODYS_FAULT:
        raise
    except Exception:  # one of them raised it: the others are not to wait for it
        db.session.rollback()
        log.exception("a chunk of %s departures failed; one by one now", len(found))
    return _advance_one_by_one(found)


def advance_all() -> list[MailState]:
    """Advance everything that is due, chunk by chunk; return and raise what advance() does."""
    states, errors = list[MailState](), list[Exception]()
    while left():
        try:
            states += advance()
        except ExceptionGroup as group:
            errors += group.exceptions
    _raise(errors)
    return states


def left() -> list[int]:
    """Return the enrolments that are due and not locked, a chunk at most."""
    found = progress.take(now())
    db.session.commit()
    return found


def _advance(ids: Sequence[int]) -> list[MailState]:
    states = [mail.state for mail in progress.advance(ids)] if ids else []
    db.session.commit()
    return states


def _advance_one_by_one(ids: Sequence[int]) -> list[MailState]:
    states, errors = list[MailState](), list[Exception]()
    for enrolment_id in ids:
        try:
            states += _advance(progress.take(now(), [enrolment_id]))
        except NOBODYS_FAULT:
            raise
        except Exception as error:  # set aside, and raised with the others at the end
            db.session.rollback()
            log.exception("departure of enrolment %s set aside", enrolment_id)
            errors.append(error)
            db.session.get_one(Enrolment, enrolment_id).next_at = now() + SET_ASIDE
            db.session.commit()
    _raise(errors)
    return states


def _raise(errors: Sequence[Exception]) -> None:
    if errors:
        raise ExceptionGroup("some mails could not be written", errors)
