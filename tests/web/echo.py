"""A WSGI app that tells what it got, for the tests of the web server; it waits half as long."""

import hashlib
import json
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.types import WSGIEnvironment

from service.web import gunicorn_worker

gunicorn_worker.SECONDS_FOR_HEAD = 2.0
gunicorn_worker.SECONDS_FOR_BODY = 2.0
LARGE_PAGE = b"x" * 150_000


def app(environ: WSGIEnvironment, start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer with the body's length and hash.

    `/unread` leaves the body where it is, `/large` is large, `/broken/…` fails.
    """
    path = environ["PATH_INFO"]
    if path.startswith("/broken/"):
        raise ValueError(f"{path} of marta@norte.example")
    if path == "/large":
        start_response("200 OK", [("Content-Length", str(len(LARGE_PAGE)))])
        return [LARGE_PAGE]
    body = b"" if path == "/unread" else environ["wsgi.input"].read()
    told = {"length": len(body), "hash": hashlib.sha256(body).hexdigest()}
    told |= {name: environ[name] for name in ("PATH_INFO", "SCRIPT_NAME", "REQUEST_METHOD")}
    answer = json.dumps(told).encode()
    start_response("200 OK", [("Content-Length", str(len(answer)))])
    return [answer]
