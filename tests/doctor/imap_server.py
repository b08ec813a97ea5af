"""An IMAP server on loopback with one mailbox: as much of RFC 3501 as the doctor speaks."""

import re
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Mailroom:
    """The mails in INBOX by their uid; `login` is the only one that is let in."""

    def __init__(self, login: tuple[str, str]) -> None:
        self.login = login
        self.mails: dict[int, bytes] = {}
        self.port = 0
        self.logins = 0
        self._last = 0

    def put(self, octets: bytes) -> None:
        """Deliver a mail."""
        self._last += 1
        self.mails[self._last] = octets


class _Dialogue(socketserver.StreamRequestHandler):
    timeout = 10

    def say(self, line: str) -> None:
        self.wfile.write(line.encode() + b"\r\n")

    def handle(self) -> None:
        self.say("* OK ready")
        for line in self.rfile:
            tag, _, command = line.decode().strip().partition(" ")
            verb, _, rest = command.partition(" ")
            if verb.upper() == "UID":
                verb, _, rest = rest.partition(" ")
            act = getattr(self, f"do_{verb.lower()}", None)
            result = act(rest) if act else "BAD what?"
            self.say(f"{tag} {result or 'OK done'}")
            if verb.upper() == "LOGOUT":
                return

    def do_capability(self, _rest: str) -> None:
        self.say("* CAPABILITY IMAP4rev1")

    def do_noop(self, _rest: str) -> None:
        pass

    def do_logout(self, _rest: str) -> None:
        self.say("* BYE see you")

    def do_login(self, rest: str) -> str | None:
        user, _, password = rest.partition(" ")
        given = (user.strip('"'), password.strip('"'))
        self.room.logins += 1
        return None if given == self.room.login else "NO wrong login"

    def do_select(self, rest: str) -> str | None:
        if rest.strip('"') != "INBOX":
            return "NO such mailbox"
        self.say(f"* {len(self.room.mails)} EXISTS")
        return "OK [READ-WRITE] selected"

    def do_search(self, rest: str) -> None:
        wanted = re.search(r'HEADER "?Message-ID"? "([^"]*)"', rest, re.IGNORECASE)[1].encode()
        found = [str(uid) for uid, octets in self.room.mails.items() if wanted in octets]
        self.say(" ".join(["* SEARCH", *found]))

    def do_fetch(self, rest: str) -> None:
        uid = int(rest.split()[0])
        octets = self.room.mails[uid]
        self.say(f"* 1 FETCH (UID {uid} BODY[] {{{len(octets)}}}")
        self.wfile.write(octets + b")\r\n")

    def do_store(self, rest: str) -> None:
        self.server.deleted = int(rest.split()[0])

    def do_expunge(self, _rest: str) -> None:
        self.room.mails.pop(self.server.deleted, None)
        self.say("* 1 EXPUNGE")

    @property
    def room(self) -> Mailroom:
        return self.server.room


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    room: Mailroom
    deleted = 0


@contextmanager
def imap_server(context: ssl.SSLContext | None = None) -> Iterator[Mailroom]:
    """Yield the mailbox of a server that is closed at the end; with `context` it speaks TLS."""
    room = Mailroom(("bounces", "secret"))
    with _Server(("127.0.0.1", 0), _Dialogue) as server:
        server.room, room.port = room, server.server_address[1]
        server.handle_error = lambda *_: None  # who does not like the certificate hangs up
        if context:
            server.socket = context.wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield room
        finally:
            server.shutdown()
            thread.join(5)
