"""The clock's round: sweep up, write what the protocol owes, wake the workers. A door: it commits.

Any number of clocks may run; a lease in the database lets one of them tick. Nothing here sends.
"""

import logging
import os
import secrets
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from service import receiving
from service.actions import greetings, leases, protocols, troubles
from service.clock import now
from service.current import settings
from service.extensions import db, queue
from service.imports import uploads
from service.mail import conditions, delivery, postponing, sweeper
from service.models import (
    Contact,
    Enrolment,
    MailKind,
    MailState,
    OutboxMessage,
    Provider,
    SkipReason,
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
    has_lease = leases.take(NAME, holder, LEASE)
    db.session.commit()
    if not has_lease:
        return None
    swept = sweeper.sweep()
    db.session.commit()
    uploads.purge(settings().data_dir / uploads.FOLDER, now())
    mails, errors = _advance_all(holder, is_stopping)
    mails += _greet_all(holder, is_stopping, errors)
    hinted = _wake()
    receiving.wake_reader()
    troubles.watch()
    leases.give_back(NAME, holder)
    db.session.commit()
    if errors:
        raise ExceptionGroup("some mails could not be written", errors)
    skipped = mails.count(MailState.skipped)
    tally = Tally(swept, len(mails) - skipped, skipped, hinted)
    if tally != Tally():
        log.info("tick %s", tally)
    return tally


def rehearse(at: datetime) -> list[Foreseen]:
    """Return what would go by `at`, or would not and why, and change nothing.

    For now it is the round itself, rolled back, so that it cannot tell anything else. For a later
    time the mails in between are told as well, each at its time, as the page of what will go out
    tells them (models.forecasts).
    """
    if at > now():
        found = future.look(future.Query(), at, most=sys.maxsize - 1).mails
        coming = [_coming(mail) for mail in found if not mail.mail]
        return sorted(coming + _round_at(at, with_steps=False), key=lambda mail: mail.due_at)
    return _round_at(at)


def _round_at(at: datetime, *, with_steps: bool = True) -> list[Foreseen]:
    try:
        written: list[OutboxMessage] = []
        while with_steps and (found := protocols.due(at)):
            written += protocols.advance(found, at)
        greeted = [row_id for some in greetings.write_due(at) for row_id in some]
        return _foresee([*(mail.id for mail in written), *greeted], at)
    finally:
        db.session.rollback()


def _advance_all(
    holder: str, is_stopping: Callable[[], bool]
) -> tuple[list[MailState], list[Exception]]:
    """Advance what is due, chunk by chunk, each in a transaction that renews the lease."""
    states: list[MailState] = []
    errors: list[Exception] = []
    while (
        not is_stopping() and leases.take(NAME, holder, LEASE) and (found := protocols.due(now()))
    ):
        ids = [enrolment.id for enrolment in found]
        try:
            states += _advance(found)
        except Exception:
            db.session.rollback()
            log.exception("a chunk of %s departures failed; one by one now", len(ids))
            for enrolment_id in ids:
                _advance_alone(enrolment_id, states, errors)
    db.session.commit()
    return states, errors


def _greet_all(
    holder: str, is_stopping: Callable[[], bool], errors: list[Exception]
) -> list[MailState]:
    """Write the greetings whose day it is, chunk by chunk; what raises is asked again next time."""
    states: list[MailState] = []
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
    return states


def _advance(found: Sequence[Enrolment]) -> list[MailState]:
    states = [mail.state for mail in protocols.advance(found)]
    db.session.commit()
    return states


def _advance_alone(enrolment_id: int, states: list[MailState], errors: list[Exception]) -> None:
    enrolment = db.session.get_one(Enrolment, enrolment_id)
    try:
        states += _advance([enrolment])
    except Exception as error:
        db.session.rollback()
        log.exception("departure of enrolment %s set aside", enrolment_id)
        errors.append(error)
        db.session.get_one(Enrolment, enrolment_id).next_at = now() + SET_ASIDE
        db.session.commit()


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


def _coming(mail: future.Coming) -> Foreseen:
    contact, client = mail.departure.contact, mail.departure.client
    to = f"{contact.name} <{contact.email}>"
    return Foreseen(mail.step.kind, to, client.name, mail.at, mail.reason, None)


def _foreseen(
    row: OutboxMessage, reason: SkipReason | None, wait: postponing.Wait | None
) -> Foreseen:
    reader: Contact | Provider | None = row.contact or row.provider
    to = f"{reader.name} <{reader.email}>" if reader else "?"
    client = row.departure.client if row.departure else row.contact and row.contact.client
    return Foreseen(row.kind, to, client.name if client else "", row.due_at, reason, wait)
