"""The ways in which handing a mail over fails; they decide what becomes of the row."""

from enum import StrEnum


class About(StrEnum):
    """What a server refused."""

    sender = "sender"
    recipient = "recipient"
    message = "message"


class NotHandedOver(Exception):
    """A mail was not taken, or it is not known. `words` are the server's, or ours about it."""

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
