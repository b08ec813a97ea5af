"""A body in Markdown as the parts of a mail: clean HTML and text, both with slots to be filled.

Raw HTML is text here, links lead to http, https or mailto, pictures are those that the text brings
along. nh3 looks at the HTML once more, though nothing should be left for it to do.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import nh3
from markdown_it.token import Token
from markupsafe import Markup

from service.mail.rendering import markdown_text, placeholders
from service.mail.rendering.custom_texts import Text
from service.mail.rendering.markdown_reader import (
    CLASSES,
    SCHEMES,
    SLOT,
    Reader,
    countable,
    lead_over,
    linked,
)
from service.models import MailKind

NOTHING = Markup("")
PREHEADER = 85  # characters of the line that mailboxes show
_LONE_SLOT = re.compile("(?m)^ {0,3}(\ue000([a-z_]+)\ue001)[ \t]*$")
_ADDRESS = re.compile(" \\(\ue000[a-z_]+\ue001\\)")
_TAGS = {"p", "br", "strong", "em", "code", "a", "ul", "ol", "li", "blockquote", "h2", "h3", "hr"}
_ATTRIBUTES = {"*": {"class"}, "a": {"href"}, "ol": {"start"}, "img": {"src", "alt", "width"}}


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of a body, in the order of the text.

    `what` is "prose", "button", "score_scale", "short_version" or "signature"; the last three are
    drawn by the templates. A signature has the closing words above it ("Thank you,") in `html`
    and `text`; a button has the words on it in `text` and the slot of its address in `url`.
    """

    what: str
    html: Markup = NOTHING
    text: str = ""
    url: Markup = NOTHING


def parts(text: Text, kind: MailKind) -> list[Part]:
    """Return the parts of the body of `text`, in the language that is set. Never raises.

    What is not allowed is shown as it was typed; saving refuses it (see text_drafts.py).
    """
    reader = Reader(kind, text)
    made: list[Part] = []
    prose: list[Token] = []
    for block in _blocks(reader.parse(_prepared(text.clean_body, kind))):
        special = _special(block, reader)
        if special is None or (special.what == "button" and _has_button(made)):
            prose += block
            continue
        made += [*_prose(prose, reader), special]
        prose = []
    return made + _prose(prose, reader)


def addresses(text: Text, kind: MailKind) -> list[str]:
    """Return where links of the body lead whose openings can be counted, each once."""
    reader = Reader(kind, text)
    return countable(reader.parse(_prepared(text.clean_body, kind)))


def beginning(made: Sequence[Part]) -> str:
    """Return the first words that say something, for the line that mailboxes show; with slots."""
    lines = [line for part in made if part.what == "prose" for line in part.text.split("\n")]
    said = [line for raw in lines if (line := _ADDRESS.sub("", raw).strip())]
    first = next((line for line in said if len(line) > PREHEADER // 2), "".join(said[:1]))
    if len(first) <= PREHEADER:
        return first
    return re.sub(r"\s+\S*$", "", re.sub("\ue000[a-z_]*$", "", first[: PREHEADER - 1])) + "…"


def _prepared(body: str, kind: MailKind) -> str:
    """Return `body` with slots; a link or a block alone on its line gets its own paragraph."""
    return _LONE_SLOT.sub(_apart, placeholders.with_slots(body, kind))


def _apart(match: re.Match[str]) -> str:
    if match[2] == "signature":  # closing words above it belong to it
        return f"{match[1]}\n"
    is_block = match[2] in placeholders.BY_NAME and placeholders.BY_NAME[match[2]].is_block
    return f"\n{match[1]}\n" if is_block or match[2].endswith("_url") else match[0]


def _blocks(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    """Cut `tokens` where a paragraph, a list or another block of the body ends."""
    block: list[Token] = []
    for token in tokens:
        block.append(token)
        if token.level == 0 and token.nesting <= 0:
            yield block
            block = []


def _has_button(made: Sequence[Part]) -> bool:
    return any(part.what == "button" for part in made)


def _special(block: Sequence[Token], reader: Reader) -> Part | None:
    """Return what a paragraph is when it is no prose."""
    if len(block) != 3 or block[0].type != "paragraph_open":
        return None
    said = list(block[1].children or ())
    if said and said[-1].content == "\ue000signature\ue001":
        closing = said[:-2] if len(said) > 1 and said[-2].type.endswith("break") else said[:-1]
        return _signature(closing, reader)
    if len(said) == 1 and (slot := SLOT.fullmatch(said[0].content)):
        if slot[1] in reader.links:
            link = reader.links[slot[1]]
            return Part("button", text=str(link.button), url=Markup(link.slot))  # noqa: S704
        named = placeholders.BY_NAME.get(slot[1])
        return Part(named.name) if named and named.is_block else None
    if len(said) > 2 and said[0].type == "link_open" and said[-1].type == "link_close":
        return _button(said, reader)
    return None


def _signature(closing: list[Token], reader: Reader) -> Part:
    token = Token("inline", "", 0, children=linked(closing, reader))
    html, said = _written([token], reader)
    return Part("signature", html=html, text=said)


def _button(said: list[Token], reader: Reader) -> Part | None:
    slot = SLOT.fullmatch(str(said[0].attrs.get("href", "")))
    inside = said[1:-1]
    if slot is None or any(token.type in {"link_close", "image"} for token in inside):
        return None
    words = markdown_text.written([Token("inline", "", 0, children=linked(inside, reader, True))])
    return Part("button", text=" ".join(words.split()), url=Markup(slot[0]))  # noqa: S704


def _prose(tokens: list[Token], reader: Reader) -> list[Part]:
    if not tokens:
        return []
    for token in tokens:
        if token.children:
            token.children = linked(token.children, reader)
        if token.type.startswith("heading"):
            token.tag = "h2" if token.tag in {"h1", "h2"} else "h3"
        if token.type in CLASSES:
            token.attrSet("class", CLASSES[token.type])
    html, said = _written(tokens, reader)
    return [Part("prose", html=html, text=said)]


def _written(tokens: list[Token], reader: Reader) -> tuple[Markup, str]:
    """Return HTML and text. The text, where addresses are read, shows where its links lead."""
    said = markdown_text.written(tokens)
    lead_over(tokens, reader.counted)
    return _washed(reader.renderer.render(tokens, reader.options, {})), said


def _washed(html: str) -> Markup:
    washed = nh3.clean(
        html,
        tags=_TAGS | {"img"},
        attributes=_ATTRIBUTES,
        url_schemes={*SCHEMES, "cid"},
        link_rel=None,
    )
    return Markup(washed)  # noqa: S704
