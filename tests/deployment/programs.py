"""The programs that a machine runs for us: read from the units and from the Procfile, and run."""

import os
import shlex
import signal
import subprocess
from collections.abc import Iterator
from configparser import RawConfigParser
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

from service.config import Settings
from tests.live import ROOT
from tests.processes import private_directory, start

DEPLOYMENT = ROOT / "deployment"
UNITS = DEPLOYMENT / "systemd"
SHARED = UNITS / "hasta-luego-.service.d" / "shared.conf"
INSTALLED = "/opt/hasta-luego"


@dataclass(frozen=True)
class Program:
    """A command as it stands in the file of whoever runs it."""

    name: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    patience: float = 30  # seconds from SIGTERM to SIGKILL; so many are usual where Procfiles are
    whole_group: bool = False  # whether SIGTERM goes to all its processes at once


def services() -> list[Path]:
    """Return the files of our services."""
    return sorted(UNITS.glob("*.service"))


def read_unit(path: Path) -> dict[str, str]:
    """Return the lines of a unit as ``Section.Key``; of a key that is repeated, the last one."""
    parser = RawConfigParser(strict=False, delimiters="=", comment_prefixes="#")
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(path.read_text())
    return {f"{name}.{key}": value for name in parser for key, value in parser[name].items()}


def from_units() -> list[Program]:
    """Return what the units start, in this checkout in place of the installed one."""
    return [_from_unit(path) for path in services()]


def _from_unit(path: Path) -> Program:
    lines = read_unit(SHARED) | read_unit(path)
    sets = [read_unit(file).get("Service.Environment", "") for file in (SHARED, path)]
    return Program(
        name=path.stem.removeprefix("hasta-luego-").removesuffix("@"),
        command=shlex.split(lines["Service.ExecStart"].replace(INSTALLED, str(ROOT))),
        environment=dict(word.split("=", 1) for word in " ".join(sets).split()),
        patience=float(lines["Service.TimeoutStopSec"]),
    )


def from_procfile() -> list[Program]:
    """Return the lines of the Procfile, each run by a shell, as hosts and runners do.

    bash hands over to the one command that it gets; dash would stay, and hide how that ended.
    """
    lines = [line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines()]
    path = f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}"
    return [
        Program(name, ["bash", "-c", command], {"PATH": path}, whole_group=True)
        for name, command in lines
    ]


def example() -> dict[str, str]:
    """Return the settings of the example that are on, as systemd reads them."""
    lines = (DEPLOYMENT / "hasta-luego.env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def filled_in(settings: Settings, port: int) -> dict[str, str]:
    """Return the example with the servers and the secret of a test."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        **example(),
        "SECRET_KEY": settings.secret_keys[-1],
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "DATA_DIR": str(settings.data_dir),
        "MAIL_SERVER": settings.mail_server,
        "MAIL_PORT": str(settings.mail_port),
        "MAIL_USE_TLS": "no",
        "PORT": str(port),
    }


@dataclass
class Running:
    """A program's process, and the file of what it says."""

    program: Program
    process: subprocess.Popen[bytes]
    log: Path

    def tell_to_end(self) -> None:
        """Send SIGTERM as whoever runs it does."""
        tell = os.killpg if self.program.whole_group else os.kill
        tell(self.process.pid, signal.SIGTERM)

    def exit_code(self) -> int:
        """Wait as long as whoever runs it would, and return how it ended."""
        try:
            return self.process.wait(self.program.patience)
        except subprocess.TimeoutExpired:
            raise AssertionError(
                f"{self.program.name} would have been killed: {self.said()}"
            ) from None

    def said(self) -> str:
        return self.log.read_text(errors="replace")


@contextmanager
def running(programs: list[Program], settings: dict[str, str]) -> Iterator[list[Running]]:
    """Run each of `programs` in a process group of its own; whatever is left is killed."""
    started: list[Running] = []
    with private_directory() as home:
        try:
            for number, program in enumerate(programs):
                started.append(_start(program, settings, home / f"{number}.log"))
            yield started
        finally:
            for one in started:
                with suppress(ProcessLookupError):
                    os.killpg(one.process.pid, signal.SIGKILL)
                one.process.wait()
                print(f"--- {one.program.name}\n{one.said()}")  # pytest shows it on a failure


def _start(program: Program, settings: dict[str, str], log: Path) -> Running:
    # What the file of settings says wins over what the unit says, as EnvironmentFile= does.
    environment = (
        settings
        | program.environment
        | {name: value for name, value in settings.items() if name != "PATH"}
    )
    command = [Template(word).safe_substitute(environment) for word in program.command]
    if program.whole_group:
        command = program.command  # its own shell fills them in
    with log.open("wb") as out:
        process = start(
            command, cwd=ROOT, env=environment, stdout=out, stderr=out, start_new_session=True
        )
    return Running(program, process, log)
