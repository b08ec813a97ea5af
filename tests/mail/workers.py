"""Real worker processes, and the means to kill them and the jobs they fork."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from service.config import Settings
from tests.processes import start, stop

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def a_worker(settings: Settings, mail_port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run `worker.py` on the servers of `settings`, sending to `mail_port`."""
    environment = {
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "DATA_DIR": str(settings.data_dir),
        "SECRET_KEY": settings.secret_keys[-1],
        "BASE_URL": settings.base_url,
        "MAIL_SERVER": settings.mail_server,
        "MAIL_PORT": str(mail_port),
        "MAIL_TIMEOUT": "5",
    }
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    log = tempfile.TemporaryFile()  # noqa: SIM115
    process = start(
        [sys.executable, "worker.py"],
        cwd=ROOT,
        env={**kept, **environment},
        stdout=log,
        stderr=log,
    )
    try:
        yield process
    finally:
        kill_jobs(process)
        stop(process)
        log.seek(0)
        print(log.read().decode(errors="replace"))  # pytest shows it when the test fails
        log.close()


def jobs_of(worker: subprocess.Popen[bytes]) -> list[int]:
    """Return the processes that `worker` has forked, one per job at hand."""
    path = Path(f"/proc/{worker.pid}/task/{worker.pid}/children")
    return [int(pid) for pid in path.read_text().split()] if path.exists() else []


def kill_jobs(worker: subprocess.Popen[bytes]) -> None:
    """SIGKILL the jobs of `worker`, not the worker."""
    for pid in jobs_of(worker):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
