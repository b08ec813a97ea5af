"""Octets as SMTP and MIME want them, and a server's replies as a person can read them."""

import base64
import quopri
import smtplib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

CRLF = b"\r\n"

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
    """Text that is quoted-printable already: ASCII, lines of at most 76 octets."""

    __slots__ = ()


def encoded(content: str) -> Encoded:
    """Return `content` in quoted-printable (RFC 2045, 6.7)."""
    lines = "\n".join(content.splitlines(keepends=False))
    if content.endswith("\n"):
        lines += "\n"
    octets = quopri.encodestring(lines.encode("utf-8", "replace"))
    return Encoded(octets.replace(b"\n", CRLF).decode("ascii"))


def decoded(content: Encoded) -> str:
    """Return what quoted-printable text says."""
    return quopri.decodestring(content.encode("ascii")).decode().replace("\r\n", "\n")


def joined(pieces: Iterable[str]) -> Encoded:
    """Return encoded pieces as one; a soft line break stands where two meet on a line."""
    whole = "=\r\n".join(pieces)
    return Encoded(whole.replace("\r\n=\r\n", "\r\n"))


def part(subtype: str, content: str) -> bytes:
    """Return a text part in quoted-printable: no line over 76 octets, nothing but ASCII."""
    head = f'Content-Type: text/{subtype}; charset="utf-8"\r\n'
    head += "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    ready = content if isinstance(content, Encoded) else encoded(content)
    return (head + ready).encode("ascii")


def related(html: bytes, pictures: Sequence[Picture]) -> bytes:
    """Return the HTML part with the pictures that it shows (RFC 2387); alone when it shows none."""
    if not pictures:
        return html
    head = f'Content-Type: multipart/related; type="text/html"; boundary="{RELATED}"\r\n'
    cut = f"\r\n--{RELATED}".encode()
    parts = [html, *map(_picture, pictures)]
    return head.encode() + b"".join(cut + CRLF + part for part in parts) + cut + b"--\r\n"


def _picture(picture: Picture) -> bytes:
    head = f"Content-Type: {picture.media_type}\r\nContent-Transfer-Encoding: base64\r\n"
    head += f"Content-ID: <{picture.content_id}>\r\nContent-Disposition: inline\r\n\r\n"
    return head.encode() + base64.encodebytes(picture.octets).replace(b"\n", CRLF)


def dotted(mail: bytes) -> bytes:
    """Return the DATA of `mail`: leading dots doubled, the lone dot behind (RFC 5321, 4.5.2)."""
    end = b".\r\n" if mail.endswith(CRLF) else b"\r\n.\r\n"
    doubled = mail.replace(b"\r\n.", b"\r\n..") if b"\r\n." in mail else mail
    return (b"." if doubled.startswith(b".") else b"") + doubled + end


def words(reply: bytes | str) -> str:
    """Return a reply as one readable line of bounded length."""
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:500]


def said(error: Exception) -> str:
    """Return what `error` says, in the server's words where it has any."""
    if isinstance(error, smtplib.SMTPResponseException):
        return words(error.smtp_error)
    return words(str(error)) or type(error).__name__
