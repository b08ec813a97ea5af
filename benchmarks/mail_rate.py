"""Measure whether two workers, which do not know of each other, keep MAIL_RATE together.

MAIL_RATE=50/s, 2 connections each, and more mails than fit; counted is what the sink takes in eight
seconds from the first mail on. Limit: within 2 % of 400; the fullest second is printed as well.
"""

import sys
from bisect import bisect_left
from collections.abc import Sequence

from benchmarks import _installs, _peers
from benchmarks._installs import Install
from benchmarks._peers import Sink

RATE, SECONDS, WORKERS = 50, 8, 2
MAILS = RATE * (SECONDS + 2)
FARTHEST = 0.02


def main() -> int:
    """Measure and print; return 1 when the rate is not kept."""
    farthest = 0.0
    with _peers.sink() as sink, _installs.installs(sink.port, MAIL_RATE=f"{RATE}/s") as installs:
        for install in installs:
            farthest = max(farthest, measured(install, sink))
    print(f"mail_rate: {farthest:.1%} away from MAIL_RATE (at most {FARTHEST:.0%})")
    return 0 if farthest <= FARTHEST else 1


def measured(install: Install, sink: Sink) -> float:
    """Print the count; return its distance from the rate, as a share of it."""
    ids = _installs.queue_mails(MAILS)
    install.workers(WORKERS, MAIL_CONNECTIONS="2")
    install.start("clock")  # a worker that would have to wait long leaves its mails to it
    sink.configure()
    _installs.make_due(ids)
    _installs.wake(ids)
    sink.watch(MAILS, SECONDS + 0.5)
    moments = sorted(sink.log().values())
    install.stop()
    came = bisect_left(moments, moments[0] + SECONDS)
    away = abs(came / (RATE * SECONDS) - 1)
    print(
        f"{install.kind:<11} {came} mails in {SECONDS} s with {WORKERS} workers, {away:.1%} away;"
        f" {fullest(moments)} in the fullest second",
        flush=True,
    )
    return away


def fullest(moments: Sequence[float]) -> int:
    """Return the largest number of mails within any second."""
    return max(bisect_left(moments, at + 1.0) - place for place, at in enumerate(moments))


if __name__ == "__main__":
    sys.exit(main())
