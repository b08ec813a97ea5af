"""What is examined: a sender, its mail server and its settings, gathered before anything is asked.

A case needs no app and no session, so that checks can run side by side in threads.
"""

import re
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flask import current_app
from flask_babel import gettext as _
from redis import Redis
from sqlalchemy import Engine

from service.config import Settings
from service.current import settings
from service.doctor.letters import Letter, a_letter
from service.doctor.names import Names, is_here
from service.doctor.returns import Returned
from service.errors import Refused
from service.extensions import db, queue
from service.mail.delivery.smtp import Connection
from service.mail.rendering import rendering
from service.mail.rendering.context import Unwritable
from service.mail.rendering.headers import BadHeader, wire_address

_LABEL = r"(?!-)[a-z0-9_-]{1,63}(?<!-)"
DOMAIN = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})+")
SELECTOR = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
PATIENCE = 4.0  # seconds for each answer of the mail server


@dataclass(frozen=True, slots=True)
class Case:
    """Everything that the checks need to know beforehand. Addresses and domains are in ASCII."""

    settings: Settings
    sender: str
    envelope: str  # what MAIL FROM says: the bounce address, or the sender
    selector: str | None  # of DKIM, when it was given
    letter: Letter
    connect: Callable[[], Connection]
    engine: Engine | None = None
    redis: Redis | None = None

    @property
    def domain(self) -> str:
        """The domain that readers see in From."""
        return self.sender.rpartition("@")[2]

    @property
    def envelope_domain(self) -> str:
        """The domain that SPF is asked about."""
        return self.envelope.rpartition("@")[2]

    @property
    def has_relay(self) -> bool:
        """Whether mails leave through a server that is elsewhere."""
        return not is_here(self.settings.mail_server)

    def names(self, seconds: float) -> Names:
        """Return the DNS as DNS_SERVER sees it, patient for `seconds` in all."""
        return Names(self.settings.dns_server, seconds)


@dataclass(frozen=True, slots=True)
class Clock:
    """What a server said the time was, and what it was here."""

    name: str
    there: datetime
    here: datetime
    is_elsewhere: bool  # or else it may well share our clock

    @property
    def offset(self) -> int:
        """Whole seconds by which it is ahead of us."""
        return round((self.there - self.here).total_seconds())


@dataclass(slots=True)
class Evidence:
    """What earlier checks saw, for later ones."""

    is_reached: bool = False  # whether the mail server let us in
    returned: Returned | None = None  # the test mail, read back
    has_spf: bool = True  # until there is known to be no record that counts
    signed_for: list[str] = field(default_factory=list)  # domains that DKIM speaks for
    clocks: list[Clock] = field(default_factory=list)


def describe(domain: str | None = None, selector: str | None = None) -> Case:
    """Return the case of the sender as it is set up, or of the same name at `domain`.

    Reads the company; raises Refused when no mail could be written, whatever servers say.
    """
    facts = rendering.company_facts()
    try:
        sender = wire_address(facts.address)
        if domain:
            sender = f"{sender.rpartition('@')[0]}@{domain}"
        letter = a_letter(facts, sender)
    except (BadHeader, Unwritable) as why:
        said = _("No mail can be written from %(sender)s: %(why)s", sender=facts.address, why=why)
        raise Refused(said) from why
    found = settings()
    is_file = db.engine.dialect.name == "sqlite"  # SQLite is in this process: it has no clock
    return Case(
        settings=found,
        sender=sender,
        envelope=found.mail_bounce_address or sender,
        selector=selector,
        letter=letter,
        connect=_patient_connection(),
        engine=None if is_file else db.engine,
        redis=queue.jobs.connection,
    )


def _patient_connection() -> Callable[[], Connection]:
    """Return what connects as delivery does, but with less time: a person waits."""
    patient: Any = copy(current_app.extensions["mail"])
    patient.timeout = min(patient.timeout, PATIENCE)
    return lambda: Connection(patient)
