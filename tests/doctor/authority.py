"""A certificate authority of the tests' own, for certificates that end when a test wants it."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID


@cache
def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _certificate(name: str, until: datetime, extension: x509.ExtensionType) -> x509.Certificate:
    builder = x509.CertificateBuilder(
        issuer_name=_named("The doctor's test authority"),
        subject_name=_named(name),
        public_key=_key().public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=datetime.now(UTC) - timedelta(days=400),
        not_valid_after=until,
    )
    return builder.add_extension(extension, critical=True).sign(_key(), SHA256())


def authority(home: Path) -> Path:
    """Write the authority's certificate down, for SSL_CERT_FILE."""
    rights = x509.BasicConstraints(ca=True, path_length=None)
    until = datetime.now(UTC) + timedelta(days=4000)
    found = _certificate("The doctor's test authority", until, rights)
    path = home / "authority.pem"
    path.write_bytes(found.public_bytes(Encoding.PEM))
    return path


def certificate(home: Path, host: str, days: int = 90) -> Path:
    """Write a certificate for `host` (a name or an address) that ends in `days`, with its key."""
    is_address = host.startswith("127.")
    name = x509.IPAddress(ip_address(host)) if is_address else x509.DNSName(host)
    names = x509.SubjectAlternativeName([name])
    found = _certificate(host, datetime.now(UTC) + timedelta(days=days), names)
    key = _key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path = home / f"{host}.{days}.pem"
    path.write_bytes(key + found.public_bytes(Encoding.PEM))
    return path


def serving_with(path: Path) -> ssl.SSLContext:
    """The context of a server that shows this certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(path)
    return context


@contextmanager
def https_server(path: Path | None, status: int = 200, date: str | None = None) -> Iterator[int]:
    """Yield the port of a web server that answers everything with `status`."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response_only(status)
            self.send_header("Date", date or self.date_time_string())
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    server.handle_error = lambda *_: None  # who does not like the certificate hangs up
    if path:
        context = serving_with(path)
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
