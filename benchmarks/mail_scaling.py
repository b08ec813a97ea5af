"""Measure what more workers gain: the mails a second of 1, 2 and 4 of them.

Each is a worker.py with one connection to a server that answers after 5 ms, so that a worker waits
most of the time, as it does for a real server. Limits: on PostgreSQL two reach 1.7 and four 2.6
times the rate of one; on SQLite, where one writes at a time, 1.5 and 2. With fewer processors than
workers the rates are lower.
"""

import sys

from benchmarks import _installs, _peers
from benchmarks._installs import Install
from benchmarks._peers import Sink

DELAY = 0.005  # seconds
SECONDS = 5  # per figure
MAILS = 1_000  # per worker: more than it can send meanwhile
WORTH = {"postgresql": {2: 1.7, 4: 2.6}, "sqlite": {2: 1.5, 4: 2.0}}


def main() -> int:
    """Measure and print; return 1 when more workers are not worth enough."""
    is_kept = True
    with _peers.sink() as sink, _installs.installs(sink.port) as installs:
        for install in installs:
            one = measured(install, sink, 1)
            print(f"{install.kind:<11} 1 worker   {one:5.0f}/s", flush=True)
            for workers, least in WORTH[install.kind].items():
                speed = measured(install, sink, workers)
                is_kept = is_kept and speed / one >= least
                print(
                    f"{install.kind:<11} {workers} workers  {speed:5.0f}/s"
                    f"  ratio {speed / one:.2f} of one (at least {least})",
                    flush=True,
                )
    print(f"mail_scaling: {'every limit kept' if is_kept else 'a limit is not kept'}")
    return 0 if is_kept else 1


def measured(install: Install, sink: Sink, workers: int) -> float:
    """Return the mails a second of `count` workers."""
    ids = _installs.queue_mails(MAILS * workers)
    install.workers(workers)
    sink.configure(delay=DELAY)
    _installs.make_due(ids)
    _installs.wake(ids)
    counts = sink.watch(len(ids), SECONDS)
    install.stop()
    return (counts.mails - workers) / (counts.last_at - counts.first_at)


if __name__ == "__main__":
    sys.exit(main())
