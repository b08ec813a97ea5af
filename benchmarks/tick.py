"""What finding the due costs a tick: 100,000 enrolments, of which 100 are due.

Compared, in turns, each as the median:
- the indexed query: `SELECT id … WHERE state = 'active' AND next_at <= now ORDER BY next_at` for
  the 100, straight through the connection;
- an idle tick: a whole round over the 100,000 when nothing is due, so all that a tick costs beside
  the work itself. Kept: at most 3 times the query, measured as the cost of finding (protocols.due);
- the full tick: the round that finds 100 and advances them: 100 situations, mails, links, writes;
- the same full tick where the table holds nothing but the 100. Kept: the large one costs at most
  3 times as much, so that a tick is about what is due and not about what there is.
"""

import statistics
import sys
import time
from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import delete, select, text, update

from benchmarks import _installs
from service import ticking
from service.actions import protocols
from service.clock import now
from service.extensions import db
from service.models import Enrolment, EnrolmentState, Invitation, OutboxMessage

ENROLMENTS, DUE, TURNS, MOST = 100_000, 100, 9, 3.0


def main() -> int:
    """Measure and print; 1 when a database does not keep the limits."""
    kept = True
    with _installs.installs(port=9) as installs:
        for install in installs:
            kept = measured(install.kind) and kept
    return 0 if kept else 1


def measured(kind: str) -> bool:
    """Print a database's figures; say whether both limits are kept."""
    _installs.owe(DUE)
    alone = the_full_tick()
    for _part in range((ENROLMENTS - DUE) // 9_990):
        _installs.owe(9_990)
    db.session.execute(text("ANALYZE"))
    db.session.commit()
    full = the_full_tick()
    make_due()
    query, finding = in_turns(the_query, the_finding)
    set_aside()
    idle = median(lambda: ticking.tick())
    print(
        f"{kind:<11} query {query:6.2f} ms  finding {finding:6.2f} ms ({finding / query:.1f}x)"
        f"  idle tick {idle:6.2f} ms  full tick {full:7.1f} ms ({full / query:.0f}x the query)"
        f"  the same on {DUE} alone {alone:7.1f} ms ({full / alone:.2f}x)",
        flush=True,
    )
    return finding <= MOST * query and full <= MOST * alone


def the_query() -> None:
    """The indexed query that finds the due, their rows as they are, and no more."""
    table = Enrolment.__table__
    statement = (
        select(table)
        .where(table.c.state == EnrolmentState.active, table.c.next_at <= now())
        .order_by(table.c.next_at, table.c.id)
        .limit(protocols.CHUNK)
    )
    found = db.session.execute(statement).all()
    db.session.rollback()
    if len(found) != DUE:
        raise SystemExit(f"{len(found)} are due, not {DUE}")


def the_finding() -> None:
    """What a tick does to find them: locked, with their departures, clients and people."""
    found = protocols.due(now())
    db.session.rollback()
    if len(found) != DUE:
        raise SystemExit(f"{len(found)} were found, not {DUE}")


def the_full_tick() -> float:
    """Milliseconds of a round that advances the due: the median of several, each on fresh ones."""
    spent = []
    for _turn in range(TURNS):
        make_due()
        spent.append(timed(ticking.tick))
        if db.session.scalar(select(OutboxMessage.id).order_by(OutboxMessage.id.desc())) is None:
            raise SystemExit("nothing was written")
        db.session.rollback()
    return statistics.median(spent)


def make_due() -> None:
    """Make the first departures due anew, as if nothing of them was written."""
    ids = range(1, DUE + 1)
    db.session.execute(delete(OutboxMessage).where(OutboxMessage.departure_id.in_(ids)))
    db.session.execute(delete(Invitation).where(Invitation.departure_id.in_(ids)))
    values = {
        "state": EnrolmentState.active,
        "next_at": now() - timedelta(seconds=1),
        "enrolled_at": now() - timedelta(days=21),
    }
    db.session.execute(update(Enrolment).where(Enrolment.departure_id.in_(ids)).values(values))
    db.session.commit()
    db.session.expunge_all()


def set_aside() -> None:
    """Let nothing be due."""
    later = {"next_at": now() + timedelta(days=1)}
    db.session.execute(update(Enrolment).where(Enrolment.id <= DUE).values(later))
    db.session.commit()


def in_turns(*actions: Callable[[], object]) -> list[float]:
    """Median milliseconds of each, measured in turns so that a busy machine is as busy for all."""
    spent: list[list[float]] = [[] for _action in actions]
    for _turn in range(TURNS * 5):
        for found, action in zip(spent, actions, strict=True):
            found.append(timed(action))
    return [statistics.median(found) for found in spent]


def median(action: Callable[[], object]) -> float:
    """Median milliseconds of one."""
    return in_turns(action)[0]


def timed(action: Callable[[], object]) -> float:
    """Milliseconds of one call."""
    begun = time.perf_counter()
    action()
    return (time.perf_counter() - begun) * 1000


if __name__ == "__main__":
    sys.exit(main())
