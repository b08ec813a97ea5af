"""An SMTP server on a real socket that answers anything at any stage, stalls, resets, half-closes.

A reply is text (``"451 later"``) or one of `CLOSE`, `RESET`, `HALF_CLOSE` and `STALL`. For each
stage a test gives one reply or a list, whose last one is repeated; a `Rule` comes before both. It
runs in the test's own process; tests/mail/scripted_process.py gives it one of its own.
"""

import random
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

CLOSE, RESET, HALF_CLOSE, STALL = "<close>", "<reset>", "<half-close>", "<stall>"
WRONG_CERTIFICATE = "220 go on, if you trust me"  # to STARTTLS
USUAL = {
    "connect": "220 scripted.test",
    "EHLO": "250-scripted.test\r\n250 SIZE 10000000",
    "HELO": "250 scripted.test",
    "STARTTLS": "220 go on",
    "AUTH": "235 welcome",
    "MAIL": "250 ok",
    "RCPT": "250 ok",
    "DATA": "354 go on",
    "body": "250 kept",
    "RSET": "250 ok",
    "NOOP": "250 ok",
    "QUIT": "221 bye",
}


class _Over(Exception):
    """The script ended the session."""


@dataclass
class Rule:
    """Answer `stage` with `reply`, so many `times`, only for recipients that contain `to`."""

    stage: str
    reply: str
    to: str = ""
    times: int = 1_000_000

    def fits(self, stage: str, recipients: Sequence[str]) -> bool:
        """Say whether this is the moment that it speaks of."""
        is_meant = any(self.to in recipient for recipient in recipients or [""])
        return self.stage == stage and self.times > 0 and is_meant


class ScriptedServer:
    """Holds the script and what was seen: `commands` in order, `mails` that were taken."""

    def __init__(self, **replies: str | list[str]) -> None:
        self.replies: dict[str, list[str]] = {}
        for stage, reply in {**USUAL, **replies}.items():
            self.say(stage, reply)
        self.rules: list[Rule] = []
        self.commands: list[str] = []
        self.mails: list[bytes] = []
        self.certificate: ssl.SSLContext | None = None
        self.wrong_certificate: ssl.SSLContext | None = None  # after WRONG_CERTIFICATE
        self.implicit_tls = False
        self.takes_before_answering = False  # a mail counts as taken whatever is answered then
        self.pauses: dict[str, float] = {}  # the longest pause before answering a stage, seconds
        self.connections = 0
        self.stages: list[str] = []
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def say(self, stage: str, reply: str | list[str]) -> None:
        """Answer `stage` like this from now on."""
        self.replies[stage] = [reply] if isinstance(reply, str) else list(reply)

    def forget(self) -> None:
        """Forget what was seen so far."""
        self.commands, self.mails, self.stages = [], [], []

    def reached(self, stage: str) -> bool:
        """Say whether a session has come to `stage`."""
        return stage in self.stages

    def verbs(self) -> list[str]:
        """Return the verbs of all commands seen."""
        return [command.split(" ")[0].split(":")[0].upper() for command in self.commands]

    def close(self) -> None:
        """Stop listening, and end the sessions that stall."""
        self.closing.set()
        self._listener.shutdown(socket.SHUT_RDWR)  # close() alone would not wake accept()
        self._listener.close()
        for thread in self._threads:
            thread.join(5)

    def reply_to(self, stage: str, number: int, recipients: Sequence[str]) -> str:
        """Return what connection `number` is to hear at `stage`."""
        with self._lock:
            self.stages.append(stage)
            for rule in self.rules:
                if rule.fits(stage, recipients):
                    rule.times -= 1
                    return rule.reply
            queue = self.replies.get(stage, ["500 what?"])
            return queue.pop(0) if len(queue) > 1 else queue[0]

    def took(self, mail: bytes, number: int, recipients: Sequence[str], reply: str) -> None:
        """Keep a mail that is accepted; called before connection `number` hears `reply`."""
        self.mails.append(mail)

    def _accept(self) -> None:
        while not self.closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            session = _Session(self, connection, self.connections)
            thread = threading.Thread(target=session.serve, daemon=True)
            self._threads.append(thread)
            thread.start()


class _Session:
    """One SMTP session."""

    def __init__(self, server: ScriptedServer, connection: socket.socket, number: int) -> None:
        self.server, self.connection, self.number = server, connection, number
        self.recipients: list[str] = []

    def serve(self) -> None:
        """Answer until either side has had enough."""
        with suppress(_Over, OSError), self.connection:
            self.connection.settimeout(10)
            if self.server.implicit_tls:
                self._encrypt(self.server.certificate)
            self._converse()

    def _encrypt(self, certificate: ssl.SSLContext | None) -> None:
        if certificate:
            self.connection = certificate.wrap_socket(self.connection, server_side=True)

    def _converse(self) -> None:
        lines = self.connection.makefile("rb")
        self._answer("connect")
        while line := lines.readline():
            command = line.decode("utf-8", "replace").strip()
            verb = command.split(" ")[0].upper()
            self.server.commands.append(verb + command[len(verb) :])
            if verb == "MAIL":
                self.recipients = []
            elif verb == "RCPT":
                self.recipients.append(command[len("RCPT TO:") :].split(" ")[0].strip("<>"))
            said = self._answer(verb)
            if verb == "RCPT" and not said.startswith("250"):
                self.recipients.pop()
            elif verb == "STARTTLS" and said.startswith("220"):
                wrong = said == WRONG_CERTIFICATE
                self._encrypt(self.server.wrong_certificate if wrong else self.server.certificate)
                lines = self.connection.makefile("rb")
            elif verb == "DATA" and said.startswith("354"):
                self._take_mail(lines)
            elif verb == "QUIT":
                return

    def _take_mail(self, lines: Iterator[bytes]) -> None:
        received = []
        for line in lines:
            if line == b".\r\n":
                break
            received.append(line[1:] if line.startswith(b"..") else line)
        else:
            raise _Over  # the mail was cut off: nobody may take it
        reply = self.server.reply_to("body", self.number, self.recipients)
        if self.server.takes_before_answering or reply.startswith("250"):
            self.server.took(b"".join(received), self.number, self.recipients, reply)
        self._perform("body", reply)

    def _answer(self, stage: str) -> str:
        """Answer `stage` as the script says, and return it; raises _Over at the end of it."""
        reply = self.server.reply_to(stage, self.number, self.recipients)
        self._perform(stage, reply)
        return reply

    def _perform(self, stage: str, reply: str) -> None:
        if pause := self.server.pauses.get(stage):
            time.sleep(random.uniform(0, pause))
        if reply == STALL:
            self.server.closing.wait(10)
        if reply == HALF_CLOSE:
            self.connection.shutdown(socket.SHUT_WR)
            with suppress(OSError):
                self.connection.recv(100)
        if reply == RESET:
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        if reply in {STALL, HALF_CLOSE, RESET, CLOSE}:
            self.connection.close()
            raise _Over
        if reply:
            self.connection.sendall(reply.encode() + b"\r\n")
        if reply.startswith("421"):
            raise _Over


@contextmanager
def scripted(**replies: str | list[str]) -> Iterator[ScriptedServer]:
    """Yield a server that is closed at the end."""
    server = ScriptedServer(**replies)
    try:
        yield server
    finally:
        server.close()
