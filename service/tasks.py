"""What RQ may call: ids in, nothing out. Each is safe to run twice, or never: the clock repeats."""

from collections.abc import Sequence

from service.deliveries import jobs as receiving
from service.extensions import queue
from service.mail.delivery import delivery
from service.protocols import jobs as advancing


def deliver(ids: Sequence[int]) -> None:
    """Send these mails of the outbox, and then what else is due and nobody else is sending."""
    left = delivery.deliver(ids, goes_on=True)
    if left:
        queue.wake("service.tasks.deliver", left)


def advance(enrolment_ids: Sequence[int]) -> None:
    """Write down what these departures' protocols owe now, and have others do so for what is left.

    A chunk is a job, so that who waits for a mail that is written already never waits for long.
    """
    try:
        advancing.advance(enrolment_ids)
    except ExceptionGroup:  # those that raised are set aside, and hold nobody back
        _have_the_next_advanced()
        raise
    _have_the_next_advanced()  # not when the database is away: the clock's next round hints again


def _have_the_next_advanced() -> None:
    left = advancing.left()
    if left:
        queue.wake("service.tasks.advance", left)


def read_inbox() -> None:
    """Take the mails that lie unread in the mailbox, unless somebody did within the minute."""
    receiving.read_inbox()


def read_arrivals() -> None:
    """Take the mails that a mail server has handed over to service.pipe."""
    receiving.read_arrivals()
