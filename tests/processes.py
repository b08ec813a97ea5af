"""Processes that tests start: each in a private directory, each gone when pytest goes.

A real part that is missing fails in CI and skips, saying what to install, anywhere else.
"""

import ctypes
import functools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, Protocol

import pytest

PR_SET_PDEATHSIG = 1
MEMORY = Path("/dev/shm")
ROOM = 2 * 1024**3  # octets; containers often have 64 MB there


def missing(what: str) -> NoReturn:
    """Fail in CI, skip elsewhere: in CI every real part has to be there."""
    if os.environ.get("CI"):
        pytest.fail(f"CI has no {what}", pytrace=False)
    pytest.skip(f"no {what} on this machine")


@functools.cache
def _prctl() -> Callable[..., int]:
    return ctypes.CDLL(None).prctl if sys.platform == "linux" else lambda *_: 0


def start(command: list[str], **more: object) -> subprocess.Popen[bytes]:
    """Start `command` so that it dies with this process, even when that is killed."""
    prctl = _prctl()
    return subprocess.Popen(
        command,
        preexec_fn=lambda: prctl(PR_SET_PDEATHSIG, signal.SIGKILL),
        stdin=subprocess.DEVNULL,
        **more,
    )


def stop(process: subprocess.Popen[bytes], how: int = signal.SIGTERM) -> None:
    """Ask `process` to end, insist after ten seconds."""
    process.send_signal(how)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def has_room(folder: Path) -> bool:
    """Return whether `folder` exists and has room for what the tests keep."""
    return folder.is_dir() and shutil.disk_usage(folder).free > ROOM


@contextmanager
def private_directory(owner: str | None = None, where: Path = Path("/tmp")) -> Iterator[Path]:
    """Yield a directory whose path is short enough for a socket in it (108 bytes)."""
    path = Path(tempfile.mkdtemp(prefix="hl-", dir=where))
    if owner:
        shutil.chown(path, owner)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


class Process(Protocol):
    """What `wait_until` asks of a process: one of subprocess, or of tests/forked.py."""

    args: Any

    def poll(self) -> int | None: ...


def wait_until(ready: Callable[[], object], process: Process, log: Path) -> None:
    """Wait at most 20 seconds until `ready()` raises nothing; fail with the server's own words."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return ready()
        except Exception as error:  # whatever a client says while its server starts
            if process.poll() is not None or time.monotonic() > deadline:
                words = log.read_text(errors="replace")[-2000:]
                raise RuntimeError(f"{process.args[0]} did not start: {words}") from error
            time.sleep(0.02)
