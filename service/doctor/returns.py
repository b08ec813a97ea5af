"""Read the test mail back, from the mail catcher or from the mailbox of the bounce address."""

import http.client
import imaplib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes
from email.message import Message
from ipaddress import ip_address
from urllib.parse import quote

from imap_tools import AND, BaseMailBox, H, ImapToolsError

from service.doctor import https
from service.doctor.moments import moment_of
from service.doctor.names import Address
from service.mail.inbound import mailbox

PAUSE = 0.3  # seconds between two looks
_CAUGHT = re.compile(r"/mails/([0-9T]+-[0-9a-f]+)\b")
_IN_BRACKETS = re.compile(r"\[(?:IPv6:)?([0-9a-fA-F.:]+)\]")


@dataclass(frozen=True, slots=True)
class Returned:
    """The test mail as it arrived. `is_caught`: by the mail catcher, which sends nothing on."""

    octets: bytes
    is_caught: bool

    @property
    def mail(self) -> Message:
        """The mail, parsed."""
        return message_from_bytes(self.octets)

    @property
    def came_from(self) -> Address | None:
        """The public address that handed it in last, as the server that took it wrote down."""
        for line in self.mail.get_all("Received", []):
            for text in _IN_BRACKETS.findall(str(line).partition(" by ")[0]):
                try:
                    address = ip_address(text)
                except ValueError:
                    continue
                if address.is_global:
                    return address
        return None

    @property
    def received_at(self) -> datetime | None:
        """When the last server took it, by that server's clock."""
        return moment_of(str(self.mail["Received"]).rpartition(";")[2])


class Unread(Exception):
    """The place where mails are read gave no answer; the message is its own."""


def from_catcher(url: str, mark: str, seconds: float) -> Returned | None:
    """Return the mail with `mark` in its subject; None when it does not come. Raises Unread."""

    def look() -> bytes | None:
        found = _CAUGHT.search(https.get(f"{url}/?q={quote(mark)}", 2).body.decode())
        return https.get(f"{url}/mails/{found[1]}.eml", 2).body if found else None

    try:
        octets = _when_there(look, seconds)
    except (OSError, http.client.HTTPException) as error:
        raise Unread(str(error)) from error
    return Returned(octets, is_caught=True) if octets else None


def from_mailbox(url: str, message_id: str, seconds: float) -> Returned | None:
    """Return the mail, taken out of the mailbox; None when it does not come. Raises Unread."""
    try:
        with mailbox.logged_in(url) as box:
            octets = _when_there(lambda: _taken_out(box, message_id), seconds)
    except (OSError, ImapToolsError, imaplib.IMAP4.error, mailbox.InboxAway) as error:
        raise Unread(" ".join(str(error).split())[:300]) from error
    return Returned(octets, is_caught=False) if octets else None


def _taken_out(box: BaseMailBox, message_id: str) -> bytes | None:
    """Return the mail with this Message-ID and delete it, so that nobody takes it for an answer."""
    box.client.noop()  # makes the server look for new mail
    uids = box.uids(AND(header=H("Message-ID", message_id)))
    if not uids:
        return None
    _, data = box.client.uid("fetch", uids[0], "(BODY.PEEK[])")
    octets: bytes | None = next((part[1] for part in data if isinstance(part, tuple)), None)
    box.delete(uids)
    return octets


def _when_there(look: Callable[[], bytes | None], seconds: float) -> bytes | None:
    """Look until something is there, for `seconds` at most."""
    ends = time.monotonic() + seconds
    while (found := look()) is None and time.monotonic() < ends:
        time.sleep(PAUSE)
    return found
