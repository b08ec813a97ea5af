"""Set the headers of all responses and the nonce of inline styles; trust proxies, but no Host."""

import secrets
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import Flask, Request, Response, g, request
from werkzeug.middleware.proxy_fix import ProxyFix

from service.config import Settings
from service.current import settings
from service.database import only_reading
from service.web import problems

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

MEGABYTE = 1024 * 1024
LARGEST_FORM = 2 * MEGABYTE
LARGEST_OF_API = 64 * 1024  # of any noun of the API
LARGEST_UPLOAD = {  # by endpoint; what is too large for its purpose is then said on the page
    "imports.upload": 60 * MEGABYTE,
    "suppression_lists.upload": 60 * MEGABYTE,
    "settings.save": 12 * MEGABYTE,
    "newsletter_images.upload": 12 * MEGABYTE,
}


class CappedRequest(Request):
    """A request whose body is refused (413) when it is larger than its page has a use for."""

    @property  # type: ignore[misc]
    def max_content_length(self) -> int:  # type: ignore[override]
        """The most bytes that are read of this request."""
        if self.path.startswith(problems.PLACE):
            return LARGEST_OF_API
        return LARGEST_UPLOAD.get(self.endpoint or "", LARGEST_FORM)


def csp_nonce() -> str:
    """Return this request's nonce for inline style and script elements."""
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(16)
    nonce: str = g.csp_nonce
    return nonce


def register(app: Flask) -> None:
    """Register the headers, and mark for the database which requests only read."""
    configured: Settings = app.extensions["settings"]
    app.wsgi_app = OneHost(app.wsgi_app, configured.base_url)  # type: ignore[method-assign]
    trust_proxies(app, configured.trusted_proxies)
    app.request_class = CappedRequest
    app.jinja_env.globals["csp_nonce"] = csp_nonce
    app.before_request(_say_whether_reading)
    app.after_request(set_headers)


class OneHost:
    """Has every request be one to BASE_URL, so that no redirect or link leads to a Host header."""

    def __init__(self, app: "WSGIApplication", base_url: str) -> None:
        self.app = app
        parts = urlsplit(base_url)
        self.scheme, self.host = parts.scheme, parts.netloc.rpartition("@")[2]

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Pass a request on."""
        environ |= {"HTTP_HOST": self.host, "wsgi.url_scheme": self.scheme}
        return self.app(environ, start_response)


def trust_proxies(app: Flask, proxies: int) -> None:
    """Take the visitor's address from exactly the number of proxies in the settings."""
    if proxies:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=proxies, x_proto=0, x_host=0, x_port=0, x_prefix=0
        )


def _say_whether_reading() -> None:
    only_reading.set(request.method in {"GET", "HEAD", "OPTIONS"})


def set_headers(response: Response) -> Response:
    """Add the security headers that a view has not set itself."""
    nonce = g.get("csp_nonce")
    inline = f" 'nonce-{nonce}'" if nonce else ""
    style = f" '{g.csp_style}'" if "csp_style" in g else inline  # a kept page has a hash instead
    response.headers.setdefault(
        "Content-Security-Policy",
        f"default-src 'none'; style-src 'self'{style}; script-src 'self'{inline}; "
        "img-src 'self' data:; font-src 'self'; connect-src 'self'; frame-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    )
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "no-referrer")
    response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    response.headers.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
    if request.endpoint == "static" and "v" in request.args and response.status_code == 200:
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    # A page not marked as public is personal: no cache keeps it, and "back" loads it again.
    response.headers.setdefault("Cache-Control", "no-store")
    if settings().base_url.startswith("https://"):
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    return response
