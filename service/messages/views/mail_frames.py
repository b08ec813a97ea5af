"""A mail in a frame of a page, as if it was sent: it may style itself, and do nothing else."""

import base64
import hashlib
import re

from flask import Response, make_response, render_template
from markupsafe import escape

from service.current import settings
from service.mail.rendering.messages import decoded
from service.mail.rendering.rendering import Rendering
from service.mail.rendering.text_drafts import Faults

# The subject and the faults above a previewed mail.
_BAR = (
    '<p style="margin:0;padding:12px 16px;font:600 16px/24px sans-serif;'
    "color:{ink};background:{ground};border-bottom:1px solid {line};"
    'overflow-wrap:anywhere">{text}</p>'
)
_LIGHT = {"ink": "#1f1b16", "ground": "#ffffff", "line": "#e4ddd2"}
_DARK = {"ink": "#f4efe7", "ground": "#1f1b16", "line": "#3b362f"}


def html_part(mail: Rendering, faults: Faults, *, dark: bool) -> Response:
    """Return the HTML part under its subject, in the mode asked for whatever the browser's is."""
    html = with_pictures_inside(mail).replace(
        "(prefers-color-scheme: dark)", "all" if dark else "not all"
    )
    html = html.replace('content="light dark"', f'content="{"dark" if dark else "only light"}"')
    before, body, after = html.partition("<body")
    tag, end, rest = after.partition(">")
    colours = _DARK if dark else _LIGHT
    texts = [*(fault.words for fault in (*faults.subject, *faults.body)), mail.subject]
    bars = "".join(_BAR.format(text=escape(text), **colours) for text in texts)
    return _preview(before + body + tag + end + bars + rest)


def text_part(mail: Rendering, faults: Faults, language: str) -> Response:
    """Return the text part under its subject."""
    page = render_template(
        "provider/messages/texts/frame.html",
        subject=mail.subject,
        text=decoded(mail.text),
        faults=[*faults.subject, *faults.body],
        language=language,
    )
    return _preview(page)


def _preview(html: str) -> Response:
    return in_frame(html, f"data: {settings().base_url}", "'self'")


def in_frame(html: str, images: str = "data:", styles: str = "") -> Response:
    """Return `html` for a frame of our own pages; it may style itself and nothing else.

    `images` and `styles` are sources of the Content-Security-Policy.
    """
    answer = make_response(html)
    allowed = " ".join(filter(None, [styles, "'unsafe-hashes'", *style_hashes(html)]))
    answer.headers["Content-Security-Policy"] = (
        f"default-src 'none'; img-src {images}; style-src {allowed}; "
        "frame-ancestors 'self'; base-uri 'none'; form-action 'none'; sandbox allow-popups"
    )
    return answer


def with_pictures_inside(mail: Rendering) -> str:
    """Return the HTML part with its pictures where it shows them, as a browser wants them."""
    html = decoded(mail.html)
    for picture in mail.pictures:
        octets = base64.b64encode(picture.octets).decode()
        html = html.replace(
            f'"cid:{picture.content_id}"', f'"data:{picture.media_type};base64,{octets}"'
        )
    return html


def style_hashes(html: str) -> list[str]:
    """Return the CSP sources for exactly the styles in `html`, in elements and attributes."""
    sheets = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    attributes = re.findall(r'\sstyle="([^"]*)"', html)
    found = {style.replace("&quot;", '"').replace("&amp;", "&") for style in attributes}
    return sorted(
        f"'sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}'"
        for style in {*found, *sheets}
    )
