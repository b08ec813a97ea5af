"""What the doctor says: findings, each with its remedy, in words translated when they are read.

So a finding can be kept, and shown later in the language of whoever looks.
"""

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Self

from flask_babel import gettext


class State(StrEnum):
    """How it stands, the most urgent first."""

    bad = "bad"
    warning = "warning"
    unknown = "unknown"
    good = "good"


class Check(StrEnum):
    """What was looked at; reports keep this order within a state."""

    reach = "reach"
    encryption = "encryption"
    certificate = "certificate"
    login = "login"
    sender = "sender"
    bounces = "bounces"
    size = "size"
    pipelining = "pipelining"
    letters = "letters"
    trial = "trial"
    spf = "spf"
    spf_host = "spf_host"
    dkim = "dkim"
    dkim_proof = "dkim_proof"
    dkim_headers = "dkim_headers"
    dmarc = "dmarc"
    alignment = "alignment"
    verdict = "verdict"
    mx = "mx"
    ptr = "ptr"
    base_url = "base_url"
    web_certificate = "web_certificate"
    clock = "clock"
    unsubscribe = "unsubscribe"


@dataclass(frozen=True, slots=True)
class Phrase:
    """A text and the names and figures in it; `str()` says it in the language of the moment."""

    text: str
    values: dict[str, "str | int | Phrase"] = field(default_factory=dict)

    def __str__(self) -> str:
        return str(gettext(self.text, **self.values))

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Self:
        """Return the phrase that `asdict` took apart; raises KeyError."""
        told = {
            name: cls.from_data(value) if isinstance(value, dict) else value
            for name, value in data["values"].items()
        }
        return cls(data["text"], told)


def phrase(text: str, /, **values: str | int | Phrase) -> Phrase:
    """Return the phrase of `text`; import it as ``_l``, so that its text gets into the catalogs."""
    return Phrase(text, values)


@dataclass(frozen=True, slots=True)
class Record:
    """A DNS record, ready to be copied."""

    name: str
    type: str
    value: str


@dataclass(frozen=True, slots=True)
class Remedy:
    """What to change, and in which place."""

    where: Phrase
    words: Phrase
    records: tuple[Record, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """How one thing stands. `words` say it; a remedy says what would make it better."""

    check: Check
    state: State
    words: Phrase
    remedy: Remedy | None = None

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Self:
        """Return the finding that `as_data` took apart; raises KeyError, TypeError, ValueError."""
        told = data["remedy"]
        remedy = told and Remedy(
            Phrase.from_data(told["where"]),
            Phrase.from_data(told["words"]),
            tuple(Record(**record) for record in told["records"]),
        )
        return cls(
            Check(data["check"]), State(data["state"]), Phrase.from_data(data["words"]), remedy
        )

    def as_data(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return asdict(self)


def good(check: Check, words: Phrase) -> Finding:
    """Return that all is well."""
    return Finding(check, State.good, words)


def bad(check: Check, words: Phrase, remedy: Remedy | None = None) -> Finding:
    """Return that mails are lost, or land among spam, as long as it stands so."""
    return Finding(check, State.bad, words, remedy)


def warning(check: Check, words: Phrase, remedy: Remedy | None = None) -> Finding:
    """Return that it works, and that it could be better or will not last."""
    return Finding(check, State.warning, words, remedy)


def unknown(check: Check, words: Phrase, remedy: Remedy | None = None) -> Finding:
    """Return that nobody here can know."""
    return Finding(check, State.unknown, words, remedy)
