"""gunicorn's threads, which get only requests that have arrived: no slow client holds one.

gunicorn's own worker reads heads and bodies in its threads, so that as many clients as there are
threads stop it by sending a byte a second (its documentation asks for a buffering proxy). Here its
event loop does all the reading. A thread gets a request when its head and up to SMALL bytes of body
are there. A larger body is only fetched, into a temporary file, when the service asks for it: the
thread is given back meanwhile, and the request begins anew when the body is complete. So a body
that is refused is never read.
"""

import io
import re
import resource
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ
from tempfile import TemporaryFile
from typing import IO, Any

from gunicorn.config import Config
from gunicorn.errors import ConfigError
from gunicorn.http.parser import RequestParser
from gunicorn.util import write_error
from gunicorn.workers.gthread import TConn, ThreadWorker

LARGEST_HEAD = 64 * 1024
SMALL = 64 * 1024  # bytes of body that are kept in memory and waited for without asking
ROOM_FOR_FILES = 256 * 1024 * 1024  # for all bodies that are being fetched; the oldest gives way
SECONDS_FOR_HEAD = 10.0
SECONDS_FOR_BODY = 20.0  # and one more for each SLOWEST bytes
SLOWEST = 16 * 1024
SECONDS_TO_SEND = 60.0  # for each part of an answer
SECONDS_TO_CLOSE = 2.0  # for the last bytes of the client, which would otherwise lose the answer
SECONDS_AFTER_STOP = 2.0  # for a request on a connection that was kept open
SEND_BUFFER = 512 * 1024  # so that a page leaves its thread also when its client does not read

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,15})[ \t]*\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)
_CHUNK = re.compile(rb"([0-9a-f]{1,15})[ \t]*(?:;.*)?", re.IGNORECASE)
_EXPECTS = re.compile(rb"\r\nexpect:[ \t]*100-continue[ \t]*\r\n", re.IGNORECASE)
_GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"


class BodyWanted(BaseException):
    """The service reads a body that has not been fetched; no `except Exception` may keep it."""


class Refused(Exception):
    """A request that no thread is to see; the arguments are status and reason."""


class Connection(TConn):
    """A connection: what has arrived on it, and until when the rest may take."""

    def __init__(self, *words: Any) -> None:
        super().__init__(*words)
        self.data_ready = True  # gunicorn need not wait for it in a thread
        self.received = bytearray()  # of this request and those behind it
        self.deadline = 0.0
        self.is_closing = False
        self.request: IO[bytes] = io.BytesIO()  # what threads read
        self.begin()

    def begin(self) -> None:
        """Begin with the next request."""
        self.request.close()
        self.request = io.BytesIO()
        self.size: int | None = None  # of head and body; None while nobody can tell
        self.head_size = 0
        self.chunk_at = 0
        self.missing = 0
        self.is_in_file = False

    def close(self, graceful: bool = False) -> None:
        """Close it, and the file of its body."""
        self.request.close()
        super().close(graceful)

    def init(self) -> None:
        """Give the thread a parser that reads what has arrived."""
        self.request.seek(0)
        self.parser = RequestParser(self.cfg, self, self.client)

    def recv(self, size: int) -> bytes:
        """Return bytes of the request, as a socket would; raises BodyWanted at a gap."""
        data = self.request.read(size)
        if not data and self.missing:
            raise BodyWanted
        return data

    def take(self, data: bytes) -> bool:
        """Take what has arrived; return whether a thread can have it. Raises Refused."""
        if self.is_in_file:
            self.request.write(data[: self.missing])
            self.received += data[self.missing :]
            self.missing -= min(len(data), self.missing)
            return not self.missing
        self.received += data
        return self.is_ready()

    def is_ready(self) -> bool:
        """Return whether a request is there as far as a thread needs it. Raises Refused."""
        if not self.head_size and not self._find_head():
            return False
        if self.size is None and not self._find_end_of_chunks():
            return False
        size = self.size or 0
        if len(self.received) < size <= self.head_size + SMALL:
            return False
        self.request = io.BytesIO(self.received[:size])
        self.missing = max(0, size - len(self.received))
        del self.received[:size]
        return True

    def _find_head(self) -> bool:
        end = self.received.find(b"\r\n\r\n")
        if end < 0 and len(self.received) <= LARGEST_HEAD:
            return False
        if not 0 <= end <= LARGEST_HEAD:
            raise Refused(431, "Request Header Fields Too Large")
        self.head_size = end + 4
        head = bytes(self.received[: end + 2])
        lengths = _LENGTH.findall(head)
        body = int(lengths[0]) if lengths else 0
        is_chunked = bool(_CHUNKED.search(head))
        self.size = None if is_chunked else self.head_size + body
        self.chunk_at = self.head_size
        self.deadline = time.monotonic() + SECONDS_FOR_BODY
        if (is_chunked or body <= SMALL) and _EXPECTS.search(head):
            self.go_on()
        return True

    def _find_end_of_chunks(self) -> bool:
        """Find the end of a chunked body (RFC 9112, section 7.1). Raises Refused."""
        while (line_end := self.received.find(b"\r\n", self.chunk_at)) >= 0:
            line = _CHUNK.fullmatch(self.received, self.chunk_at, line_end)
            if not line:
                self.size = len(self.received)  # gunicorn says what is wrong with it
                return True
            length = int(line[1], 16)
            if not length:
                end = self.received.find(b"\r\n\r\n", line_end)
                self.size = end + 4 if end >= 0 else None
                break
            self.chunk_at = line_end + 2 + length + 2
        if self.size is None and len(self.received) > self.head_size + SMALL:
            raise Refused(411, "Length Required")
        return self.size is not None

    def fetch(self) -> bool:
        """Fetch the rest of the body into a file; return that no thread can have it yet."""
        body = self.missing
        head, self.request = self.request, TemporaryFile()  # noqa: SIM115 - close() closes it
        head.seek(0)
        self.request.write(head.read())
        self.is_in_file = True
        self.deadline = time.monotonic() + SECONDS_FOR_BODY + body / SLOWEST
        head.seek(0)
        if _EXPECTS.search(head.read(self.head_size)):
            self.go_on()
        return False

    def go_on(self) -> None:
        """Tell a client that waits for it to send the body."""
        with suppress(OSError):
            self.sock.send(_GO_ON)

    def refuse(self, status: int, reason: str) -> None:
        """Answer without a thread."""
        with suppress(OSError):
            write_error(self.sock, status, reason, reason)


class BufferingWorker(ThreadWorker):
    """A worker whose loop reads requests, and whose threads answer them."""

    def __init__(self, *words: Any) -> None:
        super().__init__(*words)
        # A connection may have a file of its body; a third is left for all else that is opened.
        files, _most = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.worker_connections = min(self.cfg.worker_connections, files // 3)
        self.waiting: dict[Connection, None] = {}  # in the loop, those that wait longest first
        self.looked_at = 0.0

    @classmethod
    def check_config(cls, cfg: Config, log: Any) -> None:
        """Refuse settings that this worker does not know; raises ConfigError."""
        super().check_config(cfg, log)
        if cfg.is_ssl:
            raise ConfigError("TLS is for the proxy in front: this worker does not speak it")

    def accept(self, listener: socket.socket) -> None:
        """Accept a connection; when there are too many, the one that has waited longest goes."""
        try:
            client, address = listener.accept()
        except OSError:  # another worker has it, or it is gone
            return
        self.nr_conns += 1
        with suppress(OSError):
            client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        connection = Connection(self.cfg, client, address, listener.getsockname())
        self.wait_for(connection, SECONDS_FOR_HEAD)
        if self.nr_conns >= self.worker_connections:
            self.drop(next(iter(self.waiting)))

    def wait_for(self, connection: Connection, seconds: float) -> None:
        """Have the loop read what comes on a connection."""
        connection.deadline = time.monotonic() + seconds
        self.watch(connection)

    def watch(self, connection: Connection) -> None:
        """Have the loop read what comes until the connection's deadline."""
        connection.sock.setblocking(False)
        self.waiting[connection] = None
        self.poller.register(connection.sock, EVENT_READ, partial(self.on_readable, connection))

    def leave(self, connection: Connection) -> None:
        """Have the loop read no more."""
        del self.waiting[connection]
        with suppress(OSError, KeyError, ValueError):
            self.poller.unregister(connection.sock)

    def drop(self, connection: Connection) -> None:
        """Close a connection that the loop reads."""
        self.leave(connection)
        self.nr_conns -= 1
        connection.close()

    def on_readable(self, connection: Connection, _socket: object) -> None:
        """Read what is there, and give the request to a thread when it has arrived."""
        if connection not in self.waiting:
            return  # dropped since the poller saw it
        try:
            data = connection.sock.recv(256 * 1024)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.drop(connection)
        elif not connection.is_closing:
            was_idle = not connection.received and not connection.is_in_file
            if was_idle:
                connection.deadline = time.monotonic() + SECONDS_FOR_HEAD
            self.look_at(connection, partial(connection.take, data))

    def look_at(self, connection: Connection, is_ready: Callable[[], bool]) -> None:
        """Give the request to a thread if it is ready; answer it here if it is refused."""
        try:
            if is_ready():
                self.leave(connection)
                self.enqueue_req(connection)
        except Refused as refusal:
            self.refuse(connection, *refusal.args)
        except OSError:  # no room for the file of a body
            self.log.exception("A body cannot be kept")
            self.refuse(connection, 503, "Service Unavailable")

    def refuse(self, connection: Connection, status: int, reason: str) -> None:
        """Answer in place of the service, and close."""
        self.leave(connection)
        connection.refuse(status, reason)
        self.linger(connection)

    def handle(self, connection: Connection) -> bool | type[BodyWanted]:
        """Answer a request; return whether the connection goes on, or BodyWanted. In a thread."""
        try:
            keeps: bool = super().handle(connection)
        except BodyWanted:
            return BodyWanted
        return keeps

    def handle_request(self, request: Any, connection: Connection) -> bool:
        """Answer a request; a connection whose body was left unread does not go on. In a thread."""
        request._expected_100_continue = False  # the loop has said it, or nobody wants the body
        if connection.missing:
            request.force_close()
        connection.sock.settimeout(SECONDS_TO_SEND)
        keeps: bool = super().handle_request(request, connection)
        return keeps and not connection.missing

    def finish_request(self, connection: Connection, future: Any) -> None:
        """Go on with a connection that a thread gives back."""
        failed = future.cancelled() or future.exception() is not None
        result = False if failed else future.result()
        if result is BodyWanted:
            self.watch(connection)
            self.look_at(connection, connection.fetch)
        elif result:
            connection.begin()
            seconds = self.cfg.keepalive if self.alive else SECONDS_AFTER_STOP
            self.wait_for(connection, seconds)
            if connection.received:  # the next request came with this one
                self.look_at(connection, connection.is_ready)
        else:
            self.linger(connection)

    def linger(self, connection: Connection) -> None:
        """Close a connection as soon as its client has (RFC 9112, section 9.6)."""
        connection.is_closing = True
        with suppress(OSError):
            connection.sock.shutdown(socket.SHUT_WR)
        self.wait_for(connection, SECONDS_TO_CLOSE)

    def murder_keepalived(self, force: bool = False) -> None:
        """Close the connections whose time or room is over, or all; gunicorn's loop calls it."""
        now = time.monotonic()
        if not force and now < self.looked_at + 0.5:
            return
        self.looked_at = now
        for connection in [each for each in self.waiting if force or each.deadline <= now]:
            if (connection.received or connection.is_in_file) and not connection.is_closing:
                connection.refuse(408, "Request Timeout")
            self.drop(connection)
        files = [each for each in self.waiting if each.is_in_file]
        while sum(each.request.tell() for each in files) > ROOM_FOR_FILES:
            self.drop(files.pop(0))

    def _cap_keepalive(self, deadline: float) -> None:
        """Give those that have sent nothing yet no more than this; gunicorn calls it at a stop."""
        for connection in self.waiting:
            if not connection.received and not connection.is_in_file:
                connection.deadline = min(connection.deadline, deadline)
