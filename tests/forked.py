"""Entry points as processes of their own that begin with their modules loaded.

They are forked from a clean process without an app (multiprocessing's forkserver), with the
environment and the words that a test gives; all that follows is what an interpreter would run.
Importing the service anew for each would take most of the time of tests that start many.
Processes under libfaketime, which has to be there from the first, are forked from a second one.
"""

import ctypes
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from multiprocessing import forkserver, get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from unittest.mock import patch

from tests.processes import PR_SET_PDEATHSIG

ROOT = Path(__file__).resolve().parent.parent
# pytest and this module are what a child unpickles first.
LOADED = (
    *("pytest", "tests.forked", "tests.loaded"),
    *("worker", "gunicorn.app.wsgiapp", "service.web.gunicorn_worker"),
)

_context = get_context("forkserver")


class Origin(forkserver.ForkServer):
    """A process with the service loaded, which forks; it begins with what `inherited` names."""

    def __init__(self, *inherited: str) -> None:
        super().__init__()
        self._inherited = inherited
        self.set_forkserver_preload(list(LOADED))

    def fork(self, process: BaseProcess, environment: Mapping[str, str]) -> None:
        """Start `process`."""
        with patch.dict(os.environ, {name: environment[name] for name in self._inherited}):
            self.ensure_running()
        with patch.object(forkserver, "connect_to_new_process", self.connect_to_new_process):
            process.start()


_by_the_clock = Origin()
_by_a_moved_clock = (
    Origin(  # what libfaketime reads when it is loaded; where the time stands: later
        *("LD_PRELOAD", "PYTHONPATH", "NO_FAKE_STAT"),
        *("FAKETIME_NO_CACHE", "FAKETIME_DONT_FAKE_MONOTONIC"),
    )
)


class Forked:
    """A process that was forked, with the names of a `subprocess.Popen`."""

    def __init__(
        self,
        target: Callable[..., None],
        words: tuple[object, ...],
        environment: Mapping[str, str],
        log: Path,
        folder: Path,
    ) -> None:
        self.args = [str(word) for word in words]
        begin = (target, words, dict(environment), str(log), str(folder))
        self._process = _context.Process(target=_run, args=begin)
        origin = _by_a_moved_clock if "LD_PRELOAD" in environment else _by_the_clock
        origin.fork(self._process, environment)
        self.pid = self._process.pid or 0

    @property
    def returncode(self) -> int | None:
        """How it ended; None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """Return how it ended; None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; raise TimeoutExpired when it is not over by then."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it is over."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Tell it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it without a warning."""
        self.send_signal(signal.SIGKILL)


def start(
    words: Sequence[str], environment: Mapping[str, str], log: Path, folder: Path = ROOT
) -> Forked:
    """Start ``worker.py clock``, `-m gunicorn …` or `-m flask …`; its words go to `log`."""
    return Forked(_run_entry_point, tuple(words), environment, log, folder)


def call(
    target: Callable[..., None],
    words: tuple[object, ...],
    environment: Mapping[str, str],
    log: Path,
) -> Forked:
    """Start a process that calls `target(*words)` in `environment`; what it says goes to `log`."""
    return Forked(target, words, environment, log, ROOT)


def stop(process: Forked) -> None:
    """Ask `process` to end, insist after ten seconds."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(10)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)  # and whatever it has left behind
    process.wait()


def _run(
    target: Callable[..., None],
    words: tuple[object, ...],
    environment: dict[str, str],
    log: str,
    folder: str,
) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    target(*words)


def _run_entry_point(*words: str) -> None:
    if words[0] == "-m":
        sys.argv = [words[1], *words[2:]]
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = list(words)
        runpy.run_path(str(ROOT / words[0]), run_name="__main__")
