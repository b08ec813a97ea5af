"""Behind the nginx and the Caddy that we ship, slow clients and other hosts get nowhere."""

import json
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import cycle

import pytest

from tests.echoing import echoing
from tests.processes import private_directory
from tests.proxies import HOST, Proxy, caddy, nginx

SLOW = 200
ELSEWHERE = "127.0.0.2"  # where slow clients come from
POST = f"POST /x HTTP/1.1\r\nHost: {HOST}\r\n"


@pytest.fixture(scope="module")
def service() -> Iterator[int]:
    """The port of an app that tells what it got."""
    with private_directory() as home, echoing(home / "log") as port:
        yield port


@pytest.fixture(scope="module", params=[nginx, caddy])
def proxy(request: pytest.FixtureRequest, service: int) -> Iterator[Proxy]:
    """A proxy in front of it."""
    with request.param(service) as running:
        yield running


def ask(proxy: Proxy, head: str, body: bytes = b"") -> bytes:
    """Return the answer to a request of somebody else than the slow clients."""
    with proxy.connect() as client:
        client.sendall(f"{head}Connection: close\r\n\r\n".encode() + body)
        return read_all(client)


def read_all(client) -> bytes:
    """Return what comes until the other side closes, in whatever way."""
    said = b""
    while True:
        try:
            more = client.recv(65536)
        except (ConnectionResetError, ssl.SSLEOFError):
            return said
        if not more:
            return said
        said += more


def told(answer: bytes) -> dict[str, str]:
    """Return what the app told in its answer."""
    assert answer.startswith(b"HTTP/1.1 200 "), answer
    found: dict[str, str] = json.loads(answer.partition(b"\r\n\r\n")[2])
    return found


def test_clients_are_answered_while_200_others_send_their_requests_slowly(proxy):
    body, large_body = (f"{POST}Content-Length: {size}\r\n\r\na" for size in (1000, 900_000))
    with ExitStack() as stack:
        clients = [stack.enter_context(proxy.connect(ELSEWHERE)) for _number in range(SLOW)]
        for client, first in zip(clients, cycle(("GET /x HTT", body, large_body)), strict=False):
            client.sendall(first.encode())
        for _time in range(3):
            answer = ask(proxy, f"{POST}Content-Length: 5\r\n", b"hello")
            assert told(answer)["length"] == 5


def test_a_body_that_nobody_reads_is_not_kept(proxy):
    size = 3_000_000
    with proxy.connect() as client:
        head = f"POST /unread HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {size}\r\n\r\n"
        client.sendall(head.encode())
        if not proxy.answers_early:
            client.sendall(b"a" * size)
        assert client.recv(15) == b"HTTP/1.1 200 OK"


def test_a_large_body_arrives_whole(proxy):
    body = b"0123456789" * 500_000
    answer = ask(proxy, f"{POST}Content-Length: {len(body)}\r\n", body)
    assert told(answer)["length"] == len(body)


def test_the_service_is_told_the_clients_address_and_no_other(proxy):
    forged = "X-Forwarded-For: 192.0.2.1\r\nSCRIPT_NAME: /zzz\r\nScript-Name: /zzz\r\n"
    with proxy.connect(ELSEWHERE) as client:
        head = f"GET / HTTP/1.1\r\nHost: {HOST}\r\n{forged}Connection: close\r\n\r\n"
        client.sendall(head.encode())
        got = told(read_all(client))
    assert got["HTTP_X_FORWARDED_FOR"] == ELSEWHERE
    assert (got["HTTP_HOST"], got["SCRIPT_NAME"]) == (HOST, "")


def test_another_host_gets_no_answer(proxy):
    for path in ("/", "/departures//new"):
        assert ask(proxy, f"GET {path} HTTP/1.1\r\nHost: evil.example\r\n") == b""
        with proxy.connect_plain(is_https=False) as client:
            head = f"GET {path} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
            client.sendall(head.encode())
            assert read_all(client) == b""


def test_another_name_gets_no_certificate(proxy):
    with pytest.raises(OSError, match=r"(?i)alert|unrecognized"):
        proxy.connect(server_name="evil.example")


def test_http_leads_to_https(proxy):
    with proxy.connect_plain(is_https=False) as client:
        head = f"GET /s/a HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n"
        client.sendall(head.encode())
        answer = read_all(client).decode()
    assert answer.partition(" ")[2][:3] in {"301", "308"}
    assert f"Location: https://{HOST}" in answer
