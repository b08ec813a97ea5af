"""An IMAP server (RFC 3501) that does what a real one cannot be made to: it stalls, or refuses.

As much of the protocol as reading a mailbox takes. Whatever Dovecot can show is tested on Dovecot.
"""

import re
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Message:
    """A mail in the folder."""

    octets: bytes
    flags: set[str] = field(default_factory=set)


class ImapServer(socketserver.ThreadingTCPServer):
    """The server; `mails` are by uid."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), TalkRequest)
        self.mails: dict[int, Message] = {}
        self.trouble: dict[str, str] = {}  # command -> stall or no

    @property
    def url(self) -> str:
        """What MAIL_INBOX_URL says."""
        return (
            f"imap://rebotes%40norte.example:s%C3%A9samo@127.0.0.1:{self.server_address[1]}/INBOX"
        )

    def put(self, *mails: bytes) -> None:
        """Add mails to the folder."""
        for octets in mails:
            self.mails[len(self.mails) + 1] = Message(octets)


class TalkRequest(socketserver.StreamRequestHandler):
    """One client's conversation."""

    server: ImapServer

    def handle(self) -> None:
        if self.server.trouble.get("greeting") == "stall":
            time.sleep(3)
            return
        self.say("* OK IMAP4rev1 ready")
        while line := self.rfile.readline():
            tag, _, rest = line.decode().strip().partition(" ")
            if not self.answer(tag, rest):
                return

    def say(self, line: str, octets: bytes = b"") -> None:
        self.wfile.write(line.encode() + octets + b"\r\n")

    def answer(self, tag: str, rest: str) -> bool:
        name = re.match(r"(?:UID )?\w+", rest.upper())[0]
        trouble = self.server.trouble.get(name)
        if trouble == "stall":
            time.sleep(3)
            return False
        if trouble == "no":
            self.say(f"{tag} NO not now")
            return True
        method = getattr(self, "on_" + name.lower().replace(" ", "_"), None)
        if method is None:
            self.say(f"{tag} BAD {name}")
        else:
            method(tag, rest)
            self.say(f"{tag} OK {name} done")
        return name != "LOGOUT"

    def on_capability(self, tag: str, rest: str) -> None:
        self.say("* CAPABILITY IMAP4rev1 AUTH=PLAIN")

    def on_authenticate(self, tag: str, rest: str) -> None:
        self.say("+ ")
        self.rfile.readline()

    def on_login(self, tag: str, rest: str) -> None:
        pass

    def on_select(self, tag: str, rest: str) -> None:
        self.say(f"* {len(self.server.mails)} EXISTS")
        self.say("* OK [UIDVALIDITY 1] UIDs valid")

    def on_uid_search(self, tag: str, rest: str) -> None:
        unseen = [str(uid) for uid, mail in self.server.mails.items() if "\\Seen" not in mail.flags]
        self.say(" ".join(["* SEARCH", *unseen]))

    def on_uid_fetch(self, tag: str, rest: str) -> None:
        uid, start, count = map(
            int, re.match(r".*?(\d+) \(BODY\.PEEK\[\]<(\d+)\.(\d+)>", rest).groups()
        )
        octets = self.server.mails[uid].octets[start : start + count]
        self.wfile.write(f"* {uid} FETCH (UID {uid} BODY[]<0> {{{len(octets)}}}\r\n".encode())
        self.wfile.write(octets + b")\r\n")

    def on_uid_store(self, tag: str, rest: str) -> None:
        uid = int(rest.split()[2])
        self.server.mails[uid].flags.add("\\Seen")

    def on_logout(self, tag: str, rest: str) -> None:
        self.say("* BYE")


@contextmanager
def imap() -> Iterator[ImapServer]:
    """Yield a running server."""
    with ImapServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
