"""Real proxies, Debian's nginx and Caddy, by the files that we ship: other ports, nothing else.

They run in a folder of their own and never touch those of the machine.
"""

import os
import re
import shutil
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.live import ROOT, free_port
from tests.processes import missing, private_directory, start, stop, wait_until

DEPLOYMENT = ROOT / "deployment"
PAIR = ROOT / "tests" / "mail" / "certificates" / "trusted.pem"  # certificate and key
HOST = "adios.example.com"  # as our files have it
TRUSTING = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
TRUSTING.check_hostname, TRUSTING.verify_mode = False, ssl.CERT_NONE

AROUND_NGINX = """
pid {home}/pid;
error_log {home}/log;
daemon off;
master_process off;
events {{ worker_connections 768; }}
http {{
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    include {home}/site.conf;
}}
"""

AROUND_CADDY = """{{
	admin off
	local_certs
	skip_install_trust
	http_port {http}
	https_port {https}
"""


@dataclass(frozen=True)
class Proxy:
    """A proxy that runs, and its ports."""

    http: int
    https: int
    answers_early: bool = True  # also when a body has not been sent; Caddy only by HTTP/2

    def connect(self, source: str = "127.0.0.1", server_name: str = HOST) -> ssl.SSLSocket:
        """Return a connection by TLS, from an address of loopback."""
        plain = self.connect_plain(source)
        try:
            return TRUSTING.wrap_socket(plain, server_hostname=server_name)
        except OSError:
            plain.close()
            raise

    def connect_plain(self, source: str = "127.0.0.1", *, is_https: bool = True) -> socket.socket:
        """Return a connection without TLS."""
        address = ("127.0.0.1", self.https if is_https else self.http)
        return socket.create_connection(address, timeout=20, source_address=(source, 0))


def replaced(name: str, words: dict[str, str]) -> str:
    """Return a file that we ship with some of its words replaced."""
    text = (DEPLOYMENT / name).read_text()
    for what, by in words.items():
        text, count = re.subn(what, by, text)
        assert count, f"{name} no longer says {what!r}"
    return text


@contextmanager
def nginx(service: int) -> Iterator[Proxy]:
    """Yield nginx in front of the service's port."""
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    program = program or missing("nginx (apt-get install nginx-light)")
    proxy = Proxy(free_port(), free_port())
    with private_directory() as home:
        words = {
            r" *listen \[::\].*\n": "",
            r"listen 80\b": f"listen 127.0.0.1:{proxy.http}",
            r"listen 443\b": f"listen 127.0.0.1:{proxy.https}",
            r"/etc/letsencrypt/\S+\.pem": str(PAIR),
            r"127\.0\.0\.1:8000": f"127.0.0.1:{service}",
        }
        (home / "site.conf").write_text(replaced("nginx.conf", words))
        (home / "nginx.conf").write_text(AROUND_NGINX.format(home=home))
        with running(home, proxy, [program, "-p", str(home), "-c", str(home / "nginx.conf")]):
            yield proxy


@contextmanager
def caddy(service: int) -> Iterator[Proxy]:
    """Yield Caddy in front of the service's port, with a certificate of its own making."""
    program = shutil.which("caddy") or missing("Caddy (apt-get install caddy)")
    proxy = Proxy(free_port(), free_port(), answers_early=False)
    with private_directory() as home:
        words = {
            r"(?m)^\{\n": AROUND_CADDY.format(http=proxy.http, https=proxy.https),
            r":80, :443 ": f":{proxy.http}, :{proxy.https} ",
            r"127\.0\.0\.1:8000": f"127.0.0.1:{service}",
        }
        (home / "Caddyfile").write_text(replaced("Caddyfile", words))
        command = [program, "run", "--adapter", "caddyfile", "--config", str(home / "Caddyfile")]
        with running(home, proxy, command):
            yield proxy


@contextmanager
def running(home: Path, proxy: Proxy, command: list[str]) -> Iterator[None]:
    """Run a proxy until it speaks TLS, and end it afterwards."""
    log = home / "said"
    with log.open("wb") as out:
        environment = {"PATH": os.environ["PATH"], "HOME": str(home), "XDG_DATA_HOME": str(home)}
        process = start(command, cwd=home, env=environment, stdout=out, stderr=out)
    try:
        wait_until(lambda: proxy.connect().close(), process, log)
        yield
    finally:
        stop(process)
        print(log.read_text()[-5000:])
