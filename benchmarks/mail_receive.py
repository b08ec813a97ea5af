"""Measure what a bounce costs: the process that a mail server starts for it, and a worker.

On each database, in turns: `python -c "import flask, sqlalchemy"`, the least that an application
can start with; `python -m service.pipe` with a bounce on its standard input, as Postfix starts it;
and the worker that reads it afterwards. Compared is the CPU time of whole processes, the best of
all turns, since the rest is other work of the machine. Limit: the process costs at most the peer.
"""

import resource
import subprocess
import sys
from collections.abc import Callable

from sqlalchemy import select

from benchmarks import _installs
from benchmarks._installs import ROOT, Install
from service.clock import now
from service.deliveries import jobs as receiving
from service.extensions import db
from service.models import MailState, OutboxMessage, Outcome
from tests.mail.coming_in import dsn, verp_of

TURNS = 7
MOST = 1.0


def main() -> int:
    """Measure and print; return 1 when a database does not keep the limit."""
    worst = 0.0
    with _installs.installs(port=9, MAIL_BOUNCE_ADDRESS="bounces@norte.example") as installs:
        for install in installs:
            worst = max(worst, measured(install))
    print(f"mail_receive ratio: {worst:.2f} of importing Flask and SQLAlchemy (at most {MOST})")
    return 0 if worst <= MOST else 1


def measured(install: Install) -> float:
    """Print a database's figures in milliseconds of CPU; return the ratio."""
    peers, pipes, readings = [], [], []
    for row_id in _installs.queue_mails(TURNS):
        to, mail = bounce_of(row_id)
        peers.append(spent(install, "-c", "import flask, sqlalchemy"))
        pipes.append(spent(install, "-m", "service.pipe", "--", to, mail=mail))
        readings.append(spent_here(receiving.read_arrivals))
        if db.session.get_one(OutboxMessage, row_id).outcome is not Outcome.hard_bounced:
            raise SystemExit("a bounce was lost")
        db.session.rollback()  # on SQLite a transaction left open would lock all others out
    peer, pipe, reading = (min(each) * 1000 for each in (peers, pipes, readings))
    print(
        f"{install.kind:<11} peer {peer:4.0f} ms  pipe {pipe:4.0f} ms ({pipe / peer:.2f}x)"
        f"  a worker reads it in {reading:4.1f} ms",
        flush=True,
    )
    return pipe / peer


def bounce_of(row_id: int) -> tuple[str, bytes]:
    """Write a sent mail; return the address that its bounce goes to, and the bounce."""
    row = db.session.scalars(select(OutboxMessage).where(OutboxMessage.id == row_id)).one()
    row.state, row.ended_at = MailState.sent, now()
    row.message_id = f"<{row.public_id}@norte.example>"
    found = verp_of(row), dsn(row, to=verp_of(row))
    db.session.commit()
    return found


def spent(install: Install, *words: str, mail: bytes = b"") -> float:
    """Run Python with `words` as arguments; return the seconds of CPU time that it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, *words]
    subprocess.run(command, cwd=ROOT, env=install.environment, input=mail, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def spent_here(action: Callable[[], object]) -> float:
    """Return the seconds of CPU time that `action` took in this process."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    action()
    after = resource.getrusage(resource.RUSAGE_SELF)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    sys.exit(main())
