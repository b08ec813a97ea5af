"""A DNS server on loopback, over UDP and TCP, that says what a test gives it as data.

Zones are ``{name: {type: [texts]}}``. A type ``SERVFAIL`` or ``SILENT`` in place of records makes
every question about that name fail so. What does not fit into a UDP answer comes over TCP.
"""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

Zone = dict[str, dict[str, list[str]]]
UDP_LIMIT = 512  # octets (RFC 1035, 4.2.1)


class DnsServer:
    """Answers from `zone`, which a test may change; `asked` holds the questions seen."""

    def __init__(self, zone: Zone) -> None:
        self.zone = zone
        self.asked: list[tuple[str, str, str]] = []  # protocol, name, type
        self._tcp = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._tcp.getsockname()[1]
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", self.port))
        self._threads = [
            threading.Thread(target=serve, daemon=True)
            for serve in (self._over_udp, self._over_tcp)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def place(self) -> str:
        """The value for DNS_SERVER."""
        return f"127.0.0.1:{self.port}"

    def close(self) -> None:
        """Stop answering."""
        with suppress(OSError):
            self._tcp.shutdown(socket.SHUT_RDWR)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as knock:
            knock.sendto(b"", ("127.0.0.1", self.port))  # wakes recvfrom()
        for thread in self._threads:
            thread.join(5)
        self._tcp.close()
        self._udp.close()

    def answer(self, octets: bytes, protocol: str) -> bytes | None:
        """Return the answer to one question; None to keep silent."""
        query = dns.message.from_wire(octets)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked.append((protocol, name, kind))
        reply = dns.message.make_response(query, recursion_available=True)
        records = self.zone.get(name)
        if records is None:
            is_above_others = any(other.endswith(f".{name}") for other in self.zone)
            reply.set_rcode(dns.rcode.NOERROR if is_above_others else dns.rcode.NXDOMAIN)
        elif "SILENT" in records:
            return None
        elif "SERVFAIL" in records:
            reply.set_rcode(dns.rcode.SERVFAIL)
        elif records.get(kind):
            texts = [_quoted(text) if kind == "TXT" else text for text in records[kind]]
            rrset = dns.rrset.from_text_list(question.name, 60, "IN", kind, texts)
            reply.answer.append(rrset)
        return self._fitting(reply, protocol)

    @staticmethod
    def _fitting(reply: dns.message.Message, protocol: str) -> bytes:
        if protocol == "udp":
            try:
                return reply.to_wire(max_size=UDP_LIMIT)
            except dns.exception.TooBig:
                reply.answer.clear()
                reply.flags |= dns.flags.TC
        return reply.to_wire()

    def _over_udp(self) -> None:
        while True:
            octets, whence = self._udp.recvfrom(4096)
            if not octets:
                return
            if reply := self.answer(octets, "udp"):
                self._udp.sendto(reply, whence)

    def _over_tcp(self) -> None:
        while True:
            try:
                connection, _ = self._tcp.accept()
            except OSError:
                return
            with connection, suppress(OSError, struct.error):
                connection.settimeout(5)
                (length,) = struct.unpack("!H", connection.recv(2))
                if reply := self.answer(connection.recv(length), "tcp"):
                    connection.sendall(struct.pack("!H", len(reply)) + reply)


def _quoted(text: str) -> str:
    """Return a TXT record's presentation: strings of at most 255 octets (RFC 1035, 3.3.14)."""
    pieces = [text[start : start + 255] for start in range(0, len(text), 255)] or [""]
    return " ".join('"' + piece.replace("\\", "\\\\").replace('"', '\\"') + '"' for piece in pieces)


@contextmanager
def dns_server(zone: Zone) -> Iterator[DnsServer]:
    """Yield a server that is closed at the end."""
    server = DnsServer(zone)
    try:
        yield server
    finally:
        server.close()
