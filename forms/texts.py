"""What a person typed, made fit to be stored. Takes away only what no keyboard types."""

import re

from flask_babel import format_decimal
from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString
from wtforms.validators import Length

# NUL (PostgreSQL refuses it) and the other control characters but tab and line feed, and halves of
# surrogate pairs, which UTF-8 cannot say. Emoji, right-to-left marks and joiners stay as typed.
_NOT_TYPED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


def tidied(text: str | None) -> str | None:
    """Return `text` with plain line ends, without control characters and outer space."""
    if text is None:
        return None
    return _NOT_TYPED.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def at_most(count: int) -> Length:
    """Return what lets a text through that has `count` characters at the most."""
    most = LazyString(format_decimal, count)  # as the language of the page writes it
    return Length(max=count, message=_l("Shorten it to %(most)s characters.", most=most))
