"""The virtual environment in .venv: created once, and installed again when its lock changes.

Runs on the system's Python with nothing installed.
"""

import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "installed.json"  # lock name -> hash of the lock that was installed
CONTAINED = {"run": ("run",), "test": ("test", "run")}  # the test lock pins all of the run lock


class Trouble(Exception):
    """An error that the person at the terminal can mend; the message is one line."""


def ensure(lock: str) -> None:
    """Create .venv and install locks/`lock`.txt into it, unless that is installed already."""
    if not (3, 11) <= sys.version_info[:2] < (3, 14) and not PYTHON.exists():
        raise Trouble(
            f"Python {sys.version_info[0]}.{sys.version_info[1]} is not supported; "
            "run this with Python 3.11, 3.12 or 3.13"
        )
    wanted = lock_hash(lock)
    if is_installed(lock, wanted):
        return
    with install_lock():
        if is_installed(lock, wanted):
            return
        if not works():
            create()
        install(lock)
        hashes = {name: lock_hash(name) for name in CONTAINED[lock]}
        STAMP.write_text(json.dumps(hashes, indent=1))


def enter(lock: str) -> None:
    """Continue inside .venv: return when this runs there, else start this program again there."""
    ensure(lock)
    if Path(sys.prefix).resolve() != VENV.resolve():
        os.execv(PYTHON, [str(PYTHON), *sys.argv])


def lock_hash(lock: str) -> str:
    """Return the hash of a lock file."""
    return hashlib.sha256((ROOT / "locks" / f"{lock}.txt").read_bytes()).hexdigest()


def is_installed(lock: str, wanted: str) -> bool:
    """Return whether .venv was installed from the lock with the hash `wanted`."""
    try:
        return json.loads(STAMP.read_text()).get(lock) == wanted and PYTHON.exists()
    except (OSError, ValueError):
        return False


@contextmanager
def install_lock() -> Iterator[None]:
    """Make another `dev.py` wait while this one installs."""
    with (ROOT / "dev.py").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def works() -> bool:
    """Return whether .venv has a Python that starts and has pip."""
    command = [str(PYTHON), "-m", "pip", "--version"]
    return PYTHON.exists() and subprocess.run(command, capture_output=True).returncode == 0


def create() -> None:
    """Create .venv with pip: from ensurepip, or by the system's pip where Debian removed that."""
    print("Making the environment in .venv ...", flush=True)
    shutil.rmtree(VENV, ignore_errors=True)
    command = [sys.executable, "-m", "venv", str(VENV)]
    if importlib.util.find_spec("ensurepip"):
        run(command, "python3 -m venv failed")
    elif importlib.util.find_spec("pip"):
        run([*command, "--without-pip"], "python3 -m venv failed")
        outside = [sys.executable, "-m", "pip", "--python", str(PYTHON)]
        run([*outside, "install", "-q", "pip"], "pip could not be brought into .venv")
    else:
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        raise Trouble(
            f"this Python has no pip; install it with: apt-get install python{version}-venv"
        )


def install(lock: str) -> None:
    """Install what the lock pins, checking the hash of each file."""
    print(f"Installing what locks/{lock}.txt pins ...", flush=True)
    STAMP.unlink(missing_ok=True)
    command = [str(PYTHON), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    command += ["--no-input", "--no-deps", "--require-hashes", "-r", f"locks/{lock}.txt"]
    run(command, "the dependencies could not be installed (is there a network?)")


def run(command: list[str], message: str) -> None:
    """Run a command in the project; raise Trouble with `message` when it fails."""
    if subprocess.run(command, cwd=ROOT).returncode:
        raise Trouble(message)
