"""Ask the DNS and web servers, each in bounded time, and look at the certificates they show."""

import http.client
import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any
from urllib.parse import urlsplit

import dns.exception
import dns.resolver
import dns.reversename

from service.clock import now
from service.config import SettingError
from service.doctor.findings import Check, Finding, Phrase, Remedy, good, warning
from service.doctor.findings import phrase as _l

Address = IPv4Address | IPv6Address
LIFETIME = 3.0  # seconds for one question, whichever servers are asked
MOST_OCTETS = 2 * 1024 * 1024  # of a page
SOON = timedelta(days=14)  # before a certificate ends
# OpenSSL's codes (x509_vfy.h) of the faults that certificates commonly have.
_EXPIRED, _NOT_YET, _WRONG_NAME, _WRONG_ADDRESS = 10, 9, 62, 64
_UNKNOWN_ISSUERS = frozenset({18, 19, 20, 21})


class Unresolved(Exception):
    """The DNS gave no answer, or an error, so nothing is known; `words` say why."""

    def __init__(self, words: Phrase) -> None:
        super().__init__(words.text)
        self.words = words


class Resolver:
    """Asks the DNS server at `server` (``address`` or ``address:port``; None: the system's)."""

    def __init__(self, server: str | None, seconds: float) -> None:
        """Allow `seconds` for all questions; raises SettingError when `server` is no address."""
        self.ends = time.monotonic() + seconds
        self.resolver = dns.resolver.Resolver(configure=False)
        self.resolver.cache = dns.resolver.Cache()
        if server:
            address, port = address_and_port(server)
            self.resolver.nameservers, self.resolver.port = [address], port
        else:
            try:
                self.resolver.read_resolv_conf("/etc/resolv.conf")
            except (dns.resolver.NoResolverConfiguration, OSError) as error:
                raise Unresolved(_l("This machine has no DNS server; set DNS_SERVER.")) from error

    def texts(self, name: str) -> list[str]:
        """Return the TXT records of `name`, each with its strings joined; [] without any.

        They are sorted, because servers shuffle them.
        """
        found = self._ask(name, "TXT")
        return sorted(b"".join(record.strings).decode("utf-8", "replace") for record in found)

    def mail_servers(self, name: str) -> list[str]:
        """Return the MX hosts of `name`, the preferred first; a null MX (RFC 7505) is ``""``."""
        found = sorted(self._ask(name, "MX"), key=lambda record: record.preference)
        return [record.exchange.to_text(omit_final_dot=True).strip(".") for record in found]

    def addresses(self, name: str) -> list[Address]:
        """Return the addresses of `name`; of an address, itself."""
        try:
            return [ip_address(name.strip("[]"))]
        except ValueError:
            found = [*self._ask(name, "A"), *self._ask(name, "AAAA")]
            return [ip_address(record.address) for record in found]

    def reverse_names(self, address: Address) -> list[str]:
        """Return the PTR names of `address`."""
        found = self._ask(dns.reversename.from_address(str(address)).to_text(), "PTR")
        return [record.target.to_text(omit_final_dot=True) for record in found]

    def _ask(self, name: str, kind: str) -> Iterable[Any]:
        left = min(LIFETIME, self.ends - time.monotonic())
        if left <= 0:
            raise Unresolved(_l("There was no time left to ask the DNS for %(name)s.", name=name))
        try:
            answer = self.resolver.resolve(
                name, kind, lifetime=left, raise_on_no_answer=False, search=False
            )
        except dns.resolver.NXDOMAIN:
            return []
        except dns.resolver.LifetimeTimeout as error:
            words = _l(
                "The DNS did not answer in time for %(name)s (%(type)s).", name=name, type=kind
            )
            raise Unresolved(words) from error
        except (dns.exception.DNSException, OSError, UnicodeError) as error:
            why = " ".join(str(error).split())[:300] or type(error).__name__
            words = _l("The DNS gave no answer for %(name)s: %(why)s", name=name, why=why)
            raise Unresolved(words) from error
        return answer.rrset or ()


def address_and_port(server: str) -> tuple[str, int]:
    """Return address and port of ``192.0.2.1``, ``192.0.2.1:5353``, ``::1`` or ``[::1]:5353``."""
    has_port = server.count(":") == 1 or "]:" in server
    host, _, port = server.rpartition(":") if has_port else (server, "", "")
    try:
        address = ip_address(host.strip("[]"))
        number = int(port or 53)
    except ValueError:
        number = 0
    if not 1 <= number <= 65535:
        raise SettingError("DNS_SERVER", f"{server!r} is no address such as 192.0.2.1 or [::1]:53")
    return str(address), number


def is_local(host: str) -> bool:
    """Say whether `host` is this machine, or a name or address of its local network."""
    try:
        return not ip_address(host.strip("[]")).is_global
    except ValueError:
        return "." not in host.strip(".") or host.endswith((".localhost", ".local", ".internal"))


def parse_date(text: str) -> datetime | None:
    """Return the moment that a Date header states (RFC 5322, 3.3), with its zone; None for others.

    ``-0000`` is UTC in an unknown zone.
    """
    try:
        moment = parsedate_to_datetime(text.strip())
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Page:
    """What a server answered, and the certificate that it showed."""

    status: int
    body: bytes
    location: str
    date: datetime | None
    certificate: dict[str, Any] | None


class _ConnectionTo(http.client.HTTPConnection):
    """A connection to `address`, whatever the name in the URL leads to."""

    address: str
    context: ssl.SSLContext | None = None

    def connect(self) -> None:
        """Connect to `address`, with TLS for the name of the URL's host."""
        sock = socket.create_connection((self.address, self.port), self.timeout)
        if self.context:
            sock = self.context.wrap_socket(sock, server_hostname=self.host)
        self.sock = sock


def fetch(url: str, seconds: float, address: str | None = None) -> Page:
    """Return the page at `url`, from `address` (default: where its name leads); no redirects.

    `seconds` limit connecting and each answer. Raises OSError (ssl.SSLError too) and
    http.client.HTTPException.
    """
    parts = urlsplit(url)
    is_secure = parts.scheme == "https"
    port = parts.port or (443 if is_secure else 80)
    connection = _ConnectionTo(parts.hostname or "", port, timeout=seconds)
    connection.address = address or parts.hostname or ""
    connection.context = ssl.create_default_context() if is_secure else None
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("GET", path, headers={"User-Agent": "Hasta Luego mail doctor"})
        sock = connection.sock
        shown = sock.getpeercert() if isinstance(sock, ssl.SSLSocket) else None
        answer = connection.getresponse()
        return Page(
            answer.status,
            answer.read(MOST_OCTETS),
            answer.headers.get("Location", ""),
            parse_date(answer.headers.get("Date", "")),
            shown,
        )
    finally:
        connection.close()


def why_refused(error: ssl.SSLError, host: str) -> Phrase:
    """Return what is wrong with the certificate that `host` showed."""
    code = getattr(error, "verify_code", 0)
    if code == _EXPIRED:
        return _l("The certificate of %(host)s has expired.", host=host)
    if code == _NOT_YET:
        return _l("The certificate of %(host)s is not valid yet, or our clock is slow.", host=host)
    if code in {_WRONG_NAME, _WRONG_ADDRESS}:
        return _l("The certificate is for another name than %(host)s.", host=host)
    if code in _UNKNOWN_ISSUERS:
        return _l(
            "The certificate of %(host)s comes from an authority that this machine does not know, "
            "or the certificate between them is missing.",
            host=host,
        )
    return _l("TLS with %(host)s failed: %(why)s", host=host, why=error.reason or str(error))


def certificate_finding(
    check: Check, shown: Mapping[str, Any] | None, host: str, remedy: Remedy
) -> Finding:
    """Return a finding on when the valid certificate that `host` showed ends."""
    ends = datetime.fromtimestamp(ssl.cert_time_to_seconds((shown or {})["notAfter"]), UTC)
    day = ends.date().isoformat()
    if ends - now() < SOON:
        words = _l("The certificate of %(host)s ends on %(day)s.", host=host, day=day)
        return warning(check, words, remedy)
    return good(
        check, _l("The certificate of %(host)s is valid until %(day)s.", host=host, day=day)
    )
