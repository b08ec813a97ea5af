"""Child processes: started, listened to, started again when they die, stopped together.

One thread does it all, because on Linux a child is told to die with the thread that started it.
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
LONGEST_PAUSE = 30.0  # seconds between two starts of a child that keeps dying
STEADY_AFTER = 60.0  # seconds after which a child counts as well again


def die_with_parent() -> Callable[[], None]:
    """Return what a child calls before its program: the kernel kills it when its parent is gone."""
    launcher = os.getpid()
    prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else lambda *_: 0

    def in_the_child() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != launcher:  # it went before we could ask
            os._exit(1)

    return in_the_child


@dataclass
class Child:
    """A program that should run as long as we do."""

    name: str
    command: list[str]
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    due_at: float | None = None  # when it is to be started again
    deaths: int = 0
    unfinished: bytes = b""  # the beginning of a line it is still writing

    @property
    def is_running(self) -> bool:
        """Say whether its process is there."""
        return self.process is not None and self.process.poll() is None


@dataclass
class Family:
    """The children, and the loop that looks after them."""

    environment: Mapping[str, str]
    directory: str
    children: list[Child] = field(default_factory=list)
    selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)

    def start(self, name: str, command: list[str]) -> Child:
        """Start a new child; its output appears behind its name."""
        child = Child(name, command)
        self.children.append(child)
        self._launch(child)
        return child

    def look(self, seconds: float = 0.2) -> None:
        """Pass on what the children say for so long; start again those that died."""
        for key, _events in self.selector.select(seconds):
            self._listen(key.data)
        for child in self.children:
            if child.due_at is None and not child.is_running:
                self._mourn(child)
            elif child.due_at is not None and time.monotonic() >= child.due_at:
                self._launch(child)

    def stop(self, children: Iterable[Child], patience: float = 12.0) -> None:
        """Ask these children to end, together, and insist when they take too long."""
        leaving = [child for child in children if child.is_running]
        for child in leaving:
            self._signal(child, signal.SIGTERM)
        deadline = time.monotonic() + patience
        while any(child.is_running for child in leaving) and time.monotonic() < deadline:
            for key, _events in self.selector.select(0.05):
                self._listen(key.data)
        for child in leaving:
            if child.is_running:
                say(f"{child.name} does not end; killing it")
                self._signal(child, signal.SIGKILL)
            self._bury(child)

    def _launch(self, child: Child) -> None:
        child.due_at, child.started_at = None, time.monotonic()
        child.process = subprocess.Popen(
            child.command,
            cwd=self.directory,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches only us, and we stop them in order
            preexec_fn=die_with_parent(),
        )
        if child.process.stdout:
            os.set_blocking(child.process.stdout.fileno(), False)
            self.selector.register(child.process.stdout, selectors.EVENT_READ, child)

    def _listen(self, child: Child) -> None:
        out = child.process.stdout if child.process else None
        text = out.read() if out and not out.closed else None
        if out and text == b"":
            self._close(out)
        *lines, child.unfinished = (child.unfinished + (text or b"")).split(b"\n")
        for line in lines:
            print(f"{child.name:>8} | {line.decode(errors='replace')}", flush=True)

    def _mourn(self, child: Child) -> None:
        if time.monotonic() - child.started_at > STEADY_AFTER:
            child.deaths = 0
        pause = min(2.0**child.deaths, LONGEST_PAUSE)
        child.deaths += 1
        child.due_at = time.monotonic() + pause
        ending = self._bury(child)
        say(f"{child.name} ended ({ending}); starting it again in {pause:.0f} s")

    def _bury(self, child: Child) -> str:
        """Wait for a child that is ending, pass on its last words, return how it ended."""
        if child.process is None:
            return "it never started"
        code = child.process.wait()
        self._signal(child, signal.SIGKILL)  # whatever it has left behind in its group
        self._listen(child)
        if child.process.stdout:
            self._close(child.process.stdout)
        child.unfinished = b""
        return f"signal {-code}" if code < 0 else f"exit code {code}"

    def _close(self, out: IO[bytes]) -> None:
        with suppress(KeyError, ValueError):  # closed already: it said its last words before
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
    """Tell the person at the terminal something."""
    print(f"  dev.py | {text}", flush=True)
