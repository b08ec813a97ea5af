"""What a shorter version leaves out, word by word, to be shown beside the original."""

import re
from difflib import SequenceMatcher
from typing import NamedTuple


class Piece(NamedTuple):
    """A run of the original, kept or left out."""

    text: str
    is_kept: bool


def left_out(original: str, shorter: str) -> list[Piece]:
    """Return `original` in pieces, each kept in `shorter` or left out of it; all of it if empty."""
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
