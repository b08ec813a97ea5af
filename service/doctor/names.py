"""Ask the DNS, each question within three seconds and all of them within a limit."""

import time
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

import dns.exception
import dns.resolver
import dns.reversename

from service.config import SettingError
from service.doctor.findings import Phrase
from service.doctor.findings import phrase as _l

Address = IPv4Address | IPv6Address
LIFETIME = 3.0  # seconds for one question, whichever servers are asked


class Unresolved(Exception):
    """Nobody answered, or with an error: nothing is known. `words` say so."""

    def __init__(self, words: Phrase) -> None:
        super().__init__(words.text)
        self.words = words


class Names:
    """The DNS as `server` sees it (``address`` or ``address:port``; None: the system's servers)."""

    def __init__(self, server: str | None, seconds: float) -> None:
        """Allow `seconds` for all questions; raises SettingError for a `server` that is none."""
        self.ends = time.monotonic() + seconds
        self.resolver = dns.resolver.Resolver(configure=False)
        self.resolver.cache = dns.resolver.Cache()
        if server:
            address, port = place_of(server)
            self.resolver.nameservers, self.resolver.port = [address], port
        else:
            self._configure()

    def _configure(self) -> None:
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
        """Return the addresses of `name`, or itself when it is one already."""
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


def place_of(server: str) -> tuple[str, int]:
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


def is_here(host: str) -> bool:
    """Say whether `host` is this machine, or one that only its own network knows."""
    try:
        return not ip_address(host.strip("[]")).is_global
    except ValueError:
        return "." not in host.strip(".") or host.endswith((".localhost", ".local", ".internal"))
