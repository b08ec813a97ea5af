"""Measure the mails a second of one worker on one connection, rendering and database included.

In turns, over the same sink: (job) `delivery.deliver` in this process, (worker) a real worker.py,
from the first mail that the sink takes to the last, (smtplib) the same mails as ready bytes, and
(flask_mail) its own loop. Limit: 0.6 of smtplib, which neither renders nor remembers anything.
The CPU time of one mail is printed as well: on a busy machine it is the steadier figure. So is the
time of the one flush that a mail waits for on a disk; the databases measured here wait for none.
"""

import sys
import time
from collections.abc import Callable

from benchmarks import _installs, _peers
from benchmarks._installs import Install
from benchmarks._peers import Sink
from service.extensions import db
from service.mail.delivery import delivery
from service.models import OutboxMessage

MAILS = 2_000  # per turn
TURNS = 3
LEAST = 0.6  # of smtplib
SENDERS = ("job", "worker", "smtplib", "flask_mail")
FLASK_MAIL = 300  # mails per turn: it is slow, and steady


def main() -> int:
    """Measure and print; return 1 when a database does not reach the limit."""
    least = 9.9
    with _peers.sink() as sink, _installs.installs(sink.port) as installs:
        for install in installs:
            least = min(least, measured(install, sink))
    flush = _installs.seconds_of_a_flush() * 1000
    print(f"  a flush of this disk, which each mail waits for besides: {flush:.1f} ms")
    print(f"mail_throughput ratio: {least:.2f} of smtplib with ready bytes (at least {LEAST})")
    return 0 if least >= LEAST else 1


def measured(install: Install, sink: Sink) -> float:
    """Print the mails a second of all four; return the lesser ratio of the first two."""
    ids = _installs.queue_mails((2 * TURNS + 1) * MAILS)
    turns = [ids[start : start + MAILS] for start in range(0, len(ids), MAILS)]
    sink.configure(keep=MAILS)
    _installs.make_due(turns[-1])
    delivered(turns.pop())  # the first run warms up, and gives the bytes to the others
    mails = sink.kept()
    install.workers(1)
    speeds: dict[str, list[float]] = {name: [] for name in SENDERS}
    costs: dict[str, list[float]] = {name: [] for name in SENDERS if name != "worker"}
    for _ in range(TURNS):
        for name, count, send in senders(sink, turns.pop(), mails):
            began = time.process_time()
            speeds[name].append(_peers.per_second(count, send))
            costs[name].append((time.process_time() - began) / count * 1e6)
        speeds["worker"].append(worker(install, turns.pop(), sink))
    return report(install.kind, speeds, costs)


def senders(
    sink: Sink, ids: list[int], mails: list[bytes]
) -> list[tuple[str, int, Callable[[], None]]]:
    """Return the senders in this process: the name, the number of mails, and the action."""
    _installs.make_due(ids)
    some = mails[:FLASK_MAIL]
    return [
        ("job", len(ids), lambda: delivered(ids)),
        ("smtplib", len(mails), lambda: _peers.by_smtplib(sink.port, mails)),
        ("flask_mail", len(some), lambda: _peers.by_flask_mail(sink.port, some)),
    ]


def delivered(ids: list[int]) -> None:
    """Send mails in this process as a job does: those of one hint, then all others that are due."""
    left = ids[: delivery.BATCH]
    while left:
        left = delivery.deliver(left, goes_on=True)
    assert_sent(ids)


def worker(install: Install, ids: list[int], sink: Sink) -> float:
    """Return the mails a second of a worker, as the sink sees them."""
    sink.configure()
    _installs.make_due(ids)
    began = time.time()
    _installs.wake(ids)
    counts = sink.wait_for(len(ids))
    print(
        f"  worker: {counts.last_at - began:.2f} s from the hint to the last of {len(ids)} mails,"
        f" {counts.turns / len(ids):.2f} turns each; the sink spent"
        f" {counts.cpu / len(ids) * 1e6:.0f} µs a mail",
        flush=True,
    )
    install.wait_until_idle()
    assert_sent(ids)
    return (len(ids) - 1) / (counts.last_at - counts.first_at)


def assert_sent(ids: list[int]) -> None:
    """Stop when a mail was not sent, because the figure would count it."""
    db.session.rollback()
    last = db.session.get(OutboxMessage, ids[-1], populate_existing=True)
    if last is None or last.state.value != "sent":
        raise SystemExit(f"not sent: {_installs.states()}")
    db.session.rollback()


def report(kind: str, speeds: dict[str, list[float]], costs: dict[str, list[float]]) -> float:
    """Print a database's figures; return the ratio of the slower of job and worker."""
    figures = {name: _peers.median(found) for name, found in speeds.items()}
    for name, figure in figures.items():
        cost = f"  {_peers.median(costs[name]):5.0f} µs of CPU a mail" if name in costs else ""
        print(
            f"{kind:<11} {name:<10} {figure:5.0f}/s  {figure / figures['smtplib']:.2f} of smtplib"
            f"  {figure / figures['flask_mail']:.1f} times flask_mail{cost}"
        )
    return min(figures["job"], figures["worker"]) / figures["smtplib"]


if __name__ == "__main__":
    sys.exit(main())
