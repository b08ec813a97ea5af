"""A DNS of the tests' own, and the names that it knows."""

from collections.abc import Callable, Iterator

import pytest

from service.doctor.network import Resolver
from tests.dns_server import DnsServer, Zone, dns_server


@pytest.fixture
def dns() -> Iterator[DnsServer]:
    """A DNS server on loopback; a test fills its zone."""
    with dns_server({}) as server:
        yield server


@pytest.fixture
def names(dns: DnsServer) -> Callable[[Zone], Resolver]:
    """A function that returns the DNS of a zone, as the doctor asks it."""

    def of(zone: Zone) -> Resolver:
        dns.zone = zone
        return Resolver(dns.place, seconds=5)

    return of
