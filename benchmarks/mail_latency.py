"""Measure whether a sender waits for anything but the network, with a server that takes 20 ms.

A real worker.py with 1, 4 and 8 connections, with PIPELINING and without. A mail takes a number of
turns (what is sent together is answered together), so that at most connections x 1000 / (turns x
20) mails can go in a second. Limits: within 10 % of that; no more turns than the session needs.
"""

import sys

from benchmarks import _installs, _peers
from benchmarks._installs import Install
from benchmarks._peers import Sink

DELAY = 0.02  # seconds
CONNECTIONS = (1, 4, 8)
SECONDS = 5  # per figure
LEAST = 0.9  # of what is possible
# With PIPELINING a mail and the next one's MAIL, RCPT and DATA go together; without it one by one.
TURNS = {True: 1, False: 4}
SPARE = 0.1  # turns a mail, for the first mail of a session and the last


def main() -> int:
    """Measure and print; return 1 when a limit is not kept."""
    least, most = 9.9, 0.0
    with _peers.sink() as sink, _installs.installs(sink.port) as installs:
        for install in installs:
            for pipelining in (True, False):
                for connections in CONNECTIONS:
                    ratio, turns = measured(install, sink, connections, pipelining)
                    least = min(least, ratio)
                    most = max(most, turns - TURNS[pipelining])
    print(f"mail_latency ratio: {least:.2f} of what the network allows (at least {LEAST})")
    print(f"mail_latency turns: {most:.2f} more than a mail needs (at most {SPARE})")
    return 0 if least >= LEAST and most <= SPARE else 1


def measured(
    install: Install, sink: Sink, connections: int, pipelining: bool
) -> tuple[float, float]:
    """Print one figure; return its ratio to the possible rate, and the turns of a mail."""
    count = int(SECONDS * connections / (TURNS[pipelining] * DELAY))  # more cannot go
    ids = _installs.queue_mails(count)
    install.workers(1, MAIL_CONNECTIONS=str(connections))
    sink.configure(delay=DELAY, pipelining=pipelining)
    _installs.make_due(ids)
    _installs.wake(ids)
    counts = sink.watch(count, SECONDS)
    install.stop()
    turns = counts.turns / counts.mails
    # The first mail of each session only starts the watch.
    speed = (counts.mails - connections) / (counts.last_at - counts.first_at)
    possible = connections / (turns * DELAY)
    offer = "PIPELINING" if pipelining else "one by one"
    print(
        f"{install.kind:<11} {connections} connections, {offer}"
        f"  {speed:5.1f}/s of {possible:5.1f}/s at {turns:.2f} turns  ratio {speed / possible:.2f}"
        f"  ({counts.most_connections} open at once)",
        flush=True,
    )
    return speed / possible, turns


if __name__ == "__main__":
    sys.exit(main())
