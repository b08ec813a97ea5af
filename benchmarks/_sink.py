"""A mail server in a separate process that accepts everything at once and keeps almost nothing.

`python -m benchmarks._sink` prints its port. It is one loop over plain sockets, which costs a
fraction of what any sender costs, so it is never the bottleneck; it also reports its CPU time. What
arrives in one read is answered together, after `delay` seconds to imitate a long distance.

Four commands are for the benchmark: XSET takes options as JSON and resets the counts, XSTAT returns
the counts, XLOG the time and Message-ID of each mail, XKEPT the mails kept.
"""

import heapq
import json
import select
import socket
import time
from dataclasses import asdict, dataclass, field
from typing import Any

LARGEST_READ = 256 * 1024
OK = b"250 2.0.0 ok\r\n"
TAKEN = b"250 2.0.0 taken\r\n"
GO_ON = b"354 go on\r\n"
MAILING = frozenset({b"MAIL", b"RCPT", b"DATA", b"RSET"})


@dataclass
class Options:
    """The options that the benchmark sets."""

    delay: float = 0.0  # seconds from each read to its answer
    pipelining: bool = True
    keep: int = 0  # how many of the next mails to keep whole


@dataclass
class Counts:
    """The counts since the options were set."""

    mails: int = 0
    octets: int = 0
    turns: int = 0  # answers to commands of mails that a sender waited for
    first_at: float = 0.0  # seconds since the epoch, like `last_at`
    last_at: float = 0.0
    most_connections: int = 0  # open at the same time
    cpu: float = 0.0  # seconds
    log: list[tuple[float, str]] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)


class Session:
    """The SMTP session of one connection."""

    def __init__(self, sink: "Sink", connection: socket.socket) -> None:
        self.sink = sink
        self.connection = connection
        self.rest = b""
        self.in_mail = False
        self.is_over = False
        self.is_control = False

    def answer(self, octets: bytes) -> tuple[bytes, bool]:
        """Return the answer to the octets of one read, and whether it concerns a mail."""
        rest = self.rest + octets
        replies = []
        about_mail = False
        while rest:
            if self.in_mail:
                end = rest.find(b"\r\n.\r\n")
                if end < 0:
                    break
                self.sink.take(rest[: end + 2])
                rest, self.in_mail, about_mail = rest[end + 5 :], False, True
                replies.append(TAKEN)
                continue
            line, found, after = rest.partition(b"\r\n")
            if not found:
                break
            rest = after
            verb = line[:4].upper()
            about_mail = about_mail or verb in MAILING
            replies.append(OK if verb in {b"MAIL", b"RCPT"} else self.other_command(verb, line))
        self.rest = rest
        return b"".join(replies), about_mail

    def other_command(self, verb: bytes, line: bytes) -> bytes:
        """Return the answer to any command but MAIL and RCPT."""
        if verb == b"DATA":
            self.in_mail = True
            return GO_ON
        if verb == b"QUIT":
            self.is_over = True
            return b"221 2.0.0 bye\r\n"
        if verb == b"EHLO":
            return self.sink.greeting()
        if verb[:1] == b"X":
            self.is_control = True
            return self.sink.controlled(line.decode())
        return OK


class Sink:
    """The server: its loop, its options and its counts."""

    def __init__(self) -> None:
        self.options = Options()
        self.counts = Counts()
        self.started = time.process_time()
        self.server = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.sessions: dict[socket.socket, Session] = {}
        self.later: list[tuple[float, int, Session, bytes]] = []
        self.number = 0

    def run(self) -> None:
        """Serve until the process is ended."""
        while True:
            wait = max(0.0, self.later[0][0] - time.monotonic()) if self.later else None
            # Not epoll: it waits whole milliseconds, too coarse for a delay of twenty.
            for ready in select.select([self.server, *self.sessions], (), (), wait)[0]:
                self.accept() if ready is self.server else self.read(self.sessions[ready])
            while self.later and self.later[0][0] <= time.monotonic():
                _, _, session, reply = heapq.heappop(self.later)
                self.send(session, reply)

    def accept(self) -> None:
        """Open a session."""
        connection, _ = self.server.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        session = self.sessions[connection] = Session(self, connection)
        others = len(self.sessions) - 1  # without the benchmark's own
        self.counts.most_connections = max(self.counts.most_connections, others)
        self.reply(session, b"220 sink.test ESMTP\r\n")

    def read(self, session: Session) -> None:
        """Read what has arrived and answer it."""
        try:
            octets = session.connection.recv(LARGEST_READ)
        except OSError:
            octets = b""
        if not octets:
            self.close(session)
            return
        answer, about_mail = session.answer(octets)
        if answer:
            self.counts.turns += about_mail
            self.reply(session, answer)

    def reply(self, session: Session, octets: bytes) -> None:
        """Send an answer now, or after the delay."""
        if self.options.delay and not session.is_control:
            self.number += 1
            due = time.monotonic() + self.options.delay
            heapq.heappush(self.later, (due, self.number, session, octets))
        else:
            self.send(session, octets)

    def send(self, session: Session, octets: bytes) -> None:
        """Send octets, and close a session that is over."""
        try:
            session.connection.sendall(octets)
        except OSError:
            session.is_over = True
        if session.is_over:
            self.close(session)

    def close(self, session: Session) -> None:
        """Close a session."""
        self.sessions.pop(session.connection, None)
        session.connection.close()

    def take(self, mail: bytes) -> None:
        """Count an accepted mail."""
        moment = time.time()
        counts = self.counts
        counts.first_at = counts.first_at or moment
        counts.last_at = moment
        counts.mails += 1
        counts.octets += len(mail)
        begins = mail.find(b"\r\nMessage-ID: ") + 14
        counts.log.append((moment, mail[begins : mail.find(b"\r\n", begins)].decode("latin-1")))
        if len(counts.kept) < self.options.keep:
            counts.kept.append(mail.replace(b"\r\n..", b"\r\n.").decode("latin-1"))

    def greeting(self) -> bytes:
        """Return the answer to EHLO."""
        offers = ["sink.test", "SIZE 52428800", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"]
        if self.options.pipelining:
            offers.append("PIPELINING")
        return b"".join(f"250-{offer}\r\n".encode() for offer in offers) + b"250 HELP\r\n"

    def controlled(self, line: str) -> bytes:
        """Return the answer to one of the benchmark's commands, a line of JSON."""
        verb, _, value = line.partition(" ")
        answer: Any = None
        if verb == "XSET":
            self.options, self.counts = Options(**json.loads(value)), Counts()
            self.started = time.process_time()
        elif verb == "XSTAT":
            self.counts.cpu = time.process_time() - self.started
            fields = {**vars(self.counts), "log": [], "kept": []}
            answer = asdict(Counts(**fields))
        elif verb == "XLOG":
            answer = self.counts.log
        elif verb == "XKEPT":
            answer = self.counts.kept
        return json.dumps(answer).encode() + b"\r\n"


if __name__ == "__main__":
    sink = Sink()
    print(sink.server.getsockname()[1], flush=True)
    sink.run()
