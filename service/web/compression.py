"""Compress the pages for clients, so that they fit the first packets of a slow connection.

Only pages without a cookie: the length of a compressed page behind the login could disclose a
secret in it (BREACH).
"""

import gzip

from flask import Response, request

SMALLEST = 1024  # octets; below, the headers weigh more than what is won


def wants_gzip() -> bool:
    """Return whether the browser accepts gzip."""
    return request.accept_encodings["gzip"] > 0


def compress(response: Response) -> Response:
    """Compress a page that is not compressed yet; for `after_request` of a blueprint."""
    response.vary.add("Accept-Encoding")
    if (
        response.mimetype in {"text/html", "application/json"}
        and "Content-Encoding" not in response.headers
        and not response.direct_passthrough
        and wants_gzip()
    ):
        body = response.get_data()
        if len(body) >= SMALLEST:
            response.set_data(gzip.compress(body, 6, mtime=0))
            response.headers["Content-Encoding"] = "gzip"
    return response
