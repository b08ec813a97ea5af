"""Take mails in: one, those that the mail server piped in, those of the mailbox. All commit.

A mail is taken once, whatever is in it; it has to be brought again only while the database is away.
"""

import logging
import os
import secrets
import socket
import time
from datetime import timedelta

from rq.timeouts import BaseTimeoutException
from sqlalchemy import ColumnElement, delete, exists, select
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from service import named_leases
from service.clock import now
from service.current import settings
from service.deliveries.actions import inbound
from service.extensions import db, queue
from service.mail.inbound import mailbox
from service.models import InboundArrival, InboundKind, InboundSource, Lease

AWAY = (OperationalError, InterfaceError, PoolTimeout)  # raised while the database is away
EVERY = timedelta(minutes=1)  # between two visits to the mailbox
AFTER_TROUBLE = timedelta(minutes=5)
HINTS = timedelta(seconds=20)  # between two hints to a worker, until one visits it
LONGEST = 20.0  # seconds that one visit to the mailbox, or one reading of arrivals, may take
MOST_BROKEN = 3  # mails of one visit over which the server may end the connection
LEASE, HINT = "inbox", "inbox hint"

log = logging.getLogger(__name__)


def take(
    octets: bytes, source: InboundSource, recipients: tuple[str, ...] = ()
) -> InboundKind | None:
    """Take one mail in and commit; return its kind, or None when it was taken before.

    A mail that raises an error is kept for a person. Raises one of AWAY while the database is away:
    then it has to be brought again.
    """
    try:
        row = inbound.receive(octets, source, recipients)
        kind = row.kind if row else None
        db.session.commit()
    except (*AWAY, BaseTimeoutException):
        db.session.rollback()
        raise
    except Exception:  # whatever reading it raised, a person can look at it
        db.session.rollback()
        log.exception("mail_not_understood source=%s octets=%s", source, len(octets))
        row = inbound.keep(octets, source)
        kind = row.kind if row else None
        db.session.commit()
    log.info("mail_came_in source=%s kind=%s", source, kind or "known")
    return kind


def arrivals_wait() -> ColumnElement[bool]:
    """Return whether a mail of the pipe waits to be read, as a value of SQL."""
    return exists().where(InboundArrival.id.is_not(None))


def read_arrivals() -> int:
    """Take the mails in that service.pipe has stored, the oldest first; return how many.

    Each is deleted after its commit; one that is read twice is recorded once. One that raises is
    logged and stays, and the next are read. Ends after 20 seconds: the clock hints again.
    """
    taken, until = 0, time.monotonic() + LONGEST
    for number in db.session.scalars(select(InboundArrival.id).order_by(InboundArrival.id)).all():
        if time.monotonic() > until:
            break
        taken += _take_arrival(number)
    return taken


def _take_arrival(number: int) -> bool:
    arrival = db.session.get(InboundArrival, number)
    if arrival is None:
        return False  # another worker had it
    octets, recipients = arrival.octets, tuple(arrival.recipients)
    db.session.rollback()
    try:
        take(octets, InboundSource.pipe, recipients)
    except (*AWAY, BaseTimeoutException):
        raise
    except Exception:  # not even kept: the row stays for the next round, and the others are taken
        db.session.rollback()
        log.exception("arrival_not_taken id=%s", number)
        return False
    db.session.execute(delete(InboundArrival).where(InboundArrival.id == number))
    db.session.commit()
    return True


def wake_reader() -> bool:
    """Wake a worker to read the mailbox when it is time; return whether one was woken.

    The clock calls it in each round. It does not connect to the mailbox, so a server that does not
    answer delays a worker, never the clock.
    """
    if settings().mail_inbox_url is None:
        return False
    until = db.session.scalar(select(Lease.until).where(Lease.name == LEASE))
    is_time = (until is None or until <= now()) and named_leases.take(HINT, _holder(), HINTS)
    db.session.commit()
    return is_time and queue.wake("service.tasks.read_inbox")


def read_inbox() -> int:
    """Take the unread mails of the mailbox in, at most once a minute; return how many.

    Each is marked as read after its commit. A visit ends after 20 seconds; a server that does not
    answer is not asked for five minutes. Raises nothing, whatever the server does.
    """
    url = settings().mail_inbox_url
    if url is None:
        return 0
    holder = _holder()
    is_ours = named_leases.take(
        LEASE, holder, AFTER_TROUBLE
    )  # shortened below when there is no trouble
    db.session.commit()
    if not is_ours:
        return 0
    try:
        taken = _visit(url)
    except mailbox.InboxAway as trouble:
        log.warning("inbox_away words=%s", trouble)
        return 0
    named_leases.take(LEASE, holder, EVERY)
    db.session.commit()
    return taken


def _holder() -> str:
    return f"{socket.gethostname()[:30]}:{os.getpid()}:{secrets.token_hex(4)}"


def _visit(url: str) -> int:
    """Take the unread mails in, for LONGEST seconds; raises InboxAway.

    Some servers end the connection over a mail that they cannot read themselves. It is skipped on a
    new connection, so that the mails behind it are read.
    """
    taken, until, broken = 0, time.monotonic() + LONGEST, list[str]()
    while True:
        fetching = None
        try:
            with mailbox.opened(url) as box:
                for uid in box.unread():
                    if time.monotonic() > until:
                        break
                    if uid in broken:
                        continue
                    fetching = uid
                    octets = box.fetch(uid)
                    fetching = None
                    if octets is None:  # it stays unread, for the next visit or for a person
                        log.warning("inbox_mail_not_given")
                        continue
                    if octets:
                        take(octets, InboundSource.imap)
                    box.mark(uid)
                    taken += 1
            return taken
        except mailbox.InboxAway as trouble:
            is_slow = isinstance(trouble.__cause__, TimeoutError)
            if fetching is None or is_slow or len(broken) == MOST_BROKEN:
                raise
            log.warning("inbox_broke_at_a_mail")
            broken.append(fetching)
