"""The tasks that RQ runs: they take ids, and are safe to run twice or never: the clock repeats."""

from collections.abc import Sequence

from service.deliveries import jobs as receiving
from service.extensions import queue
from service.mail.delivery import delivery
from service.protocols import jobs as advancing
from service.team import jobs as team


def deliver(ids: Sequence[int]) -> None:
    """Send these mails of the outbox, and then others that are due and not leased."""
    left = delivery.deliver(ids, goes_on=True)
    if left:
        queue.wake("service.tasks.deliver", left)


def advance(enrolment_ids: Sequence[int]) -> None:
    """Write the mails that are due for these enrolments, then hint at the next chunk.

    A chunk is a job, so that mails already written need not wait for long.
    """
    try:
        advancing.advance(enrolment_ids)
    except ExceptionGroup:  # those that raised are set aside, and hold nobody back
        _hint_at_the_next()
        raise
    _hint_at_the_next()  # not when the database is away: the clock's next round hints again


def _hint_at_the_next() -> None:
    left = advancing.left()
    if left:
        queue.wake("service.tasks.advance", left)


def read_inbox() -> None:
    """Read new mails of the mailbox, unless a worker did within the last minute."""
    receiving.read_inbox()


def read_arrivals() -> None:
    """Read the mails that a mail server handed over to service.pipe."""
    receiving.read_arrivals()


def mail_password_links() -> None:
    """Mail the links to choose a password that were asked for."""
    team.answer_requests()
