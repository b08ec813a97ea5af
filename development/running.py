"""`dev.py run`: all processes of production on one machine, started and stopped together.

Runs inside .venv, and imports nothing from it but what reading the settings needs.
"""

import fcntl
import os
import signal
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from development import databases, ports, valkeys
from development.children import Child, Supervisor, say
from development.dotenv import with_dotenv
from development.environment import PYTHON, ROOT, Trouble
from development.owners import OwnerLink

if TYPE_CHECKING:
    from service.config import Settings

LONGEST_START = 120.0  # seconds until the web server must answer
NO_MAIL_LOGIN = ("MAIL_USE_TLS", "MAIL_USE_SSL", "MAIL_USERNAME", "MAIL_PASSWORD")


def run() -> int:
    """Start everything, print where it is, and supervise it until a signal comes."""
    began = time.monotonic()
    signals = Signals()
    environment = with_dotenv(os.environ, ROOT / ".env")
    os.umask(0o077)  # what all processes keep is for this account alone
    settings = read_settings(environment)
    ports.check(settings.port)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with locked(settings.data_dir), tempfile.TemporaryDirectory(prefix="hl-") as short:
        started = Run(settings, environment, Path(short), signals)
        return started.until_a_signal(began)


def read_settings(environment: Mapping[str, str]) -> "Settings":
    """Return the settings as each process of the service will read them."""
    from service.config import SettingError, Settings  # needs .venv's time zones

    try:
        return Settings.from_environment(environment)
    except SettingError as error:
        raise Trouble(str(error)) from None


@contextmanager
def locked(data_dir: Path) -> Iterator[None]:
    """Lock a data directory against another run; the kernel unlocks it when this process ends."""
    with (data_dir / "run.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Trouble(
                f"DATA_DIR: {data_dir} is used by another `dev.py run`; "
                "stop that one, or set DATA_DIR to another directory"
            ) from None
        yield


class Signals:
    """Whether a signal has asked to stop; later signals change nothing."""

    def __init__(self) -> None:
        self.received = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._note)

    def _note(self, _number: int, _frame: object) -> None:
        self.received = True


@dataclass
class Run:
    """One run: the children, and the settings passed to them."""

    settings: "Settings"
    environment: dict[str, str]
    short: Path
    signals: Signals
    servers: list[Child] = field(default_factory=list)  # stopped last
    reader_port: int | None = None  # of the catcher's pages

    def until_a_signal(self, began: float) -> int:
        """Start, supervise and stop everything; return the exit code."""
        self.environment |= {"DATA_DIR": str(self.settings.data_dir), "PYTHONUNBUFFERED": "1"}
        self.environment["PORT"] = str(self.settings.port)
        self.environment.pop("PYTHONDONTWRITEBYTECODE", None)  # or each start compiles it all
        self.supervisor = Supervisor(self.environment, str(ROOT))
        try:
            if not self.start():
                return 0 if self.signals.received else 1
            print(self.welcome(time.monotonic() - began), flush=True)
            while not self.signals.received:
                self.supervisor.supervise()
            return 0
        finally:
            self.stop()

    def start(self) -> bool:
        """Start everything in order; return whether the web server answered."""
        self.start_valkey()
        fresh = databases.migrate(self.settings.database_url, self.environment)
        self.start_catcher()
        web = self.supervisor.start("web", self.web_command())
        self.owner_link = OwnerLink(self.settings, self.environment, fresh)
        if not self.wait_for(web):
            return False
        for name, arguments in {"worker": [], "clock": ["clock"]}.items():
            self.supervisor.start(name, [str(PYTHON), "worker.py", *arguments])
        return True

    def start_valkey(self) -> None:
        """Start a private Valkey, unless the settings name one."""
        if self.environment.get("REDIS_URL"):
            return
        home = self.settings.data_dir / "valkey"
        home.mkdir(exist_ok=True)
        socket = valkeys.socket_path(home, self.short)
        self.environment["REDIS_URL"] = f"unix://{socket}"
        self.servers.append(self.supervisor.start("valkey", valkeys.command(home, socket)))

    def start_catcher(self) -> None:
        """Start the mail catcher, unless the settings name a mail server."""
        if self.environment.get("MAIL_SERVER"):
            return
        page, smtp = ports.free(self.settings.port + 25), ports.free(self.settings.port + 1025)
        self.reader_port = page
        self.environment |= dict.fromkeys(NO_MAIL_LOGIN, "")
        self.environment |= {"MAIL_SERVER": "127.0.0.1", "MAIL_PORT": str(smtp)}
        self.environment["MAIL_READER_URL"] = f"http://localhost:{page}"
        arguments = ["-m", "service.catcher", "--port", str(page), "--smtp-port", str(smtp)]
        self.servers.append(self.supervisor.start("catcher", [str(PYTHON), *arguments]))

    def web_command(self) -> list[str]:
        """Return gunicorn's command line; a local or https BASE_URL keeps it local."""
        base = urlsplit(self.settings.base_url)
        is_local = base.scheme == "https" or base.hostname in {"localhost", "127.0.0.1"}
        address = f"{'127.0.0.1' if is_local else '0.0.0.0'}:{self.settings.port}"
        arguments = ["-m", "gunicorn", "wsgi:app", "--bind", address, "--log-level", "warning"]
        return [str(PYTHON), *arguments]

    def wait_for(self, web: Child) -> bool:
        """Wait until the web server answers; False when it ended, was late, or a signal came."""
        deadline = time.monotonic() + LONGEST_START
        while not self.signals.received:
            self.supervisor.supervise(0.05)
            if web.deaths or time.monotonic() > deadline:
                say("the web server did not start; what it said is above")
                return False
            reads = self.reader_port is None or ports.listens(self.reader_port)
            if (
                reads
                and ports.answer(self.settings.port, "/healthz")
                and self.owner_link.is_ready()
            ):
                return True
        return False

    def welcome(self, seconds: float) -> str:
        """Return the text printed when everything runs: the addresses, and how to stop."""
        lines = [f"Hasta Luego is ready ({seconds:.1f} s).", ""]
        lines += [f"  Open it            {self.settings.base_url}"]
        if self.owner_link.url:
            lines += [f"  Create the owner   {self.owner_link.url}   (works once)"]
        if reader := self.environment.get("MAIL_READER_URL"):
            lines += [f"  Read the mails     {reader}"]
        lines += ["", f"Ctrl-C stops all of it; the data stays in {self.settings.data_dir}."]
        return "\n".join(["", *lines, ""])

    def stop(self) -> None:
        """Stop everything: first what uses the servers, then the servers."""
        say("stopping")
        self.supervisor.stop([c for c in self.supervisor.children if c not in self.servers])
        self.supervisor.stop(self.servers)
        say("stopped")
