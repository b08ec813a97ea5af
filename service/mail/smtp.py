"""Flask-Mail, wrapped once: what its Message, Connection and Mail leave open is closed here.

A mail is handed over in stages (MAIL, RCPT, the caller's `before_data`, DATA), so that the caller
can write down the point after which nobody can know. Nothing here touches the database.
"""

import smtplib
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from email.utils import formatdate
from functools import cache
from typing import Any, Self

import flask_mail
from flask import current_app

from service.mail import headers, wire
from service.mail.failures import (
    About,
    LineBroke,
    PermanentRefusal,
    TemporaryRefusal,
    Undecided,
    Unreachable,
)

Address = tuple[str, str]  # (display name, address)

# Codes that speak of the login, whatever the stage: no single mail is to blame (RFC 4954, 6).
AUTH_CODES = frozenset({530, 534, 535, 538})
_NO_SMTPUTF8 = "the part before the @ has letters that this mail server cannot send to (SMTPUTF8)"
_BROKEN = (smtplib.SMTPException, OSError)  # ssl.SSLError and timeouts are OSErrors


class Message(flask_mail.Message):
    """One mail to one person, written as bytes without a MIME tree (that is what costs)."""

    def __init__(
        self,
        *,
        sender: Address,
        to: Address,
        subject: str,
        text: str,
        html: str,
        message_id: str,
        reply_to: Address | None = None,
        extra_headers: Mapping[str, str] | None = None,
        pictures: Sequence[wire.Picture] = (),
    ) -> None:
        super().__init__(
            subject, [to], text, html, sender=sender, extra_headers=dict(extra_headers or {})
        )
        self.from_ = self.sender = sender  # Flask-Mail makes a string of it; a comma breaks that
        self.reply_address = self.reply_to = reply_to
        self.msgId = message_id
        self.to = to
        self.pictures = pictures

    def as_bytes(self) -> bytes:
        """Return the mail as it goes out; raises BadHeader. Text and HTML are quoted-printable."""
        head = [f"{name}: {value}" for name, value in self._head()]
        html = wire.related(wire.part("html", self.html or ""), self.pictures)
        parts = [wire.part("plain", self.body or ""), html]
        cut = f"\r\n--{wire.ALTERNATIVE}".encode()
        body = b"".join(cut + b"\r\n" + part for part in parts) + cut + b"--\r\n"
        return "\r\n".join(head).encode() + b"\r\n" + body

    def _head(self) -> list[tuple[str, str]]:
        date = formatdate(self.date or time.time(), localtime=False)
        lines = [
            ("From", headers.mailbox("From", *self.from_)),
            ("To", headers.mailbox("To", *self.to)),
            ("Subject", headers.text("Subject", self.subject)),
            ("Date", date),
            ("Message-ID", headers.machine("Message-ID", self.msgId)),
        ]
        if self.reply_address:
            lines.append(("Reply-To", headers.mailbox("Reply-To", *self.reply_address)))
        written = {name.lower() for name, _ in lines} | {"mime-version", "content-type"}
        for name, value in (self.extra_headers or {}).items():
            if name.lower() in written or not name.isascii() or not _is_field_name(name):
                raise headers.BadHeader(f"{name!r} cannot be an extra header")
            lines.append((name, headers.machine(name, value)))
        content = f'multipart/alternative; boundary="{wire.ALTERNATIVE}"'
        return [*lines, ("MIME-Version", "1.0"), ("Content-Type", content)]

    def as_string(self) -> str:
        """Return the mail as text."""
        return self.as_bytes().decode()

    def has_bad_headers(self) -> bool:
        """Say whether any header, extra ones and display names included, would be refused."""
        try:
            self._head()
        except headers.BadHeader:
            return True
        return False


def _is_field_name(name: str) -> bool:
    return bool(name) and all(
        33 <= ord(character) <= 126 and character != ":" for character in name
    )


class Connection(flask_mail.Connection):
    """A conversation with the server: verified TLS, a timeout on every command, typed failures."""

    host: smtplib.SMTP | None

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def is_open(self) -> bool:
        """Whether another mail can be handed over without connecting anew."""
        return self.host is not None and self.host.sock is not None

    def open(self) -> None:
        """Connect, anew when a line is still there; raises Unreachable."""
        self.close()
        self.host = self.configure_host()

    def close(self) -> None:
        """Say goodbye. What goes wrong here changes nothing about the mails handed over before."""
        if self.host is not None:
            with suppress(*_BROKEN):
                self.host.quit()
            self._drop()

    def _drop(self) -> None:
        host, self.host = self.host, None
        if host is not None:
            host.close()

    def configure_host(self) -> smtplib.SMTP:
        """Return a conversation past TLS and login; raises Unreachable."""
        host: smtplib.SMTP | None = None
        try:
            host = self._connected()
            if self.mail.use_tls and not self.mail.use_ssl:
                host.starttls(context=ssl.create_default_context())
            host.ehlo_or_helo_if_needed()
            if self.mail.username and self.mail.password:
                host.login(self.mail.username, self.mail.password)
        except _BROKEN as error:
            if host is not None:
                host.close()
            raise _unreachable(error) from error
        return host

    def _connected(self) -> smtplib.SMTP:
        # smtplib.SMTP(host) would connect at once; the name for EHLO is looked up only once.
        place = (self.mail.server, self.mail.port or 0)
        if self.mail.use_ssl:
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(*place, _own_name(), timeout=self.mail.timeout, context=context)
        return smtplib.SMTP(*place, _own_name(), timeout=self.mail.timeout)

    def hand_over(
        self,
        mail: bytes,
        sender: str,
        recipients: Sequence[str],
        before_data: Callable[[], None] = lambda: None,
    ) -> str:
        """Hand `mail` over and return the server's words; `sender` may be empty (bounces to none).

        It goes to all recipients or, when one is refused, to none. `before_data` runs when the
        envelope is accepted: raising there takes everything back. Raises Refusal, Unreachable
        (nothing has left) or Undecided (the mail may have been taken).
        """
        if self.host is None:
            raise Unreachable("not connected")
        self._send_envelope(self.host, sender, recipients)
        try:
            before_data()
        except BaseException:
            self._reset()
            raise
        return self._send_data(self.host, mail)

    def _send_envelope(self, host: smtplib.SMTP, sender: str, recipients: Sequence[str]) -> None:
        sender = headers.wire_address(sender) if sender else ""
        wired = [headers.wire_address(recipient) for recipient in recipients]
        options = []
        if not all(address.isascii() for address in (sender, *wired)):
            if not host.has_extn("smtputf8"):
                raise PermanentRefusal(_NO_SMTPUTF8, None, About.recipient)
            options = ["SMTPUTF8", "BODY=8BITMIME"]
        try:
            self._accepted(host.mail(sender, options), About.sender)
            for recipient in wired:
                self._accepted(host.rcpt(recipient), About.recipient)
        except _BROKEN as error:
            self._drop()
            raise _broken(error) from error

    def _send_data(self, host: smtplib.SMTP, mail: bytes) -> str:
        try:
            host.putcmd("data")
            self._accepted(host.getreply(), About.message, expected=3)
        except _BROKEN as error:
            self._drop()
            raise _broken(error) from error  # not one byte of the mail has left
        try:
            host.send(wire.dotted(mail))
            reply = host.getreply()
        except _BROKEN as error:
            self._drop()
            raise Undecided(wire.said(error)) from error
        if reply[0] // 100 not in {2, 4, 5}:
            self._drop()
            raise Undecided(f"the server answered {reply[0]} {wire.words(reply[1])}")
        return self._accepted(reply, About.message)

    def _accepted(self, reply: tuple[int, bytes], about: About, expected: int = 2) -> str:
        code, words = reply[0], wire.words(reply[1])
        if code // 100 == expected:
            return f"{code} {words}"
        if code in AUTH_CODES or code // 100 not in {4, 5}:
            self._drop()
            raise (Unreachable if code in AUTH_CODES else LineBroke)(words, code)
        if code == 421:  # "closing the channel" (RFC 5321, 3.8)
            self._drop()
        else:
            self._reset()
        refusal = TemporaryRefusal if code < 500 else PermanentRefusal
        raise refusal(words, code, about)

    def _reset(self) -> None:
        try:
            if self.host is not None:
                self.host.rset()
        except _BROKEN:
            self._drop()

    def send(self, message: flask_mail.Message, envelope_from: str | Address | None = None) -> None:
        """Hand one of our messages over, for callers of Flask-Mail's own interface."""
        if not isinstance(message, Message):
            raise TypeError("only service.mail.smtp.Message is safe to send")
        sender = envelope_from if envelope_from is not None else message.from_
        address = sender if isinstance(sender, str) else sender[1]
        self.hand_over(message.as_bytes(), address, [message.to[1]])


def _unreachable(error: Exception) -> Unreachable:
    return Unreachable(wire.said(error), _code_of(error))


def _broken(error: Exception) -> LineBroke:
    return LineBroke(wire.said(error), _code_of(error))


def _code_of(error: Exception) -> int | None:
    code = error.smtp_code if isinstance(error, smtplib.SMTPResponseException) else 0
    return code if code > 0 else None


@cache
def _own_name() -> str:
    """Return the name for EHLO. Looking it up can take seconds, so it is done once."""
    return socket.getfqdn()


class State(flask_mail._Mail):
    """Flask-Mail's settings, and the timeout it lacks (seconds: to connect, and each command)."""

    timeout: float


class Mail(flask_mail.Mail):
    """Flask-Mail's extension with our connection. It sends in tests, too, and never prints."""

    def init_mail(
        self, config: dict[str, Any], debug: bool | int = False, testing: bool = False
    ) -> State:
        """Read MAIL_* and MAIL_TIMEOUT. Debug output stays off: it shows passwords and people."""
        state = State(**vars(super().init_mail(config, debug=False, testing=False)))
        state.timeout = float(config.get("MAIL_TIMEOUT", 30))
        return state

    def connect(self) -> Connection:
        """Return a connection to the server of the running app, to be opened by ``with``."""
        return Connection(current_app.extensions["mail"])


mail = Mail()
