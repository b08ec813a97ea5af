"""gunicorn with our configuration and the app of tests/web/echo.py, which tells what it got."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from tests.live import ROOT, free_port
from tests.processes import private_directory, start, stop, wait_until


@contextmanager
def echoing(log: Path, seconds: float = 60, files: int = 1024) -> Iterator[int]:
    """Yield the port of a server that gives each head and body so many seconds.

    Each of its processes may have so many files open.

    Not by tests/forked.py, whose processes have made an app before gunicorn begins.
    """
    port = free_port()
    with private_directory() as home, log.open("wb") as out:
        environment = {
            "PATH": os.environ["PATH"],
            "DATA_DIR": str(home),
            "PYTHONWARNINGS": "error",
            "ECHO_SECONDS": str(seconds),
        }
        command = [
            sys.executable,
            "-m",
            "gunicorn",
            "tests.web.echo:app",
            "-b",
            f"127.0.0.1:{port}",
        ]
        command += ["--access-logfile", "-", "--log-level", "debug"]
        command = ["sh", "-c", f'ulimit -n {files}; exec "$@"', "sh", *command]
        server = start(command, cwd=ROOT, env=environment, stdout=out, stderr=out)
        try:
            wait_until(lambda: urlopen(f"http://127.0.0.1:{port}/").close(), server, log)
            yield port
        finally:
            stop(server)
            print(log.read_text()[-5000:])
