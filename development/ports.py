"""Ports of this machine: which one is free, what answers there."""

import http.client
import socket

from development.environment import Trouble


def check(port: int) -> None:
    """Raise Trouble, naming the way out, when the web server could not listen there."""
    try:
        bind(port)
    except PermissionError:
        why = f"{port} needs more rights than you have"
    except OSError:
        why = f"{port} is taken by another program"
    else:
        return
    other = free(8001)
    raise Trouble(f"PORT: {why}; choose another one: PORT={other} python3 dev.py run")


def free(preferred: int) -> int:
    """Return `preferred`, or the next port after it that nobody listens on."""
    for port in range(preferred, 65536):
        try:
            bind(port)
        except OSError:
            continue
        return port
    raise Trouble("PORT: no free port is left on this machine")


def bind(port: int) -> None:
    """Try the port for a moment; raises OSError. Never with SO_REUSEPORT, which hides others."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        probe.listen(1)


def answer(port: int, path: str) -> bool:
    """Say whether a web server of ours has a page at `path`."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def listens(port: int) -> bool:
    """Say whether anything takes connections there."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True
