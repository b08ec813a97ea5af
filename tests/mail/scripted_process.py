"""The scripted SMTP server as a process of its own, and the means to instruct and to question it.

`python -m tests.mail.scripted_process DIRECTORY [--offer EXTENSION ...] [--certificate PEM
[--implicit-tls]] [--wrong-certificate PEM] [--pause STAGE SECONDS ...]` prints its port. It reads
`rules.json` before each answer, and writes what it said and took as lines of `facts`, a mail
before its acceptance is heard.
"""

import argparse
import json
import os
import re
import ssl
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.mail.scripted_server import Rule, ScriptedServer
from tests.processes import private_directory, start, stop

ROOT = Path(__file__).resolve().parents[2]
_MESSAGE_ID = re.compile(rb"^message-id:\s*(\S+)", re.IGNORECASE | re.MULTILINE)


class _Recorder(ScriptedServer):
    """Takes its rules from a file and writes down what happens."""

    def __init__(self, directory: Path, **replies: str | list[str]) -> None:
        self._rules_file, self._read_at = directory / "rules.json", 0
        self._facts = os.open(directory / "facts", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        super().__init__(**replies)

    def reply_to(self, stage: str, number: int, recipients: Sequence[str]) -> str:
        """Say it by the newest rules, and note it."""
        self._read_the_rules()
        reply = super().reply_to(stage, number, recipients)
        self._note(stage=stage, said=reply, connection=number, to=list(recipients))
        return reply

    def took(self, mail: bytes, number: int, recipients: Sequence[str], reply: str) -> None:
        """Note whose mail it is; the bytes are not kept."""
        found = _MESSAGE_ID.search(mail)
        message_id = found[1].decode() if found else "?"
        self._note(took=message_id, said=reply, connection=number, to=list(recipients))

    def _note(self, **fact: object) -> None:
        os.write(self._facts, json.dumps(fact).encode() + b"\n")

    def _read_the_rules(self) -> None:
        with self._lock:
            changed_at = self._rules_file.stat().st_mtime_ns
            if changed_at != self._read_at:
                said = json.loads(self._rules_file.read_text())
                self.rules = [Rule(**rule) for rule in said["rules"]]
                self.takes_before_answering = said["takes"]
                self._read_at = changed_at


class ScriptedProcess:
    """What a test knows of the process: its port, how to instruct it, what it said and took."""

    host = "127.0.0.1"

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._rules: list[Rule] = []
        self._facts: list[dict[str, Any]] = []
        self._read = 0
        self.port = 0
        self.as_usual()

    def answer(self, stage: str, reply: str, to: str = "", times: int = 1_000_000) -> None:
        """Answer `stage` with `reply` so many `times`, only for recipients that contain `to`."""
        self._rules.append(Rule(stage, reply, to, times))
        self._instruct(takes=False)

    def take_and_then(self, reply: str, times: int = 1_000_000) -> None:
        """Take the whole mail and answer `reply` to its dot: nobody hears that it was taken."""
        self._rules.append(Rule("body", reply, "", times))
        self._instruct(takes=True)

    def as_usual(self) -> None:
        """Answer everything kindly again."""
        self._rules = []
        self._instruct(takes=False)

    def facts(self) -> list[dict[str, Any]]:
        """Return what it said and took so far, in order."""
        path = self._directory / "facts"
        if path.exists():
            with path.open("rb") as file:
                file.seek(self._read)
                whole, _, _ = file.read().rpartition(b"\n")
            self._read += len(whole) + bool(whole)
            self._facts += map(json.loads, whole.splitlines())
        return self._facts

    def said(self, stage: str) -> list[str]:
        """Return all that it answered at `stage`."""
        return [fact["said"] for fact in self.facts() if fact.get("stage") == stage]

    def taken(self) -> Counter[str]:
        """Return how often it took each mail, by Message-ID."""
        return Counter(fact["took"] for fact in self.facts() if "took" in fact)

    def careless_copies(self) -> list[str]:
        """Return mails that came again although their sender had heard that they were taken.

        A sender whose next mail was taken on the same connection has read the answer and noted it.
        """
        heard: set[str] = set()
        last: dict[int, str] = {}
        careless = []
        for fact in self.facts():
            if "took" not in fact:
                continue
            connection, mail = fact["connection"], fact["took"]
            if connection in last:
                heard.add(last[connection])
            careless += [mail] if mail in heard else []
            last[connection] = mail
        return careless

    def _instruct(self, takes: bool) -> None:
        said = {"rules": [asdict(rule) for rule in self._rules], "takes": takes}
        waiting = self._directory / "rules.new"
        waiting.write_text(json.dumps(said))
        waiting.replace(self._directory / "rules.json")


@contextmanager
def scripted_process(*options: str, **pauses: float) -> Iterator[ScriptedProcess]:
    """Yield a scripted server in a process of its own; `options` as they stand above.

    `pauses` are the longest ones, in seconds, before it answers a stage.
    """
    for stage, seconds in pauses.items():
        options += ("--pause", stage, str(seconds))
    with private_directory() as home:
        server, log = ScriptedProcess(home), home / "log"
        with log.open("wb") as err:
            process = start(
                [sys.executable, "-m", "tests.mail.scripted_process", str(home), *options],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=err,
            )
        try:
            said = process.stdout.readline()
            if not said:
                raise RuntimeError(f"the SMTP server did not start: {log.read_text()}")
            server.port = int(said)
            yield server
        finally:
            stop(process)
            process.stdout.close()


def _certificate(pem: Path | None) -> ssl.SSLContext | None:
    if pem is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)
    return context


def main() -> None:
    """Serve until the end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--offer", action="append", default=[])
    parser.add_argument("--certificate", type=Path)
    parser.add_argument("--wrong-certificate", type=Path)
    parser.add_argument("--implicit-tls", action="store_true")
    parser.add_argument("--pause", nargs=2, action="append", default=[])
    wanted = parser.parse_args()
    offers = ["scripted.test", "SIZE 10000000", *wanted.offer]
    hello = [f"250-{offer}" for offer in offers[:-1]] + [f"250 {offers[-1]}"]
    server = _Recorder(wanted.directory, EHLO="\r\n".join(hello))
    server.pauses = {stage: float(seconds) for stage, seconds in wanted.pause}
    server.implicit_tls = wanted.implicit_tls
    server.certificate = _certificate(wanted.certificate)
    server.wrong_certificate = _certificate(wanted.wrong_certificate)
    print(server.port, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
