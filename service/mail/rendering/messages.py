"""The bytes of a mail, written without a MIME tree: building one per mail is what costs.

Text and HTML are quoted-printable. Nothing here opens a socket.
"""

import base64
import quopri
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache

from service.mail.rendering import headers

Address = tuple[str, str]  # (display name, address)
_CONTENT = ("mime-version", "content-type")
_CRLF = b"\r\n"

# No part can contain these: "=_" is not written in quoted-printable nor in base64 (RFC 2045, 6.7).
ALTERNATIVE = "=_either"
RELATED = "=_together"


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that travels inside the mail: no server is asked for it, so nobody is tracked."""

    content_id: str
    media_type: str
    octets: bytes


class Encoded(str):
    """Text in quoted-printable: ASCII, lines of at most 76 octets."""

    __slots__ = ()


def encoded(content: str) -> Encoded:
    """Return `content` in quoted-printable (RFC 2045, 6.7)."""
    lines = "\n".join(content.splitlines(keepends=False))
    if content.endswith("\n"):
        lines += "\n"
    octets = quopri.encodestring(lines.encode("utf-8", "replace"))
    return Encoded(octets.replace(b"\n", _CRLF).decode("ascii"))


def decoded(content: Encoded) -> str:
    """Return the text that is quoted-printable in `content`."""
    return quopri.decodestring(content.encode("ascii")).decode().replace("\r\n", "\n")


def joined(pieces: Iterable[str]) -> Encoded:
    """Return encoded pieces as one, with a soft line break between two that share a line."""
    whole = "=\r\n".join(pieces)
    return Encoded(whole.replace("\r\n=\r\n", "\r\n"))


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
    pictures: Sequence[Picture] = (),
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
    lines.append(f'Content-Type: multipart/alternative; boundary="{ALTERNATIVE}"')
    cut = f"\r\n--{ALTERNATIVE}".encode()
    parts = [_part("plain", text), _related(_part("html", html), pictures)]
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


def _part(subtype: str, content: str) -> bytes:
    """Return a text part in quoted-printable: no line over 76 octets, nothing but ASCII."""
    head = f'Content-Type: text/{subtype}; charset="utf-8"\r\n'
    head += "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    ready = content if isinstance(content, Encoded) else encoded(content)
    return (head + ready).encode("ascii")


def _related(html: bytes, pictures: Sequence[Picture]) -> bytes:
    """Return the HTML part with the pictures that it shows (RFC 2387); alone when it shows none."""
    if not pictures:
        return html
    head = f'Content-Type: multipart/related; type="text/html"; boundary="{RELATED}"\r\n'
    cut = f"\r\n--{RELATED}".encode()
    parts = [html, *map(_picture, pictures)]
    return head.encode() + b"".join(cut + _CRLF + part for part in parts) + cut + b"--\r\n"


def _picture(picture: Picture) -> bytes:
    head = f"Content-Type: {picture.media_type}\r\nContent-Transfer-Encoding: base64\r\n"
    head += f"Content-ID: <{picture.content_id}>\r\nContent-Disposition: inline\r\n\r\n"
    return head.encode() + base64.encodebytes(picture.octets).replace(b"\n", _CRLF)
