"""A mail inside a preview's frame: with its subject above it, light or dark, or as text.

It is shown as if sent: allowed to style itself and nothing else, whatever stands in it.
"""

from flask import Response, make_response, render_template
from markupsafe import escape

from service.current import settings
from service.mail.rendering.rendering import Rendering
from service.mail.rendering.text_checks import Faults
from service.mail.rendering.wire import decoded
from service.messages.views.mails import hashes, with_pictures_inside

_BAR = (
    '<p style="margin:0;padding:12px 16px;font:600 16px/24px sans-serif;'
    "color:{ink};background:{ground};border-bottom:1px solid {line};"
    'overflow-wrap:anywhere">{words}</p>'
)
_LIGHT = {"ink": "#1f1b16", "ground": "#ffffff", "line": "#e4ddd2"}
_DARK = {"ink": "#f4efe7", "ground": "#1f1b16", "line": "#3b362f"}


def as_mail(mail: Rendering, faults: Faults, *, dark: bool) -> Response:
    """Return the HTML part under its subject, in the mode asked for whatever the browser's is."""
    html = with_pictures_inside(mail).replace(
        "(prefers-color-scheme: dark)", "all" if dark else "not all"
    )
    html = html.replace('content="light dark"', f'content="{"dark" if dark else "only light"}"')
    before, body, after = html.partition("<body")
    tag, end, rest = after.partition(">")
    colours = _DARK if dark else _LIGHT
    words = [*(fault.words for fault in (*faults.subject, *faults.body)), mail.subject]
    bars = "".join(_BAR.format(words=escape(said), **colours) for said in words)
    return _framed(before + body + tag + end + bars + rest)


def as_text(mail: Rendering, faults: Faults, language: str) -> Response:
    """Return the text part under its subject."""
    said = render_template(
        "provider/messages/texts/frame.html",
        subject=mail.subject,
        text=decoded(mail.text),
        faults=[*faults.subject, *faults.body],
        language=language,
    )
    return _framed(said)


def _framed(html: str) -> Response:
    answer = make_response(html)
    answer.headers["Content-Security-Policy"] = (
        f"default-src 'none'; img-src data: {settings().base_url}; "
        f"style-src 'self' 'unsafe-hashes' {' '.join(hashes(html))}; "
        "frame-ancestors 'self'; base-uri 'none'; form-action 'none'; sandbox allow-popups"
    )
    return answer
