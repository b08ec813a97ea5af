"""Flask-Mail, wrapped once: what its Message, Connection and Mail leave open is closed here.

The session itself is in session.py. Nothing here touches the database.
"""

import base64
import smtplib
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Self

import flask_mail
from flask import current_app

from service.mail.delivery.failures import Unreachable
from service.mail.delivery.session import (
    BROKEN,
    Envelope,
    Meanwhile,
    SmtpSession,
    code_of,
    nothing_to_do,
)
from service.mail.rendering import headers, messages, wire
from service.mail.rendering.messages import Address

AUTHENTICATED = 235  # RFC 4954, section 6


class Message(flask_mail.Message):
    """One mail to one person, as Flask-Mail's interface knows it; its bytes are ours."""

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
        replies_also_to: Address | None = None,
    ) -> None:
        super().__init__(
            subject, [to], text, html, sender=sender, extra_headers=dict(extra_headers or {})
        )
        self.from_ = self.sender = sender  # Flask-Mail makes a string of it; a comma breaks that
        self.reply_address = self.reply_to = reply_to
        self.msgId = message_id
        self.to = to
        self.pictures = pictures
        self.replies_also_to = replies_also_to

    def as_bytes(self) -> bytes:
        """Return the mail as it goes out; raises BadHeader."""
        return messages.octets(
            sender=self.from_,
            to=self.to,
            subject=self.subject,
            text=self.body or "",
            html=self.html or "",
            message_id=self.msgId,
            reply_to=self.reply_address,
            extra_headers=self.extra_headers,
            pictures=self.pictures,
            replies_also_to=self.replies_also_to,
            sent_at=self.date,
        )

    def as_string(self) -> str:
        """Return the mail as text."""
        return self.as_bytes().decode()

    def has_bad_headers(self) -> bool:
        """Say whether any header, extra ones and display names included, would be refused."""
        try:
            self.as_bytes()
        except headers.BadHeader:
            return True
        return False


class Connection(flask_mail.Connection):
    """A connection to the server: verified TLS, a timeout on every command, typed failures."""

    session: SmtpSession | None = None
    meanwhile: Meanwhile = staticmethod(nothing_to_do)

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def is_open(self) -> bool:
        """Whether another mail can be handed over without connecting anew."""
        return self.session is not None and self.session.is_open

    def open(self) -> SmtpSession:
        """Connect, closing what is still open; raises Unreachable."""
        self.close()
        self.session = SmtpSession(self.configure_host(), self.meanwhile)
        return self.session

    def close(self) -> None:
        """Say goodbye."""
        session, self.session = self.session, None
        if session is not None:
            session.quit()

    def drop(self) -> None:
        """End the session without QUIT: a mail was announced on it that is not to leave."""
        if self.session is not None:
            self.session.drop()

    def configure_host(self) -> smtplib.SMTP:
        """Connect, negotiate TLS and log in; raises Unreachable."""
        host: smtplib.SMTP | None = None
        try:
            host = self._connected()
            if self.mail.use_tls and not self.mail.use_ssl:
                host.starttls(context=ssl.create_default_context())
            host.ehlo_or_helo_if_needed()
            if self.mail.username and self.mail.password:
                _log_in(host, self.mail.username, self.mail.password)
        except BROKEN as error:
            if host is not None:
                host.close()
            raise Unreachable(wire.said(error), code_of(error)) from error
        return host

    def _connected(self) -> smtplib.SMTP:
        # smtplib.SMTP(host) would connect at once; the name for EHLO is looked up only once.
        place = (self.mail.server, self.mail.port or 0)
        if self.mail.use_ssl:
            context = ssl.create_default_context()
            host: smtplib.SMTP = smtplib.SMTP_SSL(
                *place, _own_name(), timeout=self.mail.timeout, context=context
            )
        else:
            host = smtplib.SMTP(*place, _own_name(), timeout=self.mail.timeout)
        if host.sock is not None:  # or the end of a long mail waits for an acknowledgement
            host.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return host

    def hand_over(
        self,
        mail: bytes,
        envelope: Envelope,
        before_it_leaves: Callable[[], None] = lambda: None,
    ) -> str:
        """Hand one mail over and return the server's words.

        `before_it_leaves` runs when the server has said go: raising there ends the session, and the
        mail stays. Raises Refusal, Unreachable (nothing has left) or Undecided.
        """
        if self.session is None:
            raise Unreachable("not connected")
        self.session.announce(envelope)
        self.session.go()
        try:
            before_it_leaves()
        except BaseException:
            self.session.drop()
            raise
        return self.session.send(mail)

    def send(self, message: flask_mail.Message, envelope_from: str | Address | None = None) -> None:
        """Hand one of our messages over, for callers of Flask-Mail's own interface."""
        if not isinstance(message, Message):
            raise TypeError("only service.mail.delivery.smtp.Message is safe to send")
        sender = envelope_from if envelope_from is not None else message.from_
        address = sender if isinstance(sender, str) else sender[1]
        self.hand_over(message.as_bytes(), Envelope(address, message.to[1]))


def _log_in(host: smtplib.SMTP, username: str, password: str) -> None:
    """Log in; raises smtplib's errors.

    smtplib encodes a login as ASCII and fails on others with a UnicodeError; PLAIN has UTF-8
    (RFC 4616, section 2).
    """
    if (username + password).isascii():
        host.login(username, password)
        return
    if "PLAIN" not in str(host.esmtp_features.get("auth", "")).upper().split():
        raise smtplib.SMTPNotSupportedError(
            "the login has letters that are not ASCII, for which the server has to offer AUTH PLAIN"
        )
    secret = base64.b64encode(f"\0{username}\0{password}".encode()).decode()
    code, words = host.docmd("AUTH", f"PLAIN {secret}")
    if code != AUTHENTICATED:
        raise smtplib.SMTPAuthenticationError(code, words)


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
