"""An SMTP server on a real socket that answers anything at any stage, stalls, resets, half-closes.

A reply is text (``"451 later"``) or one of `CLOSE`, `RESET`, `HALF_CLOSE` and `STALL`. For each
stage a test gives one reply or a list, whose last one is repeated.
"""

import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

CLOSE, RESET, HALF_CLOSE, STALL = "<close>", "<reset>", "<half-close>", "<stall>"
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
    """The script ended the conversation."""


class ScriptedServer:
    """Holds the script and what was seen: `commands` in order, `mails` that were taken."""

    def __init__(self, **replies: str | list[str]) -> None:
        self.replies: dict[str, list[str]] = {}
        for stage, reply in {**USUAL, **replies}.items():
            self.say(stage, reply)
        self.commands: list[str] = []
        self.mails: list[bytes] = []
        self.certificate: ssl.SSLContext | None = None
        self.implicit_tls = False
        self.takes_before_answering = False  # a mail counts as taken whatever is answered then
        self.connections = 0
        self.stages: list[str] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()
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
        """Say whether a conversation has come to `stage`."""
        return stage in self.stages

    def verbs(self) -> list[str]:
        """Return the verbs of all commands seen."""
        return [command.split(" ")[0].split(":")[0].upper() for command in self.commands]

    def close(self) -> None:
        """Stop listening, and end the conversations that stall."""
        self._closing.set()
        self._listener.shutdown(socket.SHUT_RDWR)  # close() alone would not wake accept()
        self._listener.close()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(_Over, OSError), connection:
            connection.settimeout(10)
            if self.implicit_tls and self.certificate:
                connection = self.certificate.wrap_socket(connection, server_side=True)
            self._converse(connection)

    def _converse(self, connection: socket.socket) -> None:
        lines = connection.makefile("rb")
        self._answer(connection, "connect")
        while line := lines.readline():
            command = line.decode("utf-8", "replace").strip()
            verb = command.split(" ")[0].upper()
            self.commands.append(verb + command[len(verb) :])
            said = self._answer(connection, verb)
            if verb == "STARTTLS" and said.startswith("220") and self.certificate:
                connection = self.certificate.wrap_socket(connection, server_side=True)
                lines = connection.makefile("rb")
            elif verb == "DATA" and said.startswith("354"):
                self._take_mail(connection, lines)
            elif verb == "QUIT":
                return

    def _take_mail(self, connection: socket.socket, lines: Iterator[bytes]) -> None:
        received = []
        for line in lines:
            if line == b".\r\n":
                break
            received.append(line[1:] if line.startswith(b"..") else line)
        else:
            raise _Over  # the line ended before the mail did
        if self.takes_before_answering:
            self.mails.append(b"".join(received))
            self._answer(connection, "body")
        elif self._answer(connection, "body").startswith("250"):
            self.mails.append(b"".join(received))

    def _answer(self, connection: socket.socket, stage: str) -> str:
        with self._lock:
            queue = self.replies.get(stage, ["500 what?"])
            reply = queue.pop(0) if len(queue) > 1 else queue[0]
            self.stages.append(stage)
        if reply == STALL:
            self._closing.wait(10)
        if reply == HALF_CLOSE:
            connection.shutdown(socket.SHUT_WR)
            with suppress(OSError):
                connection.recv(100)
        if reply == RESET:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if reply in {STALL, HALF_CLOSE, RESET, CLOSE}:
            connection.close()
            raise _Over
        if reply:
            connection.sendall(reply.encode() + b"\r\n")
        if reply.startswith("421"):
            raise _Over
        return reply


@contextmanager
def scripted(**replies: str | list[str]) -> Iterator[ScriptedServer]:
    """Yield a server that is closed at the end."""
    server = ScriptedServer(**replies)
    try:
        yield server
    finally:
        server.close()
