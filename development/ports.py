"""TCP ports of this machine: whether one is free, and whether something answers there."""

import http.client
import socket

from development.environment import Trouble


def check(port: int) -> None:
    """Raise Trouble, with a free port to use instead, when nothing could listen on `port`."""
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
    """Return `preferred`, or the next free port after it."""
    for port in range(preferred, 65536):
        try:
            bind(port)
        except OSError:
            continue
        return port
    raise Trouble("PORT: no free port is left on this machine")


def bind(port: int) -> None:
    """Listen on the port for a moment; raises OSError. SO_REUSEPORT would hide other listeners."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        probe.listen(1)


def answer(port: int, path: str) -> bool:
    """Return whether a GET of `path` is answered with 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def listens(port: int) -> bool:
    """Return whether something accepts connections on `port`."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True
