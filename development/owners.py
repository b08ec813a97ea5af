"""The one-time link that creates the first owner, shown until it has been used."""

import json
import subprocess
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from development import ports
from development.children import die_with_parent, say
from development.environment import PYTHON, ROOT

if TYPE_CHECKING:
    from service.config import Settings


class OwnerLink:
    """The link of this run, empty when there is an owner.

    The command that makes it costs a second of processor time, so the link is cached beside the
    data, and the next start shows the cached one as long as its page answers.
    """

    def __init__(self, settings: "Settings", environment: Mapping[str, str], fresh: bool) -> None:
        self.settings, self.environment = settings, environment
        self.cache = settings.data_dir / "owner.json"
        self.command: subprocess.Popen[str] | None = None
        self.path = self._cached()  # of the link; empty when there is an owner
        if fresh or self.path is None:
            self._start_command()

    @property
    def url(self) -> str | None:
        """The link; None when there is an owner."""
        return f"{self.settings.base_url}{self.path}" if self.path else None

    def is_ready(self) -> bool:
        """Return whether `url` can be shown; call it once the web server answers."""
        if self.command is not None:
            return self._read(self.command)
        if not self.path or ports.answer(self.settings.port, self.path):
            return True
        self._start_command()  # it was used, or has expired
        return False

    def _start_command(self) -> None:
        self.command = subprocess.Popen(
            [str(PYTHON), "-m", "flask", "--app", "wsgi", "provider", "owner-link"],
            cwd=ROOT,
            env=dict(self.environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=die_with_parent(),
        )

    def _read(self, command: "subprocess.Popen[str]") -> bool:
        if command.poll() is None:
            return False
        output, error = command.communicate()
        self.command, self.path = None, ""
        if command.returncode:
            say(f"no owner link: {error.strip()[-500:]}")
            return True
        for word in output.split():
            if word.startswith(self.settings.base_url):
                self.path = word.removeprefix(self.settings.base_url)
        self.cache.touch(mode=0o600)
        self.cache.write_text(json.dumps({"database": self._database(), "path": self.path}))
        return True

    def _cached(self) -> str | None:
        try:
            cached = json.loads(self.cache.read_text())
            return str(cached["path"]) if cached["database"] == self._database() else None
        except (OSError, ValueError, KeyError):
            return None

    def _database(self) -> str:
        """Return a name of the database without its password."""
        parts = urlsplit(self.settings.database_url)
        return f"{parts.hostname or ''}{parts.path}"
