"""Caught mails: one .eml file each, kept as received. Writes, lists and reads them."""

import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import lru_cache
from pathlib import Path

NAME = re.compile(r"\d{8}T\d{12}-[0-9a-f]{8}")


@dataclass(frozen=True, slots=True)
class CaughtMail:
    """A mail as a person looks at it. `name` is its file's, without the ending."""

    name: str
    caught_at: datetime
    sender: str
    recipient: str
    subject: str
    text: str
    html: str | None
    headers: tuple[tuple[str, str], ...]

    def speaks_of(self, words: str) -> bool:
        """Say whether every word is somewhere in it, case aside."""
        everything = "\n".join((self.sender, self.recipient, self.subject, self.text)).casefold()
        return all(word in everything for word in words.casefold().split())


class Mails:
    """The directory they are in."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    def keep(self, mail_from: str, rcpt_tos: list[str], content: bytes) -> str:
        """Write a mail down, with its envelope on top as the last server does (RFC 5321, 4.4)."""
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{secrets.token_hex(4)}"
        envelope = [f"Return-Path: <{mail_from}>", *(f"Delivered-To: {to}" for to in rcpt_tos)]
        unfinished = self.directory / f"{name}.new"
        unfinished.write_bytes("".join(f"{line}\r\n" for line in envelope).encode() + content)
        unfinished.replace(self.directory / f"{name}.eml")
        return name

    def newest_first(self, words: str = "") -> Iterator[CaughtMail]:
        """Yield the mails that speak of `words`."""
        names = sorted((entry.name for entry in os.scandir(self.directory)), reverse=True)
        for file_name in names:
            mail = self.find(file_name.removesuffix(".eml")) if ".eml" in file_name else None
            if mail and mail.speaks_of(words):
                yield mail

    def find(self, name: str) -> CaughtMail | None:
        """Return one mail, None when there is no such file."""
        path = self._path(name)
        return read(path) if path else None

    def source(self, name: str) -> bytes | None:
        """Return one mail's bytes as they came."""
        path = self._path(name)
        return path.read_bytes() if path else None

    def _path(self, name: str) -> Path | None:
        if not NAME.fullmatch(name):
            return None
        path = self.directory / f"{name}.eml"
        return path if path.is_file() else None


@lru_cache(maxsize=2000)  # a mail never changes once it has its name
def read(path: Path) -> CaughtMail:
    """Parse one file; a mail that is badly formed shows what can be made of it."""
    message = message_from_bytes(path.read_bytes(), policy=policy.default)
    caught_at = datetime.strptime(path.name[:21], "%Y%m%dT%H%M%S%f").replace(tzinfo=UTC)
    return CaughtMail(
        name=path.stem,
        caught_at=caught_at,
        sender=header(message, "From"),
        recipient=header(message, "To"),
        subject=header(message, "Subject"),
        text=part(message, "plain") or "",
        html=part(message, "html"),
        headers=tuple((name, str(value)) for name, value in message.items()),
    )


def header(message: EmailMessage, name: str) -> str:
    return str(message.get(name, ""))


def part(message: EmailMessage, kind: str) -> str | None:
    """Return the text of the first part of this kind, None without one."""
    found = message.get_body(preferencelist=(kind,))
    if found is None or found.get_content_type() != f"text/{kind}":
        return None
    content = found.get_payload(decode=True)
    charset = found.get_content_charset("utf-8")
    try:
        return content.decode(charset, "replace") if isinstance(content, bytes) else ""
    except LookupError:
        return content.decode("utf-8", "replace") if isinstance(content, bytes) else ""
