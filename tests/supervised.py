"""Processes that are started again when they die, as systemd would, on a clock that tests move."""

import os
import signal
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import time_machine

from tests import forked
from tests.processes import missing

ROOT = Path(__file__).resolve().parent.parent


class Wall:
    """The clock on the wall of some processes: libfaketime reads from a file how far it is off.

    Their monotonic clock goes on as it is, as when somebody sets a machine's clock.
    """

    def __init__(self, directory: Path, ahead: timedelta = timedelta(0)) -> None:
        self._file = directory / "wall"
        self.ahead = timedelta(0)
        self.move(ahead)

    def move(self, by: timedelta) -> None:
        """Put it forward, or back."""
        self.ahead += by
        waiting = self._file.with_suffix(".new")
        waiting.write_text(f"{self.ahead.total_seconds():+.0f}\n")
        waiting.replace(self._file)

    def move_to(self, moment: datetime) -> None:
        """Put it to `moment`."""
        self.move(moment - self.now())

    def now(self) -> datetime:
        """Return what it shows."""
        return datetime.now(UTC) + self.ahead

    def seen_here(self) -> time_machine.travel:
        """Return a context in which this process, too, reads the time from this wall."""
        return time_machine.travel(self.now())

    def environment(self) -> dict[str, str]:
        """Return what makes a process read the time from here."""
        return {
            "LD_PRELOAD": str(libfaketime()),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",  # gunicorn compares the time with a file's
            "PYTHONPATH": str(ROOT / "tests" / "moved_clock"),
        }


def libfaketime() -> Path:
    """Return the library that gives processes another time."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    return found[0] if found else missing("faketime (apt-get install faketime)")


class Supervised:
    """One process that lives on under changing ids."""

    def __init__(self, command: list[str], environment: dict[str, str], log: Path) -> None:
        self.command, self.environment, self.log = command, environment, log
        self.orphans: set[int] = set()
        self.start()

    def start(self) -> None:
        """Start it."""
        self.process = forked.start(self.command, self.environment, self.log)

    def tend(self) -> None:
        """Start it again when it is dead; remember what it has forked, which may outlive it."""
        if self.process.poll() is None:
            self.orphans |= self.children()
        else:
            self.start()

    def children(self) -> set[int]:
        """Return the processes that it forked, and those that an earlier one left behind."""
        self.orphans = {pid for pid in self.orphans if _lives(pid)}
        with suppress(OSError):
            return self.orphans | set(forks_of(self.process.pid))
        return self.orphans

    def kill(self) -> None:
        """SIGKILL it; what it forked goes on without it."""
        self.orphans |= self.children()
        self.process.kill()
        self.process.wait()

    def kill_children(self) -> int:
        """SIGKILL what it forked; return how many there were."""
        killed = 0
        for pid in self.children():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                killed += 1
        return killed

    def kill_grandchildren(self) -> int:
        """SIGKILL what its forks have forked; return how many there were."""
        killed = 0
        for child in self.children():
            with suppress(OSError):
                for pid in forks_of(child):
                    os.kill(pid, signal.SIGKILL)
                    killed += 1
        return killed

    def end(self) -> None:
        """End it with all that it forked."""
        self.kill_children()
        forked.stop(self.process)


def forks_of(pid: int) -> list[int]:
    """Return the processes that a process has forked and that live."""
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _lives(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False
