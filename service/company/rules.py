"""What a file chosen as a logo may be, before anything decodes it."""

from flask_babel import gettext as _

from service.errors import Refused

MOST_BYTES = 256 * 1024


def check(file: bytes) -> None:
    """Raise Refused, which says what to do instead, for a file that is too large or an SVG."""
    if len(file) > MOST_BYTES:
        raise Refused(_("The picture is larger than 256 KB. A logo 400 pixels wide is enough."))
    if b"<svg" in file[:4096].lower():
        raise Refused(_("SVG files can carry programs. Export the logo as PNG, please."))
