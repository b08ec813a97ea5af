"""Where to report a hole: /.well-known/security.txt (RFC 9116)."""

from datetime import timedelta

from flask import Blueprint, Response, abort

from service.clock import now
from service.config import LANGUAGES
from service.current import company, settings
from service.mail.rendering.rendering import sender_address

blueprint = Blueprint("security_txt", __name__)

GOOD_FOR = timedelta(days=180)  # less than a year (RFC 9116, 2.5.5), anew each day
PATH = "/.well-known/security.txt"


@blueprint.get(PATH)
def show() -> Response:
    """Return the address that mails come from as the contact; 404 until it is a real one."""
    address = sender_address(company())
    if address.endswith("@localhost"):
        abort(404)
    day = (now() + GOOD_FOR).date()
    lines = (
        f"Contact: mailto:{address}",
        f"Expires: {day.isoformat()}T00:00:00Z",
        f"Preferred-Languages: {', '.join(LANGUAGES)}",
        f"Canonical: {settings().base_url}{PATH}",
    )
    response = Response("\n".join(lines) + "\n", mimetype="text/plain")
    response.headers["Cache-Control"] = "public, max-age=86400"
    return response
