"""Measure a tick over 100,000 enrolments, of which 100 are due, against a query and against 100.

Measured on each database in one run, in turns, so that a busy machine is equally busy for all:
- the query: `SELECT … WHERE state = 'active' AND next_at <= now ORDER BY next_at`, the rows of the
  100 that are due, through the session as the service runs it. The unit of the limits;
- the tick: the round that finds the 100 and leaves a hint. Limit: 3 queries;
- the idle tick: a round over the 100,000 when nothing is due. Limit: 3 queries;
- the advance: the job of that hint, which plans 100 situations, writes 100 mails with their links
  and hints, and looks for the next that are due;
- the same advance while the tables hold nothing but those 100. Limit: the large one costs at most
  twice as much, so that the cost depends on what is due and not on all that is stored.

The ratios are of the best of many turns, since the rest is other work of the machine.
"""

import sys
import time
from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import delete, select, text, update

from benchmarks import _installs
from service import scheduler, tasks
from service.clock import now
from service.extensions import db, queue
from service.models import Enrolment, EnrolmentState, Invitation, MailKind, OutboxMessage
from service.protocols.actions import progress

ENROLMENTS, DUE = 100_000, 100
SMALL, FULL = 50, 9  # turns of what takes a millisecond, and of what takes a hundred
MOST, GROWTH = 3.0, 2.0


def main() -> int:
    """Measure and print; return 1 when a database does not keep the limits."""
    kept = True
    with _installs.installs(port=9) as installs:
        for install in installs:
            kept = measured(install.kind) and kept
    return 0 if kept else 1


def measured(kind: str) -> bool:
    """Print a database's figures; return whether the limits are kept."""
    _installs.queue_mails(DUE)
    (alone,) = best(FULL, (make_due, the_advance))
    begun = time.monotonic()
    for _part in range((ENROLMENTS - DUE) // 9_990):
        _installs.queue_mails(9_990)
    made = time.monotonic() - begun
    db.session.execute(text("ANALYZE"))
    db.session.commit()
    (full,) = best(FULL, (make_due, the_advance))
    found = best(SMALL, (make_due, the_query), (forget_hints, the_tick), (set_aside, the_idle_tick))
    query, tick, idle = found
    print(
        f"{kind:<11} query {query:5.2f} ms  tick {tick:5.2f} ms ({tick / query:.1f}x)"
        f"  idle tick {idle:5.2f} ms ({idle / query:.1f}x)"
        f"  advance {full:6.1f} ms, on {DUE} alone {alone:6.1f} ms ({full / alone:.2f}x)"
        f"  ({ENROLMENTS:,} enrolments made in {made:.0f} s)",
        flush=True,
    )
    return max(tick, idle) <= MOST * query and full <= GROWTH * alone


def the_query() -> None:
    """Run the indexed query that finds the rows that are due."""
    table = Enrolment.__table__
    statement = (
        select(table)
        .where(table.c.state == EnrolmentState.active, table.c.next_at <= now())
        .order_by(table.c.next_at, table.c.id)
        .limit(progress.CHUNK)
    )
    found = db.session.execute(statement).all()
    db.session.rollback()
    demand(len(found), DUE)


def the_tick() -> None:
    """Run a round that finds them and wakes a worker."""
    tally = scheduler.tick()
    demand(tally.due if tally else 0, DUE)
    demand(queue.waiting(), 1)


def the_idle_tick() -> None:
    """Run a round that finds nothing to do."""
    if scheduler.tick() != scheduler.Tally():
        raise SystemExit("something was due")


def the_advance() -> None:
    """Run the job of that worker, which writes the mail of each departure that is due."""
    tasks.advance(progress.due(now()))
    demand(queue.waiting(), 1)


def make_due() -> None:
    """Make the first departures due again, as if their survey had not been sent yet."""
    forget_mails()
    values = {
        "state": EnrolmentState.active,
        "next_at": now() - timedelta(seconds=1),
        "enrolled_at": now() - timedelta(days=21),
    }
    db.session.execute(update(Enrolment).where(Enrolment.departure_id <= DUE).values(values))
    db.session.commit()
    db.session.expunge_all()


def set_aside() -> None:
    """Make nothing due."""
    forget_mails()
    later = {"next_at": now() + timedelta(days=1)}
    db.session.execute(update(Enrolment).where(Enrolment.departure_id <= DUE).values(later))
    db.session.commit()


def forget_mails() -> None:
    """Delete the mails that the last tick wrote, and its hints."""
    ours = OutboxMessage.departure_id <= DUE
    db.session.execute(
        delete(OutboxMessage)
        .where(ours, OutboxMessage.kind == MailKind.survey_invitation)
        .execution_options(synchronize_session=False)
    )
    db.session.execute(
        delete(Invitation)
        .where(Invitation.departure_id <= DUE)
        .execution_options(synchronize_session=False)
    )
    forget_hints()


def forget_hints() -> None:
    """Empty the queue."""
    queue.jobs.connection.flushall()


def demand(found: int, wanted: int) -> None:
    """Stop when the action did not do what was to be measured."""
    if found != wanted:
        raise SystemExit(f"{found}, not {wanted}")


def best(turns: int, *pairs: tuple[Callable[[], None], Callable[[], None]]) -> list[float]:
    """Return the least milliseconds of each action, run in turns, without its preparation.

    The first turn does not count, because it does what is done only once.
    """
    spent: list[list[float]] = [[] for _pair in pairs]
    for _turn in range(turns + 1):
        for found, (prepare, action) in zip(spent, pairs, strict=True):
            prepare()
            begun = time.perf_counter()
            action()
            found.append((time.perf_counter() - begun) * 1000)
    return [min(found[1:]) for found in spent]


if __name__ == "__main__":
    sys.exit(main())
