"""Findings, each with its remedy, in phrases that are translated when they are read.

So a finding can be kept, and shown later in the language of whoever reads it.
"""

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Self

from flask_babel import gettext


class State(StrEnum):
    """The result of a check, the most urgent first."""

    bad = "bad"
    warning = "warning"
    unknown = "unknown"
    good = "good"


class Check(StrEnum):
    """The checks, in the order in which a report lists those of one state."""

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
    durability = "durability"
    files = "files"
    unsubscribe = "unsubscribe"


@dataclass(frozen=True, slots=True)
class Phrase:
    """A text and the values for its placeholders; `str()` translates it to the current locale."""

    text: str
    values: dict[str, "str | int | Phrase"] = field(default_factory=dict)

    def __str__(self) -> str:
        return str(gettext(self.text, **self.values))

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Self:
        """Return the phrase that `asdict` turned into `data`; raises KeyError."""
        values = {
            name: cls.from_data(value) if isinstance(value, dict) else value
            for name, value in data["values"].items()
        }
        return cls(data["text"], values)


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
    """The result of one check in `words`, and what would improve it."""

    check: Check
    state: State
    words: Phrase
    remedy: Remedy | None = None

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Self:
        """Return the finding that `as_data` turned into `data`.

        Raises KeyError, TypeError or ValueError for data of another version.
        """
        kept = data["remedy"]
        remedy = kept and Remedy(
            Phrase.from_data(kept["where"]),
            Phrase.from_data(kept["words"]),
            tuple(Record(**record) for record in kept["records"]),
        )
        return cls(
            Check(data["check"]), State(data["state"]), Phrase.from_data(data["words"]), remedy
        )

    def as_data(self) -> dict[str, Any]:
        """Return the finding as data for JSON."""
        return asdict(self)


def good(check: Check, words: Phrase) -> Finding:
    """Return a finding that nothing is to be changed."""
    return Finding(check, State.good, words)


def bad(check: Check, words: Phrase, remedy: Remedy | None = None) -> Finding:
    """Return a finding that mails are lost, or land among spam, until it is put right."""
    return Finding(check, State.bad, words, remedy)


def warning(check: Check, words: Phrase, remedy: Remedy | None = None) -> Finding:
    """Return a finding that it works now, and could be better or will not last."""
    return Finding(check, State.warning, words, remedy)


def unknown(check: Check, words: Phrase, remedy: Remedy | None = None) -> Finding:
    """Return a finding that the check could not be decided from here."""
    return Finding(check, State.unknown, words, remedy)


_l = phrase  # the name by which Babel finds texts

# Where something is to be changed.
IN_SETTINGS = _l("In the settings of this service (environment or .env)")
AT_MAIL_SERVER = _l("At the mail server, or in the account at your mail provider")
AT_HOSTING_COMPANY = _l("At the company that the server's address is rented from")
ON_MACHINE = _l("On the machine that this service runs on")
AT_PROXY = _l("At the web server in front of this service")
ON_SETTINGS_PAGE = _l("On the page Settings, under Mails")


def in_dns_of(domain: str) -> Phrase:
    """Return the place where the records of `domain` are edited."""
    return _l("In the DNS of %(domain)s, where the domain is managed", domain=domain)


CHECK_LABELS: dict[Check, Phrase] = {
    Check.reach: _l("Mail server"),
    Check.encryption: _l("Encryption to the mail server"),
    Check.certificate: _l("Certificate of the mail server"),
    Check.login: _l("Login at the mail server"),
    Check.sender: _l("Sender address"),
    Check.bounces: _l("Bounce address"),
    Check.size: _l("Size of mails"),
    Check.pipelining: _l("PIPELINING"),
    Check.letters: _l("Addresses with letters such as ñ"),
    Check.trial: _l("Test mail"),
    Check.spf: _l("SPF"),
    Check.spf_host: _l("SPF and the server that sends"),
    Check.dkim: _l("DKIM"),
    Check.dkim_proof: _l("DKIM signature of the test mail"),
    Check.dkim_headers: _l("What DKIM signs"),
    Check.dmarc: _l("DMARC"),
    Check.alignment: _l("Alignment"),
    Check.verdict: _l("What the mailbox says"),
    Check.mx: _l("Replies and bounces (MX)"),
    Check.ptr: _l("Reverse name (PTR)"),
    Check.base_url: _l("Address of the service"),
    Check.web_certificate: _l("Certificate of the service"),
    Check.clock: _l("Clock"),
    Check.durability: _l("Database and power cuts"),
    Check.files: _l("Files of the service"),
    Check.unsubscribe: _l("Unsubscribe headers"),
}

STATE_TITLES: dict[State, Phrase] = {
    State.bad: _l("Put this right"),
    State.warning: _l("Could be better"),
    State.unknown: _l("Could not be known"),
    State.good: _l("All is well"),
}

STATE_NAMES: dict[State, Phrase] = {
    State.bad: _l("BAD"),
    State.warning: _l("WARNING"),
    State.unknown: _l("UNKNOWN"),
    State.good: _l("GOOD"),
}
