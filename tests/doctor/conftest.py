"""A DNS server of the tests, and resolvers that ask it."""

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
def resolver_of(dns: DnsServer) -> Callable[[Zone], Resolver]:
    """A function that returns a resolver for a zone."""

    def of(zone: Zone) -> Resolver:
        dns.zone = zone
        return Resolver(dns.place, seconds=5)

    return of
