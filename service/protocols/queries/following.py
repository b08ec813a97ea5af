"""Which departures a protocol still has mails for, as conditions for queries. Asks nothing."""

from sqlalchemy import ColumnElement, exists, or_

from service.models import Enrolment, EnrolmentState, MailState, OutboxMessage

GOING = (EnrolmentState.active, EnrolmentState.paused)


def has_waiting_mail() -> ColumnElement[bool]:
    """Say that a mail of a step is written down and waits to go."""
    return exists().where(
        OutboxMessage.departure_id == Enrolment.departure_id,
        OutboxMessage.step.is_not(None),
        OutboxMessage.state == MailState.queued,
    )


def is_in_it() -> ColumnElement[bool]:
    """Say that more is to come: a finished one counts as long as its last mail waits."""
    return or_(Enrolment.state.in_(GOING), has_waiting_mail())
