"""The clock's round: sweep up, write what the protocol owes, wake the workers. A door: it commits.

Any number of clocks may run; a lease in the database lets one of them tick. Nothing here sends.
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

from service import receiving
from service.actions import api_answers, greetings, issues, leases, protocols, troubles
from service.clock import now
from service.current import settings
from service.extensions import db, queue
from service.imports import uploads
from service.mail import conditions, delivery, health, postponing, sweeper
from service.models import (
    Contact,
    Enrolment,
    MailKind,
    MailState,
    OutboxMessage,
    Provider,
    SkipReason,
    WaitReason,
)
from service.reports import future

LEASE = timedelta(seconds=60)
SET_ASIDE = timedelta(hours=1)  # when an enrolment that raised an error is asked again
NAME = "tick"
HOLDER = f"{socket.gethostname()[:30]}:{os.getpid()}:{secrets.token_hex(4)}"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tally:
    """What one round did."""

    swept: int = 0  # mails of workers that died, given back
    written: int = 0  # mails that are to go
    skipped: int = 0  # mails that are not, with their reason
    hinted: int = 0  # jobs left for the workers


@dataclass(frozen=True, slots=True)
class Foreseen:
    """One mail of a rehearsal: what, to whom, when, and why not, or only later, if that is so."""

    kind: MailKind
    to: str
    client: str
    due_at: datetime
    reason: SkipReason | None
    wait: postponing.Wait | None


def tick(holder: str = HOLDER, is_stopping: Callable[[], bool] = lambda: False) -> Tally | None:
    """Do one round; None when another clock is at it.

    An enrolment that raises an error is set aside for an hour, so that it holds nobody's mail
    back; the errors are raised once the round is done. A long round ends early, between two
    transactions, when `is_stopping` says so.
    """
    waiting = _look() if leases.take(NAME, holder, LEASE) else None
    if waiting is None or any(waiting):  # else the lease begins and ends in one transaction
        db.session.commit()
    if waiting is None:
        return None
    tally, errors = _work(waiting, holder, is_stopping)
    receiving.wake_reader()
    if waiting.mails or waiting.troubles:
        troubles.watch()
    leases.give_back(NAME, holder)
    db.session.commit()
    uploads.purge(settings().data_dir / uploads.FOLDER, now())
    if errors:
        raise ExceptionGroup("some mails could not be written", errors)
    if tally != Tally():
        log.info("tick %s", tally)
    return tally


def rehearse(at: datetime) -> list[Foreseen]:
    """Return what a round at `at` would write or wake a worker for, and change nothing.

    Now it is the round itself, rolled back, so that it cannot tell anything else. For a later
    moment it is all that goes until then, if the clock runs and nobody answers: the lines of the
    page of what goes out.
    """
    if at > now():
        return [_of_the_future(line) for line in future.lines(now(), at)]
    try:
        written: list[OutboxMessage] = []
        while found := protocols.due(at):
            written += protocols.advance(found, at)
        greeted = [row_id for some in greetings.write_due(at) for row_id in some]
        return _foresee([*(mail.id for mail in written), *greeted], at)
    finally:
        db.session.rollback()


def _work(
    waiting: Row[Any], holder: str, is_stopping: Callable[[], bool]
) -> tuple[Tally, list[Exception]]:
    """Do those jobs that wait."""
    swept, mails, errors, hinted = 0, list[MailState](), list[Exception](), 0
    if waiting.leases:
        swept = sweeper.sweep()
        db.session.commit()
    if waiting.answers:
        api_answers.forget_old()
        db.session.commit()
    if waiting.enrolments:
        _advance_all(holder, is_stopping, mails, errors)
    if waiting.greetings:
        _greet_all(holder, is_stopping, mails, errors)
    if waiting.issues:
        hinted = _send_newsletters(holder, is_stopping)
    if any(waiting):
        hinted += _wake()
    skipped = mails.count(MailState.skipped)
    return Tally(swept, len(mails) - skipped, skipped, hinted), errors


def _look() -> Row[Any]:
    """Ask in one query which of a round's jobs there are, so that most rounds end with it.

    What comes due in the moments after it is the next round's.
    """
    return db.session.execute(_question(db.engine)).one()


@lru_cache(maxsize=4)
def _question(_engine: Engine) -> Any:
    """Return what `_look` asks: made once, which takes longer than the answer."""
    return select(
        sweeper.waits().label("leases"),
        api_answers.waits().label("answers"),
        protocols.waits().label("enrolments"),
        greetings.waits().label("greetings"),
        issues.waits().label("issues"),
        delivery.waits().label("mails"),
        health.waits().label("troubles"),
    )


def _advance_all(
    holder: str,
    is_stopping: Callable[[], bool],
    states: list[MailState],
    errors: list[Exception],
) -> None:
    """Advance what is due, chunk by chunk, each in a transaction that renews the lease."""
    while not is_stopping() and leases.take(NAME, holder, LEASE) and (ids := protocols.due(now())):
        try:
            states += _advance(ids)
        except Exception:
            db.session.rollback()
            log.exception("a chunk of %s departures failed; one by one now", len(ids))
            for enrolment_id in ids:
                _advance_alone(enrolment_id, states, errors)
    db.session.commit()


def _greet_all(
    holder: str,
    is_stopping: Callable[[], bool],
    states: list[MailState],
    errors: list[Exception],
) -> None:
    """Write the greetings whose day it is, chunk by chunk; what raises is asked again next time."""
    try:
        for written in greetings.write_due(now()):
            states += written.values()
            db.session.commit()
            if is_stopping() or not leases.take(NAME, holder, LEASE):
                break  # the next round goes on: what is written already is not written twice
    except Exception as error:
        db.session.rollback()
        log.exception("greetings could not be written")
        errors.append(error)
    db.session.commit()


def _advance(found: Sequence[int]) -> list[MailState]:
    states = [mail.state for mail in protocols.advance(found)]
    db.session.commit()
    return states


def _advance_alone(enrolment_id: int, states: list[MailState], errors: list[Exception]) -> None:
    try:
        states += _advance([enrolment_id])
    except Exception as error:
        db.session.rollback()
        log.exception("departure of enrolment %s set aside", enrolment_id)
        errors.append(error)
        db.session.get_one(Enrolment, enrolment_id).next_at = now() + SET_ASIDE
        db.session.commit()


def _send_newsletters(holder: str, is_stopping: Callable[[], bool]) -> int:
    """Write the mails of the newsletters that are due, chunk by chunk; return the hints left.

    The workers are at it from the first chunk on. Whatever ends this, the next round goes on.
    """
    hinted = 0
    while not is_stopping() and leases.take(NAME, holder, LEASE) and issues.write_next(now()):
        db.session.commit()
        hinted += _wake()
    issues.finish(now())
    db.session.commit()
    return hinted


def _wake() -> int:
    """Hint at what is due, less the hints that wait already: the workers may just be busy."""
    batches = delivery.due_batches()
    db.session.commit()
    fresh = batches[queue.waiting() :] if batches else []
    return sum(queue.wake("service.tasks.deliver", ids) for ids in fresh)


def _foresee(written: Sequence[int], at: datetime) -> list[Foreseen]:
    """Tell what was written just now, and what waits in the outbox and is due by `at`."""
    owed = select(OutboxMessage.id).where(
        OutboxMessage.state == MailState.queued, OutboxMessage.due_at <= at
    )
    ids = {*written, *db.session.scalars(owed)}
    rows = sorted(conditions.rows_of(sorted(ids)), key=lambda row: (row.due_at, row.id))
    going = [row for row in rows if row.state is MailState.queued]
    reasons = conditions.reasons(going, at)
    waits = postponing.waits([row for row in going if row.id not in reasons], at)
    return [
        _foreseen(row, row.skip_reason or reasons.get(row.id), waits.get(row.id)) for row in rows
    ]


def _of_the_future(line: future.Line) -> Foreseen:
    item = line.foretold[1] if line.foretold else None
    to = f"{line.contact.name} <{line.contact.email}>" if line.contact else f"× {line.people}"
    client = line.contact.client.name if line.contact else ""
    due_at = item.due_at if item else line.mail.due_at if line.mail else line.at
    is_later = line.reason is None and line.at > max(due_at, now())
    wait = postponing.Wait(line.at, WaitReason.quiet_hours) if is_later else None
    return Foreseen(line.kind, to, client, due_at, line.reason, wait)


def _foreseen(
    row: OutboxMessage, reason: SkipReason | None, wait: postponing.Wait | None
) -> Foreseen:
    reader: Contact | Provider | None = row.contact or row.provider
    to = f"{reader.name} <{reader.email}>" if reader else "?"
    client = row.departure.client if row.departure else row.contact and row.contact.client
    return Foreseen(row.kind, to, client.name if client else "", row.due_at, reason, wait)
