"""The one place that knows Flask-Mail: its Message, Connection and Mail, made safe.

Flask-Mail has no timeouts, verifies no certificate and encodes long headers; so the bytes of a mail
come from rendering.messages, and the session from session.py. Asks no database.
"""

import smtplib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import flask_mail
from flask import current_app

from service.mail.delivery.session import (
    Envelope,
    Meanwhile,
    SmtpSession,
    Unreachable,
    connect,
    nothing_to_do,
)
from service.mail.rendering import headers, messages
from service.mail.rendering.messages import Address


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
        pictures: Sequence[messages.Picture] = (),
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
        """Return whether any header, extra ones and display names included, would be refused."""
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
        """End the session with QUIT, if one is open."""
        session, self.session = self.session, None
        if session is not None:
            session.quit()

    def drop(self) -> None:
        """End the session without QUIT: a mail was announced on it that is not to leave."""
        if self.session is not None:
            self.session.drop()

    def configure_host(self) -> smtplib.SMTP:
        """Connect, negotiate TLS and log in; raises Unreachable."""
        return connect(self.mail)

    def hand_over(
        self,
        mail: bytes,
        envelope: Envelope,
        before_it_leaves: Callable[[], None] = lambda: None,
    ) -> str:
        """Hand one mail over and return the server's answer.

        `before_it_leaves` runs when the server has answered 354 to DATA: when it raises, the
        session ends and nothing of the mail is sent. Raises Refusal, Unreachable (nothing has left)
        or Undecided.
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
            raise TypeError("only service.mail.delivery.flask_mail.Message is safe to send")
        sender = envelope_from if envelope_from is not None else message.from_
        address = sender if isinstance(sender, str) else sender[1]
        self.hand_over(message.as_bytes(), Envelope(address, message.to[1]))


class State(flask_mail._Mail):
    """Flask-Mail's settings (a private class of it), and the timeout in seconds that it lacks."""

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
