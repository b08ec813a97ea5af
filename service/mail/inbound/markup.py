"""The words of an HTML mail that came in, as plain text: its markup is thrown away, in one pass.

No parser, on purpose: html.parser needs time that grows with the square of what is broken in it.
"""

import html

_SILENT = frozenset({"style", "script", "head", "title", "template"})
_LINES = frozenset({"br", "p", "div", "tr", "li", "h1", "h2", "h3", "blockquote", "table"})


def words_of(text: str) -> str:
    """Return what an HTML text says, a line a block."""
    first, *pieces = text.split("<")
    words, silent = [first], ""
    for piece in pieces:
        tag, closed, after = piece.partition(">")
        name = tag.strip("/ \n\t").partition(" ")[0].partition("\n")[0].rstrip("/").lower()
        if silent:
            silent = "" if tag.startswith("/") and name == silent else silent
            continue
        if name in _SILENT and not tag.startswith("/"):
            silent = name
            continue
        words.append("\0" if name in _LINES else "")
        words.append(after if closed else "")
    lines = html.unescape("".join(words).replace("\n", " ")).split("\0")
    return "\n".join(joined for line in lines if (joined := " ".join(line.split())))
