"""Pages as a browser without script uses them: fields are read from the page, then sent back."""

from html.parser import HTMLParser

from flask.testing import FlaskClient
from werkzeug.test import TestResponse


class _Token(HTMLParser):
    found = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        fields = dict(attrs)
        if tag == "input" and fields.get("name") == "csrf_token":
            self.found = fields.get("value") or ""


def proof_in(html: str) -> str:
    """Return the CSRF token that a page carries."""
    parser = _Token()
    parser.feed(html)
    assert parser.found, "the page carries no csrf_token"
    return parser.found


def send(
    client: FlaskClient, path: str, data: dict[str, object] | None = None, page: str | None = None
) -> TestResponse:
    """Open `page` (default: `path`), fill in `data`, and post it to `path` with the proof."""
    shown = client.get(page or path)
    assert shown.status_code == 200, f"{page or path} answers {shown.status}"
    return client.post(path, data={"csrf_token": proof_in(shown.text), **(data or {})})
