"""Headers on every answer, and the nonce for the few inline styles."""

import secrets

from flask import Flask, Response, g, request

from service.current import settings
from service.database import only_reading


def csp_nonce() -> str:
    """Return this request's nonce for inline style and script elements."""
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(16)
    nonce: str = g.csp_nonce
    return nonce


def register(app: Flask) -> None:
    """Set the headers, and tell the database which requests only read."""
    app.jinja_env.globals["csp_nonce"] = csp_nonce
    app.before_request(_say_whether_reading)
    app.after_request(set_headers)


def _say_whether_reading() -> None:
    only_reading.set(request.method in {"GET", "HEAD", "OPTIONS"})


def set_headers(response: Response) -> Response:
    """Add the security headers that a view has not set itself."""
    nonce = g.get("csp_nonce")
    inline = f" 'nonce-{nonce}'" if nonce else ""
    response.headers.setdefault(
        "Content-Security-Policy",
        f"default-src 'none'; style-src 'self'{inline}; script-src 'self'{inline}; "
        "img-src 'self' data:; font-src 'self'; connect-src 'self'; frame-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    )
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "no-referrer")
    response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    response.headers.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
    if settings().base_url.startswith("https://"):
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    return response
