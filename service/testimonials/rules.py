"""Compare a shorter version of a quote with its original: what it leaves out, what it adds."""

import re
from difflib import SequenceMatcher
from typing import NamedTuple


class Piece(NamedTuple):
    """A run of the original, kept or left out."""

    text: str
    is_kept: bool


def left_out(original: str, shorter: str) -> list[Piece]:
    """Return the pieces of `original`, kept in `shorter` or left out of it.

    All of it is kept when `shorter` is empty.
    """
    if not shorter:
        return [Piece(original, True)]
    old = re.findall(r"\S+\s*", original)
    new = re.findall(r"\S+\s*", shorter)
    plain = [word.strip(' \n\t.,;:!?¡¿…«»"“”').casefold() for word in old]
    there = [word.strip(' \n\t.,;:!?¡¿…«»"“”').casefold() for word in new]
    matcher = SequenceMatcher(None, plain, there, autojunk=False)
    pieces = []
    for what, start, end, _from, _to in matcher.get_opcodes():
        if start < end:
            pieces.append(Piece("".join(old[start:end]), what == "equal"))
    return pieces


def first_added_word(original: str, shorter: str) -> str | None:
    """Return the first word of `shorter` that `original` does not have at that place, or None.

    Case and punctuation do not count, so that a sentence may begin and end elsewhere.
    """
    rest = (word.casefold() for word in _words(original))  # `in` continues where it last stopped
    return next((word for word in _words(shorter) if word.casefold() not in rest), None)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+(?:['’.,\-]\w+)*|[^\w\s.,;:!?¡¿…\"'“”«»()\[\]–—-]", text)
