"""The mailbox that bounces and replies go to, over IMAP: fetch unread mails, mark them as read.

Fetches no more of a mail than is kept of it, and gives up on a slow server.
"""

import imaplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from imap_tools import BaseMailBox, MailBox, MailBoxStartTls, MailBoxUnencrypted
from imap_tools.errors import ImapToolsError

from service.config import LARGEST_MAIL

TIMEOUT = 5.0  # seconds, for connecting and for each answer
MOST_AT_ONCE = 100
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_BROKEN = (
    ImapToolsError,
    imaplib.IMAP4.error,
    OSError,
    ValueError,
)  # ssl and timeouts are OSErrors


class InboxAway(Exception):
    """The mailbox cannot be read just now; the message is the reason, without personal data."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a mailbox is."""

    host: str
    port: int
    is_tls: bool
    username: str
    password: str
    folder: str

    @classmethod
    def of(cls, url: str) -> "Place":
        """Read ``imaps://user:password@host:port/INBOX``, with percent-encoding where needed."""
        parts = urlsplit(url)
        is_tls = parts.scheme == "imaps"
        return cls(
            parts.hostname or "",
            parts.port or (993 if is_tls else 143),
            is_tls,
            unquote(parts.username or ""),
            unquote(parts.password or ""),
            unquote(parts.path.strip("/")) or "INBOX",
        )


class Inbox:
    """An open mailbox."""

    def __init__(self, box: BaseMailBox) -> None:
        self._box = box

    def unread(self) -> list[str]:
        """Return the ids of unread mails, the oldest first, at most 100; raises InboxAway."""
        with _spoken():
            return self._box.uids("UNSEEN", charset=None)[:MOST_AT_ONCE]

    def fetch(self, uid: str) -> bytes | None:
        """Return the first LARGEST_MAIL octets of a mail, without marking it; raises InboxAway.

        None when the server does not send it: it is gone, or the server cannot read it.
        """
        with _spoken():
            _status, answer = self._box.client.uid("fetch", uid, f"(BODY.PEEK[]<0.{LARGEST_MAIL}>)")
            parts = [part[1] for part in answer or [] if isinstance(part, tuple)]
            return bytes(parts[0]) if parts else None

    def mark(self, uid: str) -> None:
        """Mark a mail as read; raises InboxAway, also when the server refuses."""
        with _spoken():
            status, answer = self._box.client.uid("store", uid, "+FLAGS.SILENT", r"(\Seen)")
            if status != "OK":
                raise imaplib.IMAP4.error(f"not marked as read: {answer}")


@contextmanager
def opened(url: str) -> Iterator[Inbox]:
    """Yield the mailbox at `url`; raises InboxAway."""
    with logged_in(url) as box:
        yield Inbox(box)


@contextmanager
def logged_in(url: str) -> Iterator[BaseMailBox]:
    """Yield a connection that is logged in and has selected the folder; raises InboxAway."""
    place = Place.of(url)
    with _spoken():
        box = _connected(place)
    try:
        with _spoken():
            is_plain = (place.username + place.password).isascii()
            log_in = box.login if is_plain else box.login_utf8
            log_in(place.username, place.password, place.folder)
        yield box
    finally:
        with suppress(*_BROKEN):
            box.logout()
        with suppress(*_BROKEN):
            box.client.shutdown()


def _connected(place: Place) -> BaseMailBox:
    """Connect with verified TLS, or without TLS to this machine only."""
    context = ssl.create_default_context()
    if place.is_tls:
        return MailBox(place.host, place.port, timeout=TIMEOUT, ssl_context=context)
    if place.host in _LOOPBACK:
        return MailBoxUnencrypted(place.host, place.port, timeout=TIMEOUT)
    return MailBoxStartTls(place.host, place.port, timeout=TIMEOUT, ssl_context=context)


@contextmanager
def _spoken() -> Iterator[None]:
    """Raise InboxAway, in one line, for whatever breaks the connection."""
    try:
        yield
    except _BROKEN as error:
        words = str(error).splitlines()
        raise InboxAway(f"{type(error).__name__}: {words[0][:200] if words else ''}") from error
