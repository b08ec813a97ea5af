"""Whether MAIL_RATE is kept by two workers together, who know nothing of each other.

MAIL_RATE=50/s, 2 connections each, more mails than fit; what the sink takes in eight seconds,
counted from the first mail. Limit: within 2 % of 400; the fullest second is told as well.
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
    """Measure and print; 1 when the rate is not kept."""
    farthest = 0.0
    with _peers.sink() as sink, _installs.installs(sink.port, MAIL_RATE=f"{RATE}/s") as installs:
        for install in installs:
            farthest = max(farthest, measured(install, sink))
    print(f"mail_rate: {farthest:.1%} away from MAIL_RATE (at most {FARTHEST:.0%})")
    return 0 if farthest <= FARTHEST else 1


def measured(install: Install, sink: Sink) -> float:
    """Print what came; return how far it is from the rate, as a share of it."""
    ids = _installs.owe(MAILS)
    install.workers(WORKERS, MAIL_CONNECTIONS="2")
    install.start("clock")  # a worker that would have to wait long leaves its mails to it
    sink.tell()
    _installs.make_due(ids)
    _installs.wake(ids)
    sink.watch(MAILS, SECONDS + 0.5)
    moments = sorted(sink.log().values())
    install.rest()
    came = bisect_left(moments, moments[0] + SECONDS)
    away = abs(came / (RATE * SECONDS) - 1)
    print(
        f"{install.kind:<11} {came} mails in {SECONDS} s with {WORKERS} workers, {away:.1%} away;"
        f" {fullest(moments)} in the fullest second",
        flush=True,
    )
    return away


def fullest(moments: Sequence[float]) -> int:
    """Return the most that came within any second."""
    return max(bisect_left(moments, at + 1.0) - place for place, at in enumerate(moments))


if __name__ == "__main__":
    sys.exit(main())
