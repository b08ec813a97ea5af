"""The clock's round: sweep up, find what is due, wake the workers. An entry point: it commits.

Any number of clocks may run; a lease in the database lets one of them tick. Nothing here sends but
the alert that no worker starts, and whatever is to be done for each departure is a worker's.
"""

import logging
import os
import secrets
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import Engine, Row, select

from service import named_leases
from service.api import answers
from service.clock import now
from service.current import settings
from service.deliveries import jobs as receiving
from service.deliveries.actions import troubles
from service.deliveries.queries import forecast
from service.departures.actions import acts
from service.extensions import db, queue
from service.imports.actions import uploads
from service.mail.delivery import delivery, health, sweeper
from service.mail.policy import business_hours, conditions
from service.models import (
    Contact,
    MailKind,
    MailState,
    OutboxMessage,
    SkipReason,
    TeamMember,
    WaitReason,
)
from service.newsletters.actions import greetings, issues
from service.protocols.actions import held, progress
from service.team import jobs as team

LEASE = timedelta(seconds=60)
LONG_QUEUE = 25  # hints: the mails that are due get no more than 20 of a round
HINTED = {"enrolments", "arrivals", "password_requests"}  # of which a round does nothing itself
NAME = "tick"
HOLDER = f"{socket.gethostname()[:30]}:{os.getpid()}:{secrets.token_hex(4)}"

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Tally:
    """What one round did."""

    swept: int = 0  # mails of workers that died, given back
    due: int = 0  # departures that the workers are to advance, a chunk of them at most
    written: int = 0  # greetings that are to go
    skipped: int = 0  # greetings that are not, with their reason
    hinted: int = 0  # jobs left for the workers


@dataclass(frozen=True, slots=True)
class Foreseen:
    """One mail of a rehearsal, with why it is skipped or waits, if it does."""

    kind: MailKind
    to: str
    client: str
    due_at: datetime
    reason: SkipReason | None
    wait: business_hours.Wait | None


def tick(holder: str = HOLDER, is_stopping: Callable[[], bool] = lambda: False) -> Tally | None:
    """Do one round; return None when another clock has the lease.

    A long round ends early, between two transactions, when `is_stopping` says so. What raised an
    error is raised once the round is done.
    """
    if not named_leases.take(NAME, holder, LEASE, is_brief=True):
        db.session.commit()
        return None
    waiting = _look()
    due = progress.due(now()) if waiting.enrolments else []
    is_long = _is_long(waiting) and named_leases.take(NAME, holder, LEASE)
    db.session.commit()
    tally, errors = Tally(due=len(due), hinted=_wake_for_departures(due)), list[Exception]()
    if is_long:
        _work(waiting, holder, is_stopping, tally, errors)
        named_leases.give_back(NAME, holder)
        db.session.commit()
    if waiting.troubles:
        _send_without_a_worker()
    if waiting.arrivals and queue.waiting() < LONG_QUEUE:
        tally.hinted += queue.wake("service.tasks.read_arrivals")
    if waiting.password_requests and queue.waiting() < LONG_QUEUE:
        tally.hinted += queue.wake("service.tasks.mail_password_links")
    receiving.wake_reader()
    uploads.purge(settings().data_dir / uploads.FOLDER, now())
    if errors:
        raise ExceptionGroup("some mails could not be written", errors)
    if tally != Tally():
        log.info("tick %s", tally)
    return tally


def rehearse(at: datetime) -> list[Foreseen]:
    """Return the mails that a round at `at` would write or wake a worker for; change nothing.

    Now it is the round itself, rolled back, so that it cannot tell anything else. For a later
    moment it is all that goes until then, if the clock runs and nobody answers: the lines of the
    page of what goes out.
    """
    if at > now():
        return [_of_the_future(mail) for mail in forecast.coming_mails(now(), at)]
    try:
        written: list[OutboxMessage] = []
        while found := progress.due(at):
            written += progress.advance(found, at)
        greeted = [row_id for some in greetings.write_due(at) for row_id in some]
        return _foresee([*(mail.id for mail in written), *greeted], at)
    finally:
        db.session.rollback()


def _is_long(waiting: Row[Any]) -> bool:
    """Return whether the round has work of its own, in transactions, beyond leaving hints."""
    return any(is_so for job, is_so in waiting._mapping.items() if job not in HINTED)


def _work(
    waiting: Row[Any],
    holder: str,
    is_stopping: Callable[[], bool],
    tally: Tally,
    errors: list[Exception],
) -> None:
    """Do the jobs that `waiting` names."""
    if waiting.leases:
        tally.swept = sweeper.sweep()
        db.session.commit()
    if waiting.answers:
        answers.forget_old()
        db.session.commit()
    if waiting.expired:
        team.forget_expired()
    if waiting.held:
        held.expire()
        db.session.commit()
    if waiting.acts:
        acts.forget_old()
        db.session.commit()
    if waiting.greetings:
        _greet_all(holder, is_stopping, tally, errors)
    if waiting.issues:
        tally.hinted += _send_newsletters(holder, is_stopping)
    if waiting.mails or tally != Tally():
        tally.hinted += _wake_for_mails()
    if waiting.mails or waiting.troubles:
        troubles.watch()
        db.session.commit()


def _look() -> Row[Any]:
    """Return, in one query, which jobs of a round there are; most rounds end with it.

    What comes due in the moments after it is the next round's.
    """
    return db.session.execute(_question(db.engine)).one()


@lru_cache(maxsize=4)
def _question(_engine: Engine) -> Any:
    """Return the query of `_look`, built once: that takes longer than running it."""
    return select(
        sweeper.waits().label("leases"),
        answers.waits().label("answers"),
        team.expired_waits().label("expired"),
        held.waits().label("held"),
        acts.waits().label("acts"),
        progress.waits().label("enrolments"),
        greetings.waits().label("greetings"),
        issues.waits().label("issues"),
        delivery.waits().label("mails"),
        health.waits().label("troubles"),
        receiving.arrivals_wait().label("arrivals"),
        team.requests_wait().label("password_requests"),
    )


def _greet_all(
    holder: str,
    is_stopping: Callable[[], bool],
    tally: Tally,
    errors: list[Exception],
) -> None:
    """Write the greetings of the day, chunk by chunk; what raises is tried again next round."""
    try:
        for written in greetings.write_due(now()):
            skipped = list(written.values()).count(MailState.skipped)
            tally.skipped += skipped
            tally.written += len(written) - skipped
            db.session.commit()
            if is_stopping() or not named_leases.take(NAME, holder, LEASE):
                break  # the next round goes on: what is written already is not written twice
    except Exception as error:  # raised when the rest of the round is done
        db.session.rollback()
        log.exception("greetings could not be written")
        errors.append(error)
    db.session.commit()


def _send_newsletters(holder: str, is_stopping: Callable[[], bool]) -> int:
    """Write the mails of the newsletters that are due, chunk by chunk; return the hints left.

    The workers are at it from the first chunk on. Whatever ends this, the next round goes on.
    """
    hinted = 0
    while not is_stopping() and named_leases.take(NAME, holder, LEASE) and issues.write_next(now()):
        db.session.commit()
        hinted += _wake_for_mails()
    issues.finish(now())
    db.session.commit()
    return hinted


def _wake_for_departures(due: Sequence[int]) -> int:
    """Hint at the departures that are due; in a long queue there is such a hint already."""
    if not due or queue.waiting() >= LONG_QUEUE:
        return 0
    return int(queue.wake("service.tasks.advance", due))


def _wake_for_mails() -> int:
    """Hint at the mails that are due, less the hints that wait: the workers may just be busy."""
    batches = delivery.due_batches()
    db.session.commit()
    fresh = batches[queue.waiting() :] if batches else []
    return sum(queue.wake("service.tasks.deliver", ids) for ids in fresh)


def _send_without_a_worker() -> None:
    """Send the alert that no worker starts; this process does it, as there is no worker."""
    ids = troubles.without_a_worker()
    db.session.commit()
    if not ids:
        return
    try:
        delivery.deliver(ids)
    except Exception:  # whatever keeps the workers down may keep us from it; the page says it too
        db.session.rollback()
        log.exception("alert_not_sent")


def _foresee(written: Sequence[int], at: datetime) -> list[Foreseen]:
    """Return the mails written just now, and those in the outbox that are due by `at`."""
    owed = select(OutboxMessage.id).where(
        OutboxMessage.state == MailState.queued, OutboxMessage.due_at <= at
    )
    ids = {*written, *db.session.scalars(owed)}
    rows = sorted(conditions.rows_of(sorted(ids)), key=lambda row: (row.due_at, row.id))
    going = [row for row in rows if row.state is MailState.queued]
    reasons = conditions.reasons(going, at)
    waits = business_hours.waits([row for row in going if row.id not in reasons], at)
    return [
        _foreseen(row, row.skip_reason or reasons.get(row.id), waits.get(row.id)) for row in rows
    ]


def _of_the_future(mail: forecast.ComingMail) -> Foreseen:
    item = mail.foretold[1] if mail.foretold else None
    to = f"{mail.contact.name} <{mail.contact.email}>" if mail.contact else f"× {mail.people}"
    client = mail.contact.client.name if mail.contact else ""
    due_at = item.due_at if item else mail.mail.due_at if mail.mail else mail.at
    is_later = mail.reason is None and mail.at > max(due_at, now())
    wait = business_hours.Wait(mail.at, WaitReason.business_hours) if is_later else None
    return Foreseen(mail.kind, to, client, due_at, mail.reason, wait)


def _foreseen(
    row: OutboxMessage, reason: SkipReason | None, wait: business_hours.Wait | None
) -> Foreseen:
    reader: Contact | TeamMember | None = row.contact or row.member
    to = f"{reader.name} <{reader.email}>" if reader else "?"
    client = row.departure.client if row.departure else row.contact and row.contact.client
    return Foreseen(row.kind, to, client.name if client else "", row.due_at, reason, wait)
