"""The one-time link that makes the first owner, shown until somebody has used it."""

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
    """What is known of the link.

    Asking the service for it costs a second of processor time, so the answer is noted beside the
    data. The next start shows the noted link as long as its page is there.
    """

    def __init__(self, settings: "Settings", environment: Mapping[str, str], fresh: bool) -> None:
        self.settings, self.environment = settings, environment
        self.note = settings.data_dir / "owner.json"
        self.asking: subprocess.Popen[str] | None = None
        self.path = self._noted()  # of the link; empty when there is an owner already
        if fresh or self.path is None:
            self._ask()

    @property
    def url(self) -> str | None:
        """The link, None when there is an owner."""
        return f"{self.settings.base_url}{self.path}" if self.path else None

    def is_known(self) -> bool:
        """Say whether the answer is here; call it once the web server answers."""
        if self.asking is not None:
            return self._hear(self.asking)
        if not self.path or ports.answer(self.settings.port, self.path):
            return True
        self._ask()  # it was used, or has expired
        return False

    def _ask(self) -> None:
        self.asking = subprocess.Popen(
            [str(PYTHON), "-m", "flask", "--app", "wsgi", "provider", "owner-link"],
            cwd=ROOT,
            env=dict(self.environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=die_with_parent(),
        )

    def _hear(self, asking: "subprocess.Popen[str]") -> bool:
        if asking.poll() is None:
            return False
        said, complaint = asking.communicate()
        self.asking, self.path = None, ""
        if asking.returncode:
            say(f"no owner link: {complaint.strip()[-500:]}")
            return True
        for word in said.split():
            if word.startswith(self.settings.base_url):
                self.path = word.removeprefix(self.settings.base_url)
        self.note.touch(mode=0o600)
        self.note.write_text(json.dumps({"database": self._database(), "path": self.path}))
        return True

    def _noted(self) -> str | None:
        try:
            note = json.loads(self.note.read_text())
            return str(note["path"]) if note["database"] == self._database() else None
        except (OSError, ValueError, KeyError):
            return None

    def _database(self) -> str:
        """Name the database without its password."""
        parts = urlsplit(self.settings.database_url)
        return f"{parts.hostname or ''}{parts.path}"
