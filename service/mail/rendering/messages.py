"""The bytes of a mail, written without a MIME tree: building one per mail is what costs.

Text and HTML are quoted-printable. Nothing here opens a socket.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from email.utils import formatdate
from functools import lru_cache

from service.mail.rendering import headers, wire

Address = tuple[str, str]  # (display name, address)
_CONTENT = ("mime-version", "content-type")


def octets(
    *,
    sender: Address,
    to: Address,
    subject: str,
    text: str,
    html: str,
    message_id: str,
    reply_to: Address | None = None,
    replies_also_to: Address | None = None,
    extra_headers: Mapping[str, str] | None = None,
    pictures: Sequence[wire.Picture] = (),
    sent_at: float | None = None,
) -> bytes:
    """Return a mail as it goes out; raises BadHeader. `sent_at` (Unix time) is now by default."""
    lines = [
        f"From: {headers.mailbox('From', *sender)}",
        f"To: {headers.mailbox('To', *to)}",
        f"Subject: {headers.text('Subject', subject)}",
        f"Date: {formatdate(sent_at or time.time(), localtime=False)}",
        f"Message-ID: {headers.machine('Message-ID', message_id)}",
    ]
    readers = [headers.mailbox("Reply-To", *who) for who in (reply_to, replies_also_to) if who]
    if readers:
        lines.append("Reply-To: " + ",\r\n ".join(readers))
    written = {line.partition(":")[0].lower() for line in lines}
    lines += _extra(extra_headers or {}, written)
    lines.append("MIME-Version: 1.0")
    lines.append(f'Content-Type: multipart/alternative; boundary="{wire.ALTERNATIVE}"')
    cut = f"\r\n--{wire.ALTERNATIVE}".encode()
    parts = [wire.part("plain", text), wire.related(wire.part("html", html), pictures)]
    body = b"".join(cut + b"\r\n" + part for part in parts) + cut + b"--\r\n"
    return "\r\n".join(lines).encode() + b"\r\n" + body


def _extra(extra_headers: Mapping[str, str], written: set[str]) -> Iterator[str]:
    for name, value in extra_headers.items():
        if name.lower() in written or name.lower() in _CONTENT or not _is_field_name(name):
            raise headers.BadHeader(f"{name!r} cannot be an extra header")
        yield f"{name}: {headers.machine(name, value)}"


@lru_cache
def _is_field_name(name: str) -> bool:
    return bool(name) and all(
        33 <= ord(character) <= 126 and character != ":" for character in name
    )
