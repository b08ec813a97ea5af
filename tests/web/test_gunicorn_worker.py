"""The web server gives its threads only requests that have arrived, and bodies only when asked."""

import hashlib
import http.client
import json
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from service.tokens import Purpose, Signer
from tests.echoing import echoing
from tests.processes import private_directory

SLOW = 200  # connections, of a server with four threads


@pytest.fixture(scope="module")
def log() -> Iterator[Path]:
    """The log of the server."""
    with private_directory() as home:
        yield home / "log"


@pytest.fixture(scope="module")
def port(log: Path) -> Iterator[int]:
    """The port of gunicorn with our configuration, and an app that tells what it got."""
    with echoing(log) as found:
        yield found


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=20)


@contextmanager
def slow_clients(port: int, first: bytes) -> Iterator[list[socket.socket]]:
    """Yield many connections that have all sent `first`, and nothing else."""
    with ExitStack() as stack:
        clients = [stack.enter_context(connected(port)) for _number in range(SLOW)]
        for client in clients:
            client.sendall(first)
        yield clients


def ask(port: int, path: str = "/", body: bytes | None = None) -> dict[str, object]:
    """Return what the app has got, from a client like others."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("POST" if body else "GET", path, body)
    told: dict[str, object] = json.load(connection.getresponse())
    connection.close()
    return told


def read_all(client: socket.socket) -> bytes:
    """Return what comes until the server closes."""
    return b"".join(iter(lambda: client.recv(65536), b""))


def is_open(client: socket.socket) -> bool:
    """Return whether the server has neither answered nor closed."""
    client.setblocking(False)
    try:
        client.recv(1)
    except BlockingIOError:
        return True
    finally:
        client.settimeout(20)
    return False


POST = b"POST /x HTTP/1.1\r\nHost: a\r\n"


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"GET /x HTT",
        POST + b"Content-Length: 1000\r\n\r\na",
        POST + b"Content-Length: 1000000\r\n\r\na",
        POST + b"Transfer-Encoding: chunked\r\n\r\n3e8\r\na",
    ],
    ids=["silent", "head", "body", "large body", "chunked body"],
)
def test_clients_are_answered_while_200_others_send_their_requests_slowly(port, first):
    with slow_clients(port, first) as clients:
        for _time in range(5):
            assert ask(port, body=b"hello")["length"] == 5
            for client in clients if first else []:
                client.send(b"a")
        assert all(map(is_open, clients))


def test_with_few_files_to_open_those_that_wait_longest_give_way(tmp_path):
    with echoing(tmp_path / "log", files=150) as port, slow_clients(port, b"GET /x HTT") as clients:
        assert ask(port, body=b"a" * 100_000)["length"] == 100_000
        assert not is_open(clients[0])
        assert is_open(clients[-1])


def test_clients_are_answered_while_200_others_do_not_read_their_answers(port):
    with slow_clients(port, b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n"):
        assert ask(port)["length"] == 0


def test_clients_are_answered_while_200_others_do_not_close(port):
    with slow_clients(port, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n") as clients:
        assert ask(port)["length"] == 0
        assert all(client.recv(12) == b"HTTP/1.1 200" for client in clients)


def test_a_request_that_takes_too_long_is_told_so(tmp_path):
    with echoing(tmp_path / "log", seconds=0.5) as port:
        for first in (b"GET / HT", POST + b"Content-Length: 9\r\n\r\na"):
            with connected(port) as client:
                client.sendall(first)
                assert read_all(client).startswith(b"HTTP/1.1 408 ")


def test_a_body_that_nobody_reads_is_not_waited_for(port):
    with connected(port) as client:
        client.sendall(b"POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: 68157440\r\n\r\n")
        answer = read_all(client)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"Connection: close" in answer


@pytest.mark.parametrize("size", [1, 60_000, 65_536, 65_537, 3_000_000])
def test_a_body_arrives_as_it_was_sent(port, size):
    body = os.urandom(size)
    told = ask(port, body=body)
    assert (told["length"], told["hash"]) == (size, hashlib.sha256(body).hexdigest())


def test_one_connection_carries_many_requests_large_and_small(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    for size in (0, 200_000, 5, 70_000, 0):
        connection.request("POST", "/", b"a" * size)
        assert json.load(connection.getresponse())["length"] == size
    connection.close()


def test_requests_that_come_together_are_answered_in_turn(port):
    first = POST + b"Content-Length: 3\r\n\r\none"
    last = b"GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    with connected(port) as client:
        client.sendall(first + first + last)
        answer = read_all(client).decode()
    assert answer.count('"length": 3') == 2
    assert answer.count('"PATH_INFO": "/last"') == 1


@pytest.mark.parametrize("size", [1000, 1_000_000])
def test_a_client_that_asks_first_is_told_to_go_on_once(port, size):
    head = b"Connection: close\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % size
    with connected(port) as client:
        client.sendall(POST + head)
        assert client.recv(1024) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"a" * size)
        assert read_all(client).startswith(b"HTTP/1.1 200 ")


def test_a_chunked_body_is_put_together(port):
    chunks = [b"one", b"0\r\n\r\n", b"x" * 5000]
    sent = b"".join(b"%x;a=b\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    with connected(port) as client:
        client.sendall(POST + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n")
        for at in range(0, len(sent), 700):
            client.sendall(sent[at : at + 700])
        client.sendall(b"0\r\nX-Sum: a\r\n\r\n")
        told = json.loads(read_all(client).partition(b"\r\n\r\n")[2])
    assert told["hash"] == hashlib.sha256(b"".join(chunks)).hexdigest()


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (POST + b"Transfer-Encoding: chunked\r\n\r\nffffff\r\n" + b"a" * 70_000, 411),
        (POST + b"Transfer-Encoding: chunked\r\n\r\nmany\r\n", 400),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n  -8\r\n", 400),
        (POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 20_000, 431),
        (b"hello\r\n\r\n", 400),
    ],
)
def test_a_request_that_cannot_be_read_is_refused(port, sent, status):
    with connected(port) as client:
        client.sendall(sent)
        assert read_all(client).startswith(b"HTTP/1.1 %d " % status)


def test_no_header_says_where_the_service_is_mounted(port):
    with connected(port) as client:
        head = b"GET /zzz/s/token HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
        client.sendall(head + b"SCRIPT_NAME: /zzz\r\nPATH_INFO: /yyy\r\nScript-Name: /zzz\r\n\r\n")
        answer = read_all(client)
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["SCRIPT_NAME"] == ""


def test_what_gunicorn_logs_names_nobody(port, log):
    token = Signer(["a key for the tests only"]).sign(Purpose.survey, "0123456789abcdefghijkl")
    before = len(log.read_text())
    for head in (
        f"GET /s/{token}?email=marta@norte.example HTTP/1.1\r\nHost: a\r\nConnection: close",
        f"GET /zzz/s/{token} HTTP/1.1\r\nHost: a\r\nSCRIPT_NAME: /yyy\r\nConnection: close",
        f"GET /broken/{token} HTTP/1.1\r\nHost: a",
        f"GET /s/{token} HTTP/9.9\r\nHost: a",
        f"GET /s/{token} marta@norte.example HTTP/1.1",
        f"GET /s/{token} HTTP/1.1\r\nHost: a\r\nA {token}: b",
    ):
        with connected(port) as client:
            client.sendall(f"{head}\r\n\r\n".encode())
            assert read_all(client).startswith(b"HTTP/1.1 ")
    said = log.read_text()[before:]
    assert said.count("/s/…") >= 4
    assert "ValueError: /broken/… of …@…" in said
    assert token not in said
    assert token.partition(".")[0] not in said
    assert "norte" not in said
