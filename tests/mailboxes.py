"""The mailbox of a real SMTP server in a process of its own (tests/smtp_server.py)."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.processes import private_directory, start, stop


@dataclass(frozen=True)
class Delivered:
    """One mail as the SMTP server took it."""

    mail_from: str
    rcpt_tos: list[str]
    raw: bytes

    @property
    def message(self) -> EmailMessage:
        """The mail, parsed."""
        return message_from_bytes(self.raw, policy=policy.default)


@dataclass(frozen=True)
class Mailbox:
    """The mails that a real SMTP server, in a process of its own, has taken."""

    directory: Path
    port: int
    process: subprocess.Popen[bytes]
    host: str = "127.0.0.1"

    def messages(self) -> list[Delivered]:
        """Return all mails taken since the last clear(), in the order of their arrival."""
        return [self._read(path) for path in sorted(self.directory.glob("*.eml"))]

    def wait_for(self, count: int, seconds: float = 20) -> list[Delivered]:
        """Wait until `count` mails are there, fail when they do not come."""
        deadline = time.monotonic() + seconds
        while len(found := self.messages()) < count:
            if time.monotonic() > deadline:
                pytest.fail(f"{len(found)} of {count} mails came within {seconds} s")
            time.sleep(0.05)
        return found

    def answer(self, stage: str, reply: str, to: str = "", times: int = 1_000_000) -> None:
        """Make the server answer `stage` (MAIL, RCPT or DATA) with `reply`, until clear().

        `to` limits it to recipients that contain the text; `times` to so many answers.
        The reply ``close`` drops the connection, ``stall`` says nothing for a minute.
        """
        rules = [*self._rules(), {"stage": stage, "reply": reply, "to": to, "times": times}]
        waiting = self.directory / "rules.new"
        waiting.write_text(json.dumps(rules))
        waiting.replace(self.directory / "rules.json")

    def clear(self) -> None:
        """Forget all mails and all answers asked for."""
        (self.directory / "rules.json").unlink(missing_ok=True)
        for path in self.directory.glob("*.eml"):
            path.unlink()

    def _rules(self) -> list[dict[str, object]]:
        path = self.directory / "rules.json"
        return json.loads(path.read_text()) if path.exists() else []

    @staticmethod
    def _read(path: Path) -> Delivered:
        envelope, _, raw = path.read_bytes().partition(b"\n")
        return Delivered(**json.loads(envelope), raw=raw)


@contextmanager
def smtp(*options: str) -> Iterator[Mailbox]:
    """Yield the mailbox of a real SMTP server; `options` as tests/smtp_server.py takes them."""
    with private_directory() as home:
        log = home / "log"
        script = Path(__file__).with_name("smtp_server.py")
        with log.open("wb") as err:
            process = start(
                [sys.executable, str(script), str(home), *options],
                stdout=subprocess.PIPE,
                stderr=err,
            )
        try:
            said = process.stdout.readline()
            if not said:
                raise RuntimeError(f"the SMTP server did not start: {log.read_text()}")
            yield Mailbox(home, int(said), process)
        finally:
            stop(process)
            process.stdout.close()
