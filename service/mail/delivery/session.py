"""Connect to the SMTP server and hand mails over, in few round trips. Asks no database.

An envelope is announced (MAIL, RCPT, DATA) and the server accepts or refuses it; only then the mail
leaves. Where PIPELINING is offered (RFC 2920) the next envelope is written along with it, so that a
mail costs one round trip there and four elsewhere. In both cases the caller can record the moment
after which nobody can know: between the server's 354 and the first byte of the mail.
"""

import base64
import select
import smtplib
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Protocol

from service.mail.rendering import headers

AUTHENTICATED = 235  # RFC 4954, section 6
# Codes that speak of the login, whatever the stage: no single mail is to blame (RFC 4954, 6).
AUTH_CODES = frozenset({530, 534, 535, 538})
BROKEN = (smtplib.SMTPException, OSError)  # ssl.SSLError and timeouts are OSErrors
CRLF = b"\r\n"
_NO_SMTPUTF8 = "the part before the @ has letters that this mail server cannot send to (SMTPUTF8)"

Reply = tuple[int, bytes]
Meanwhile = Callable[[], bool]  # does one small step, never raises; False when there is none


def nothing_to_do() -> bool:
    """Return False: there is nothing to do while the server thinks."""
    return False


class About(StrEnum):
    """What a server refused."""

    sender = "sender"
    recipient = "recipient"
    message = "message"


STAGES = (About.sender, About.recipient, About.message)  # what MAIL, RCPT and DATA are about


class NotHandedOver(Exception):
    """The server did not take a mail, or may have. `words` is its answer, or our description."""

    def __init__(self, words: str, code: int | None = None) -> None:
        super().__init__(f"{code} {words}" if code else words)
        self.words = str(self)
        self.code = code


class Unreachable(NotHandedOver):
    """No session: connecting, TLS or login failed. No mail is to blame."""


class ConnectionLost(Unreachable):
    """The connection was lost before the mail began to leave."""


class Undecided(NotHandedOver):
    """The connection was lost after the mail began to leave: it may have been taken."""


class Refusal(NotHandedOver):
    """The server answered no: for now (4xx) or for good (5xx)."""

    def __init__(self, words: str, code: int | None, about: About) -> None:
        super().__init__(words, code)
        self.about = about


class TemporaryRefusal(Refusal):
    """4xx: the same mail may be taken later."""


class PermanentRefusal(Refusal):
    """5xx: the same mail will be refused again."""


class Server(Protocol):
    """Where the mail server is and how to log in; Flask-Mail's settings have these names.

    `timeout` is in seconds, for connecting and for each command.
    """

    server: str
    port: int | None
    use_tls: bool
    use_ssl: bool
    username: str | None
    password: str | None
    timeout: float


def connect(server: Server) -> smtplib.SMTP:
    """Connect, negotiate verified TLS and log in; raises Unreachable."""
    host: smtplib.SMTP | None = None
    try:
        host = _connected(server)
        if server.use_tls and not server.use_ssl:
            host.starttls(context=ssl.create_default_context())
        host.ehlo_or_helo_if_needed()
        if server.username and server.password:
            _log_in(host, server.username, server.password)
    except BROKEN as error:
        if host is not None:
            host.close()
        raise Unreachable(reason_of(error), code_of(error)) from error
    return host


def _connected(server: Server) -> smtplib.SMTP:
    # smtplib.SMTP(host) would connect at once; the name for EHLO is looked up only once.
    place = (server.server, server.port or 0)
    if server.use_ssl:
        context = ssl.create_default_context()
        host: smtplib.SMTP = smtplib.SMTP_SSL(
            *place, _own_name(), timeout=server.timeout, context=context
        )
    else:
        host = smtplib.SMTP(*place, _own_name(), timeout=server.timeout)
    if host.sock is not None:  # or the end of a long mail waits for an acknowledgement
        host.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return host


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


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who a mail is from and for, as SMTP says it; `sender` may be empty (bounces go nowhere)."""

    sender: str
    recipient: str


class SmtpSession:
    """One SMTP session. It is over after ConnectionLost, Unreachable, Undecided or a 421."""

    def __init__(self, host: smtplib.SMTP, meanwhile: Meanwhile = nothing_to_do) -> None:
        self.host: smtplib.SMTP | None = host
        self.pipelines = host.has_extn("pipelining")
        self.meanwhile = meanwhile
        self.began = time.monotonic()
        self.mails = 0  # that were handed over on it
        self._announced: Envelope | None = None
        self._is_written = False  # the announced envelope is on its way already
        self._needs_reset = False  # a refused envelope is still open at the server

    @property
    def is_open(self) -> bool:
        """Whether another mail can be handed over in this session."""
        return self.host is not None and self.host.sock is not None

    def announce(self, envelope: Envelope) -> None:
        """Set which mail is next; its envelope is sent by go().

        Raises ConnectionLost when the envelope of another mail was sent already: the server waits
        for that mail, and would take this one for it.
        """
        if self._is_written:
            self.drop()
            raise ConnectionLost("another mail was announced on this connection")
        self._announced, self._is_written = envelope, False

    def go(self) -> None:
        """Wait until the server wants the announced mail.

        Raises Refusal (another mail may be announced), ConnectionLost or Unreachable. In each case
        nothing has left.
        """
        envelope, is_written = self._announced, self._is_written
        self._announced, self._is_written = None, False
        if envelope is None:
            raise RuntimeError("no mail was announced")
        host, commands = self._open_host(), self._commands(envelope)
        try:
            if self.pipelines and not is_written:
                self._send_and_wait(host, _group(commands))
            replies = self._replies(host, commands)
        except BROKEN as error:
            self.drop()
            raise ConnectionLost(reason_of(error), code_of(error)) from error
        self._judge(replies)

    def send(self, mail: bytes, following: Envelope | None = None) -> str:
        """Send the mail that go() allowed and return the server's answer.

        The envelope `following` is announced with it. Raises Refusal, or Undecided when the mail
        may have been taken.
        """
        host, octets = self._open_host(), _dotted(mail)
        self._announced, self._is_written = following, False
        if following is not None and self.pipelines:
            with suppress(PermanentRefusal):  # go() will say it, about the mail that it is about
                octets += _group(self._commands(following))
                self._is_written = True
        try:
            self._send_and_wait(host, octets)
            code, words = host.getreply()
        except BROKEN as error:
            self.drop()
            raise Undecided(reason_of(error)) from error
        if code // 100 not in {2, 4, 5}:
            self.drop()
            raise Undecided(f"the server answered {code} {readable(words)}")
        self.mails += 1
        if code // 100 != 2:
            self._refuse((code, words), About.message)
        return f"{code} {readable(words)}"

    def is_announced(self, envelope: Envelope) -> bool:
        """Return whether `envelope` is the one that go() would wait for."""
        return self.is_open and self._announced == envelope

    def quit(self) -> None:
        """End the session with QUIT; an error here changes nothing for mails handed over before."""
        if self.host is not None and not self._is_written:  # or it would be read as the mail
            with suppress(*BROKEN):
                self.host.quit()
        self.drop()

    def drop(self) -> None:
        """End the session without QUIT: whatever was announced is not to be sent."""
        host, self.host = self.host, None
        self._announced, self._is_written = None, False
        if host is not None:
            host.close()

    def _open_host(self) -> smtplib.SMTP:
        if self.host is None:
            raise Unreachable("not connected")
        return self.host

    def _commands(self, envelope: Envelope) -> list[bytes]:
        """Return what announces a mail. A refused envelope before it is taken back first."""
        sender = headers.wire_address(envelope.sender) if envelope.sender else ""
        recipient = headers.wire_address(envelope.recipient)
        options = ""
        if not (sender + recipient).isascii():
            if not self._open_host().has_extn("smtputf8"):
                raise PermanentRefusal(_NO_SMTPUTF8, None, About.recipient)
            options = " SMTPUTF8 BODY=8BITMIME"
        words = [f"MAIL FROM:<{sender}>{options}", f"RCPT TO:<{recipient}>", "DATA"]
        if self._needs_reset:
            words.insert(0, "RSET")
        return [line.encode() for line in words]

    def _send_and_wait(self, host: smtplib.SMTP, octets: bytes) -> None:
        """Send octets, and do small steps of `meanwhile` until the server answers."""
        host.send(octets)
        while not _has_answered(host) and self.meanwhile():
            pass

    def _replies(self, host: smtplib.SMTP, commands: list[bytes]) -> list[Reply]:
        """Return the replies to `commands`; without PIPELINING send them one by one, up to a no.

        After 421, or what is no reply at all, nothing more is to be expected.
        """
        replies: list[Reply] = []
        for command in commands:
            if not self.pipelines:
                self._send_and_wait(host, command + CRLF)
            replies.append(host.getreply())
            code = replies[-1][0]
            if code in {421, -1} or (not self.pipelines and code >= 400):
                break
        return replies

    def _judge(self, replies: list[Reply]) -> None:
        """Raise the failure of the first reply that refuses, if any."""
        if self._needs_reset and not _is_yes(replies.pop(0)):
            self.drop()
            raise ConnectionLost("the server did not take the last envelope back")
        self._needs_reset = False
        for reply, about in zip(replies, STAGES, strict=False):
            if not _is_yes(reply, about):
                if _is_yes(replies[-1], About.message):
                    self._take_back()
                self._needs_reset = True
                self._refuse(reply, about)

    def _take_back(self) -> None:
        """End a DATA that the server allowed although it refused the envelope (RFC 2920, 3.1)."""
        host = self._open_host()
        try:
            host.send(b".\r\n")
            host.getreply()
        except BROKEN:
            self.drop()

    def _refuse(self, reply: Reply, about: About) -> None:
        code, words = reply[0], readable(reply[1])
        if code in AUTH_CODES or code // 100 not in {4, 5}:
            self.drop()
            raise (Unreachable if code in AUTH_CODES else ConnectionLost)(words, code)
        if code == 421:  # "closing the channel" (RFC 5321, 3.8)
            self.drop()
        refusal = TemporaryRefusal if code < 500 else PermanentRefusal
        raise refusal(words, code, about)


def _group(commands: list[bytes]) -> bytes:
    return b"".join(command + CRLF for command in commands)


def _has_answered(host: smtplib.SMTP) -> bool:
    return host.sock is None or bool(select.select([host.sock], (), (), 0)[0])


def _is_yes(reply: Reply, about: About | None = None) -> bool:
    return reply[0] // 100 == (3 if about is About.message else 2)


def code_of(error: Exception) -> int | None:
    """Return the server's code that `error` carries, if any."""
    code = error.smtp_code if isinstance(error, smtplib.SMTPResponseException) else 0
    return code if code > 0 else None


def _dotted(mail: bytes) -> bytes:
    """Return the DATA of `mail`: leading dots doubled, the lone dot behind (RFC 5321, 4.5.2)."""
    end = b".\r\n" if mail.endswith(CRLF) else b"\r\n.\r\n"
    doubled = mail.replace(b"\r\n.", b"\r\n..") if b"\r\n." in mail else mail
    return (b"." if doubled.startswith(b".") else b"") + doubled + end


def readable(reply: bytes | str) -> str:
    """Return a reply as one readable line of bounded length."""
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:500]


def reason_of(error: Exception) -> str:
    """Return why something failed: the server's reply in `error`, or else its own message."""
    if isinstance(error, smtplib.SMTPResponseException):
        return readable(error.smtp_error)
    return readable(str(error)) or type(error).__name__
