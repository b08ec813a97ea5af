"""A WSGI app that tells what it got, for the tests of the web server and of proxies."""

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.types import WSGIEnvironment

from service.web import gunicorn_worker

gunicorn_worker.SECONDS_FOR_HEAD = float(os.environ["ECHO_SECONDS"])
gunicorn_worker.SECONDS_FOR_BODY = float(os.environ["ECHO_SECONDS"])
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
    told |= {name: said for name, said in environ.items() if isinstance(said, str)}
    answer = json.dumps(told).encode()
    start_response("200 OK", [("Content-Length", str(len(answer)))])
    return [answer]
