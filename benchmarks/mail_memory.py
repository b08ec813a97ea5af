"""Measure the memory of a worker and of the clock with 10,000 and with 100,000 mails due.

A real worker.py, its jobs and `worker.py clock` run for some seconds while all of them are due;
the kernel's peak (VmHWM) of each process is read meanwhile. Limits: 150 MB a process, and with
100,000 at most 1.1 times the peak with 10,000. Their proportional share of the memory that forks
have in common (PSS) is printed as well.
"""

import re
import sys
import time
from contextlib import suppress
from pathlib import Path

from benchmarks import _installs, _peers
from benchmarks._installs import Install
from benchmarks._peers import Sink

FEW, MANY = 10_000, 100_000
SECONDS = 8  # of work at each
LARGEST = 150.0  # MB
FLAT = 1.1
PARTS = ("worker", "job", "clock")


def main() -> int:
    """Measure and print; return 1 when a limit is not kept."""
    largest, growth = 0.0, 0.0
    with _peers.sink() as sink, _installs.installs(sink.port) as installs:
        for install in installs:
            few = measured(install, sink, FEW)
            many = measured(install, sink, MANY)
            largest = max(largest, *(many[part] for part in PARTS))
            growth = max(growth, *(many[part] / few[part] for part in PARTS))
    print(f"mail_memory: {largest:.0f} MB ({largest / LARGEST:.0%} of {LARGEST:.0f} MB)")
    print(f"mail_memory growth: {growth:.2f} from {FEW} to {MANY} mails due (at most {FLAT})")
    return 0 if largest <= LARGEST and growth <= FLAT else 1


def measured(install: Install, sink: Sink, mails: int) -> dict[str, float]:
    """Print and return the peaks, in MB, with the given number of mails due."""
    ids = _installs.queue_mails(mails)
    _installs.make_due(ids)
    (worker,) = install.workers(1)
    clock = install.start("clock")
    sink.configure()
    peaks = dict.fromkeys((*PARTS, "together"), 0.1)
    until = time.monotonic() + SECONDS + 2  # the clock starts, too
    while time.monotonic() < until:
        look(worker.pid, clock.pid, peaks)
        time.sleep(0.1)
    counts = sink.counts()
    install.stop()
    words = "  ".join(f"{name} {peak:.0f} MB" for name, peak in peaks.items())
    print(f"{install.kind:<11} {mails:>7} due, {counts.mails} sent  {words}", flush=True)
    if not counts.mails:
        raise SystemExit("nothing was sent, so that nothing was measured")
    return peaks


def look(worker: int, clock: int, peaks: dict[str, float]) -> None:
    """Raise `peaks` to the present figures."""
    together = 0.0
    for pid in [*_installs.tree(worker), clock]:
        part = {worker: "worker", clock: "clock"}.get(pid, "job")
        with suppress(OSError):  # jobs come and go
            peaks[part] = max(peaks[part], figure(pid, "status", "VmHWM"))
            together += figure(pid, "smaps_rollup", "Pss")
    peaks["together"] = max(peaks["together"], together)


def figure(pid: int, file: str, name: str) -> float:
    """Return a figure of the kernel about a process, in MB."""
    found = re.search(rf"^{name}:\s+(\d+) kB", Path(f"/proc/{pid}/{file}").read_text(), re.M)
    return int(found[1]) / 1024 if found else 0.0


if __name__ == "__main__":
    sys.exit(main())
