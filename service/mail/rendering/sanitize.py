"""What people typed, cleaned of what could break a mail; their words stay as they are.

Control characters are removed, and so are the marks that turn the direction of all that follows.
"""

import re
import unicodedata

_TURNS = {*range(0x202A, 0x202F), *range(0x2066, 0x206A)}
_CONTROLS = {"Cc", "Cs", "Co", "Zl", "Zp"}  # Co: private use; compiled templates mark slots so
MORE = "…"


class Quote(str):
    """Text that somebody typed, over several lines, to be shown as a quotation."""

    __slots__ = ()


def clean(text: str) -> str:
    """Return `text` without control characters; its lines end in a line feed."""
    if text.isprintable():
        return text.strip()
    lines = "\n".join(re.split(r"\r\n|[\r\v\f\x1c-\x1e\x85\u2028\u2029]", text))
    return "".join(" " if c == "\t" else c for c in lines if not _is_control(c)).strip()


def one_line(text: str) -> str:
    """Return a name or another short text on one line."""
    return " ".join(clean(text).split())


def quoted(text: str, octets: int) -> Quote:
    """Return `text` as a quotation of at most `octets` in UTF-8, cut between two words."""
    text = clean(text)
    encoded = text.encode()
    if len(encoded) <= octets:
        return Quote(text)
    kept = encoded[: octets - len(MORE.encode())].decode(errors="ignore")
    shorter = re.sub(r"\s+\S*$", "", kept)
    return Quote((shorter if len(shorter) > len(kept) // 2 else kept).rstrip() + MORE)


def shortened(name: str, length: int) -> str:
    """Return `name` in at most `length` characters."""
    return name if len(name) <= length else name[: length - 1].rstrip() + MORE


def _is_control(character: str) -> bool:
    if character.isprintable() or character in "\n\t":
        return False
    return unicodedata.category(character) in _CONTROLS or ord(character) in _TURNS
