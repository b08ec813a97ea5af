"""Get one page over HTTP or verified HTTPS, from the address that it is told; follows nothing."""

import http.client
import socket
import ssl
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from service.doctor.moments import moment_of

MOST_OCTETS = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Page:
    """What a server answered, and the certificate that it showed."""

    status: int
    body: bytes
    location: str
    date: datetime | None
    certificate: dict[str, Any] | None


class _At(http.client.HTTPConnection):
    """A connection to `address`, whatever the name in the URL leads to."""

    address: str
    context: ssl.SSLContext | None = None

    def connect(self) -> None:
        """Connect, and agree on TLS in the name of the URL's host."""
        sock = socket.create_connection((self.address, self.port), self.timeout)
        if self.context:
            sock = self.context.wrap_socket(sock, server_hostname=self.host)
        self.sock = sock


def get(url: str, seconds: float, address: str | None = None) -> Page:
    """Return the page at `url`, asked at `address` (default: where its name leads to).

    `seconds` are for connecting and for each answer. Raises OSError (ssl.SSLError too) and
    http.client.HTTPException.
    """
    parts = urlsplit(url)
    is_secure = parts.scheme == "https"
    port = parts.port or (443 if is_secure else 80)
    connection = _At(parts.hostname or "", port, timeout=seconds)
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
            moment_of(answer.headers.get("Date", "")),
            shown,
        )
    finally:
        connection.close()
