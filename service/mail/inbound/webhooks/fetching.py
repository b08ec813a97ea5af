"""Fetch a small thing over https from a host that the caller has checked. No redirects."""

from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener

TIMEOUT = 5.0  # seconds
LARGEST = 64 * 1024


class Unfetched(Exception):
    """It could not be had just now."""


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> Request | None:
        return None


def fetch(url: str) -> bytes:
    """Return what is at `url`, at most LARGEST octets; raises Unfetched."""
    if not url.startswith("https://"):
        raise Unfetched("only https")
    try:
        with build_opener(_NoRedirects()).open(url, timeout=TIMEOUT) as answer:
            return bytes(answer.read(LARGEST))
    except (HTTPError, URLError, OSError, ValueError) as error:
        raise Unfetched(type(error).__name__) from error
