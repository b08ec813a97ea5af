"""What RQ may call: ids in, nothing out. Each is safe to run twice, or never: the clock repeats."""

from collections.abc import Sequence

from service import receiving
from service.actions import protocols
from service.extensions import db, queue
from service.mail import delivery
from service.models import Enrolment


def deliver(ids: Sequence[int]) -> None:
    """Send these mails of the outbox, and then what else is due and nobody else is sending."""
    left = delivery.deliver(ids, goes_on=True)
    if left:
        queue.wake("service.tasks.deliver", left)


def advance(enrolment_id: int) -> None:
    """Write down what one departure's protocol owes now."""
    enrolment = db.session.get(Enrolment, enrolment_id)
    if enrolment is not None:
        protocols.advance_one(enrolment.departure)
    db.session.commit()


def read_inbox() -> None:
    """Take the mails that lie unread in the mailbox, unless somebody did within the minute."""
    receiving.read_inbox()
