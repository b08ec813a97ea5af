"""Real worker processes, and the means to kill them and the jobs they fork."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from service.config import Settings
from tests import any_hour, forked
from tests.processes import private_directory


@contextmanager
def a_worker(settings: Settings, mail_port: int) -> Iterator[forked.Forked]:
    """Run `worker.py` on the servers of `settings`, sending to `mail_port` at any hour."""
    any_hour.save()
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
    with private_directory() as home:
        log = home / "log"
        process = forked.start(["worker.py"], {**kept, **environment}, log)
        try:
            yield process
        finally:
            kill_jobs(process)
            forked.stop(process)
            print(log.read_text(errors="replace"))  # pytest shows it when the test fails


def jobs_of(worker: forked.Forked) -> list[int]:
    """Return the processes that `worker` has forked, one per job at hand."""
    path = Path(f"/proc/{worker.pid}/task/{worker.pid}/children")
    return [int(pid) for pid in path.read_text().split()] if path.exists() else []


def kill_jobs(worker: forked.Forked) -> None:
    """SIGKILL the jobs of `worker`, not the worker."""
    for pid in jobs_of(worker):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
