"""People's words on their way into a mail: cleaned of what could disturb it, never reworded.

Control characters go, and so do the marks that turn the direction of everything behind them.
"""

import re
import unicodedata

_TURNS = {*range(0x202A, 0x202F), *range(0x2066, 0x206A)}
_CONTROLS = {
    "Cc",
    "Cs",
    "Co",
    "Zl",
    "Zp",
}  # Co: no letters; compiled templates mark slots so
MORE = "…"


class Quote(str):
    """Words of somebody's own, over several lines, to be shown as a quotation."""

    __slots__ = ()


def clean(words: str) -> str:
    """Return `words` with its lines, without characters that control something."""
    if words.isprintable():
        return words.strip()
    lines = "\n".join(re.split(r"\r\n|[\r\v\f\x1c-\x1e\x85\u2028\u2029]", words))
    return "".join(" " if c == "\t" else c for c in lines if not _disturbs(c)).strip()


def one_line(words: str) -> str:
    """Return a name or another short text on one line."""
    return " ".join(clean(words).split())


def quoted(words: str, octets: int) -> Quote:
    """Return `words` as a quotation of at most `octets` in UTF-8, cut between two words."""
    words = clean(words)
    encoded = words.encode()
    if len(encoded) <= octets:
        return Quote(words)
    kept = encoded[: octets - len(MORE.encode())].decode(errors="ignore")
    shorter = re.sub(r"\s+\S*$", "", kept)
    return Quote((shorter if len(shorter) > len(kept) // 2 else kept).rstrip() + MORE)


def shortened(name: str, length: int) -> str:
    """Return `name` in at most `length` characters."""
    return name if len(name) <= length else name[: length - 1].rstrip() + MORE


def _disturbs(character: str) -> bool:
    if character.isprintable() or character in "\n\t":
        return False
    return unicodedata.category(character) in _CONTROLS or ord(character) in _TURNS
