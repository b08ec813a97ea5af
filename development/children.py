"""Supervise child processes: pass on their output, restart those that end, stop them together.

One thread does it all, because on Linux a child is killed with the thread that started it.
"""

import ctypes
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO

PR_SET_PDEATHSIG = 1
LONGEST_PAUSE = 30.0  # seconds between two starts of a child that keeps ending
STEADY_AFTER = 60.0  # seconds of running after which a child's earlier ends are forgotten


def die_with_parent() -> Callable[[], None]:
    """Return the `preexec_fn` that makes the kernel kill a child when its parent is gone."""
    launcher = os.getpid()
    prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else lambda *_: 0

    def in_the_child() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != launcher:  # the parent ended before the call
            os._exit(1)

    return in_the_child


@dataclass
class Child:
    """A program that runs as long as its supervisor."""

    name: str
    command: list[str]
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    due_at: float | None = None  # the next start, on the monotonic clock
    deaths: int = 0
    unfinished: bytes = b""  # output after its last line break

    @property
    def is_running(self) -> bool:
        """Whether its process is there."""
        return self.process is not None and self.process.poll() is None


@dataclass
class Supervisor:
    """The children, and one round of the loop that supervises them."""

    environment: Mapping[str, str]
    directory: str
    children: list[Child] = field(default_factory=list)
    selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)

    def start(self, name: str, command: list[str]) -> Child:
        """Start a new child; each line of its output is printed after its name."""
        child = Child(name, command)
        self.children.append(child)
        self._launch(child)
        return child

    def supervise(self, seconds: float = 0.2) -> None:
        """Pass on the children's output for `seconds`, and restart those that have ended."""
        for key, _events in self.selector.select(seconds):
            self._pass_on(key.data)
        for child in self.children:
            if child.due_at is None and not child.is_running:
                self._schedule_restart(child)
            elif child.due_at is not None and time.monotonic() >= child.due_at:
                self._launch(child)

    def stop(self, children: Iterable[Child], patience: float = 12.0) -> None:
        """Send SIGTERM to these children, and SIGKILL to those left after `patience` seconds."""
        leaving = [child for child in children if child.is_running]
        for child in leaving:
            self._signal(child, signal.SIGTERM)
        deadline = time.monotonic() + patience
        while any(child.is_running for child in leaving) and time.monotonic() < deadline:
            for key, _events in self.selector.select(0.05):
                self._pass_on(key.data)
        for child in leaving:
            if child.is_running:
                say(f"{child.name} does not end; killing it")
                self._signal(child, signal.SIGKILL)
            self._reap(child)

    def _launch(self, child: Child) -> None:
        child.due_at, child.started_at = None, time.monotonic()
        child.process = subprocess.Popen(
            child.command,
            cwd=self.directory,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches only the launcher, which stops them in order
            preexec_fn=die_with_parent(),
        )
        if child.process.stdout:
            os.set_blocking(child.process.stdout.fileno(), False)
            self.selector.register(child.process.stdout, selectors.EVENT_READ, child)

    def _pass_on(self, child: Child) -> None:
        out = child.process.stdout if child.process else None
        text = out.read() if out and not out.closed else None
        if out and text == b"":
            self._close(out)
        *lines, child.unfinished = (child.unfinished + (text or b"")).split(b"\n")
        for line in lines:
            print(f"{child.name:>8} | {line.decode(errors='replace')}", flush=True)

    def _schedule_restart(self, child: Child) -> None:
        if time.monotonic() - child.started_at > STEADY_AFTER:
            child.deaths = 0
        pause = min(2.0**child.deaths, LONGEST_PAUSE)
        child.deaths += 1
        child.due_at = time.monotonic() + pause
        ending = self._reap(child)
        say(f"{child.name} ended ({ending}); starting it again in {pause:.0f} s")

    def _reap(self, child: Child) -> str:
        """Wait for a child that is ending, pass on its last output, and return how it ended."""
        if child.process is None:
            return "it never started"
        code = child.process.wait()
        self._signal(child, signal.SIGKILL)  # processes left in its group
        self._pass_on(child)
        if child.process.stdout:
            self._close(child.process.stdout)
        child.unfinished = b""
        return f"signal {-code}" if code < 0 else f"exit code {code}"

    def _close(self, out: IO[bytes]) -> None:
        with suppress(KeyError, ValueError):  # closed already
            self.selector.unregister(out)
        out.close()

    @staticmethod
    def _signal(child: Child, number: int) -> None:
        """Signal a child; SIGKILL goes to its whole process group."""
        if child.process is None:
            return
        with suppress(ProcessLookupError, PermissionError):
            if number == signal.SIGKILL:
                os.killpg(child.process.pid, number)
            else:
                child.process.send_signal(number)


def say(text: str) -> None:
    """Print a line of the launcher itself."""
    print(f"  dev.py | {text}", flush=True)
