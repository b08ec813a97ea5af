"""Entry points as processes of their own that begin with their modules loaded.

They are forked from a clean process without an app (multiprocessing's forkserver), with the
environment and the words that a test gives; all that follows is what an interpreter would run.
Importing the service anew for each would take most of the time of tests that start many.
"""

import ctypes
import os
import runpy
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

from tests.processes import PR_SET_PDEATHSIG

ROOT = Path(__file__).resolve().parent.parent
LOADED = ("tests.loaded", "gunicorn.app.wsgiapp", "gunicorn.workers.gthread")

_context = get_context("forkserver")
_context.set_forkserver_preload(list(LOADED))


def start(words: Sequence[str], environment: Mapping[str, str], log: Path) -> BaseProcess:
    """Start ``worker.py clock``, `-m gunicorn …` or `-m flask …`; its words go to `log`."""
    return call(_run_entry_point, (list(words),), environment, log)


def call(
    target: Callable[..., None],
    words: tuple[object, ...],
    environment: Mapping[str, str],
    log: Path,
) -> BaseProcess:
    """Start a process that calls `target(*words)` in `environment`; what it says goes to `log`."""
    process = _context.Process(target=_run, args=(target, words, dict(environment), str(log)))
    process.start()
    return process


def stop(process: BaseProcess) -> None:
    """Ask `process` to end, insist after ten seconds."""
    process.terminate()
    process.join(10)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid or 0, signal.SIGKILL)  # and whatever it has left behind
    process.join()


def _run(
    target: Callable[..., None], words: tuple[object, ...], environment: dict[str, str], log: str
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
    os.chdir(ROOT)
    target(*words)


def _run_entry_point(words: list[str]) -> None:
    if words[0] == "-m":
        sys.argv = [words[1], *words[2:]]
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = list(words)
        runpy.run_path(words[0], run_name="__main__")
