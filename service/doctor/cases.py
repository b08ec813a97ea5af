"""What is examined: a sender, its mail server and its settings, gathered before anything is asked.

A case needs no app and no session, so that checks can run side by side in threads.
"""

import re
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from email import message_from_bytes
from email.message import Message
from ipaddress import ip_address
from typing import Any

from flask import current_app
from flask_babel import gettext as _
from redis import Redis
from sqlalchemy import Engine

from service.config import Settings
from service.current import settings
from service.doctor.network import Address, Resolver, is_local, parse_date
from service.errors import Refused
from service.extensions import db, queue
from service.mail.delivery.flask_mail import Connection
from service.mail.delivery.flask_mail import Message as SentMail
from service.mail.rendering import rendering
from service.mail.rendering.context import Unwritable
from service.mail.rendering.headers import BadHeader, wire_address
from service.mail.rendering.rendering import CompanyFacts, Rendering
from service.mail.rendering.samples import sample
from service.models import MailKind, TeamMember

KIND = MailKind.survey_invitation
PATIENCE = 4.0  # seconds for each answer of the mail server
_LABEL = r"(?!-)[a-z0-9_-]{1,63}(?<!-)"
DOMAIN = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})+")
SELECTOR = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_IN_BRACKETS = re.compile(r"\[(?:IPv6:)?([0-9a-fA-F.:]+)\]")


@dataclass(frozen=True, slots=True)
class SampleMail:
    """A rendered mail of a kind that one can unsubscribe from, with sample data and dead links."""

    rendering: Rendering

    def octets(self, message_id: str, to: str, mark: str = "") -> bytes:
        """Return the mail as it goes out to `to`, with `mark` behind its subject."""
        subject = f"{self.rendering.subject} {mark}".strip()
        mail = replace(self.rendering, to=("", to), message_id=message_id, subject=subject)
        return SentMail(**{each.name: getattr(mail, each.name) for each in fields(mail)}).as_bytes()


def a_sample_mail(facts: CompanyFacts, sender: str) -> SampleMail:
    """Return the sample mail as it would go out from `sender`; raises Unwritable or BadHeader."""
    signer = TeamMember(name=facts.company.name, email=sender, is_active=True)
    context = sample(KIND, facts.company.language, signer, facts.company)
    rendered = rendering.render_context(context, replace(facts, address=sender))
    return SampleMail(replace(rendered, reply_to=None))


@dataclass(frozen=True, slots=True)
class Case:
    """What the checks know before they ask anything. Addresses and domains are in ASCII."""

    settings: Settings
    sender: str
    envelope: str  # what MAIL FROM says: the bounce address, or the sender
    selector: str | None  # of DKIM, when it was given
    sample: SampleMail
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
        return not is_local(self.settings.mail_server)

    def resolver(self, seconds: float) -> Resolver:
        """Return a resolver that asks DNS_SERVER, for at most `seconds` in all."""
        return Resolver(self.settings.dns_server, seconds)


@dataclass(frozen=True, slots=True)
class Returned:
    """The test mail as it arrived; `is_caught` says that the mail catcher took it."""

    octets: bytes
    is_caught: bool

    @property
    def mail(self) -> Message:
        """The mail, parsed."""
        return message_from_bytes(self.octets)

    @property
    def came_from(self) -> Address | None:
        """The public address that the last server took it from, as that server recorded."""
        for line in self.mail.get_all("Received", []):
            for text in _IN_BRACKETS.findall(str(line).partition(" by ")[0]):
                try:
                    address = ip_address(text)
                except ValueError:
                    continue
                if address.is_global:
                    return address
        return None

    @property
    def received_at(self) -> datetime | None:
        """When the last server took it, by that server's clock."""
        return parse_date(str(self.mail["Received"]).rpartition(";")[2])


@dataclass(frozen=True, slots=True)
class Clock:
    """The time that a server gave, and the time that it was here."""

    name: str
    there: datetime
    here: datetime
    is_elsewhere: bool  # if not, it may run on this machine and share our clock

    @property
    def offset(self) -> int:
        """Whole seconds by which it is ahead of us."""
        return round((self.there - self.here).total_seconds())


@dataclass(slots=True)
class Evidence:
    """What earlier checks found out, for later ones."""

    is_reached: bool = False  # the mail server accepted the connection and the login
    returned: Returned | None = None  # the test mail, read back
    has_spf: bool = True  # False once no usable record was found
    signed_for: list[str] = field(default_factory=list)  # domains that DKIM signs for
    clocks: list[Clock] = field(default_factory=list)


def describe(domain: str | None = None, selector: str | None = None) -> Case:
    """Return the case of the company's sender, or of the same mailbox name at `domain`.

    Raises Refused when no mail can be rendered from that address.
    """
    facts = rendering.company_facts()
    try:
        sender = wire_address(facts.address)
        if domain:
            sender = f"{sender.rpartition('@')[0]}@{domain}"
        mail = a_sample_mail(facts, sender)
    except (BadHeader, Unwritable) as why:
        raise Refused(
            _("No mail can be written from %(sender)s: %(why)s", sender=facts.address, why=why)
        ) from why
    patient: Any = copy(current_app.extensions["mail"])
    patient.timeout = min(patient.timeout, PATIENCE)  # a person waits for the answer
    has_clock = db.engine.dialect.name != "sqlite"  # SQLite runs in this process
    return Case(
        settings=settings(),
        sender=sender,
        envelope=settings().mail_bounce_address or sender,
        selector=selector,
        sample=mail,
        connect=lambda: Connection(patient),
        engine=db.engine if has_clock else None,
        redis=queue.jobs.connection,
    )
