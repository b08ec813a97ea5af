"""Pages as a browser without script uses them: fields are read from the page, then sent back."""

import re

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

# What the buttons of a panel add to the form that it came from: the mails of an act were seen, and
# leave after its hour; or the first one leaves now.
SEEN = {"panel": "yes"}
NOW = {"panel": "now"}


def proof_in(html: str) -> str:
    """Return the CSRF token that a page carries."""
    field = re.search(r'<input\b[^>]*\bname="csrf_token"[^>]*>', html)
    value = re.search(r'\bvalue="([^"]+)"', field[0]) if field else None
    assert value, "the page carries no csrf_token"
    return value[1]


def send(
    client: FlaskClient, path: str, data: dict[str, object] | None = None, page: str | None = None
) -> TestResponse:
    """Open `page` (default: `path`), fill in `data`, and post it to `path` with the proof."""
    shown = client.get(page or path)
    assert shown.status_code == 200, f"{page or path} answers {shown.status}"
    return client.post(path, data={"csrf_token": proof_in(shown.text), **(data or {})})
