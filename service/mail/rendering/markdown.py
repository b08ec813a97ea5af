"""A body in Markdown as the parts of a mail: clean HTML and text, both with slots to be filled.

Raw HTML is text here, links lead to http, https or mailto, and the only pictures are those that
the text names. nh3 cleans the HTML once more, though nothing should be left for it to do.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import nh3
from markdown_it.token import Token
from markupsafe import Markup

from service.mail.kinds import RULES
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
_FACT = re.compile(r"\| (.+?) \| (.+) \|")
_TAGS = {"p", "br", "strong", "em", "code", "a", "ul", "ol", "li", "blockquote", "h2", "h3", "hr"}
_ATTRIBUTES = {"*": {"class"}, "a": {"href"}, "ol": {"start"}, "img": {"src", "alt", "width"}}


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of a body, in the order of the text.

    `what` is "prose", "button", "score_scale", "quotation", "facts" or "signature"; the frames draw
    all but prose. `html` and `text` of a signature are the closing words above it ("Thank you,").
    A button has its label in `text` and the slot of its address in `url`. A quotation has its label
    in `text` and the name of its value in `value`. Facts are pairs of a label and a value, both
    with slots; only mails to the team have them.
    """

    what: str
    html: Markup = NOTHING
    text: str = ""
    url: Markup = NOTHING
    value: str = ""
    facts: tuple[tuple[str, str], ...] = ()


def parts(text: Text, kind: MailKind) -> list[Part]:
    """Return the parts of the body of `text`, in the language that is set. Never raises.

    What is not allowed stays as it was typed; saving refuses it (see text_drafts.py).
    """
    reader = Reader(kind, text)
    made: list[Part] = []
    prose: list[Token] = []
    for block in _blocks(reader.parse(_prepared(text.clean_body, kind))):
        special = _special(block, reader)
        has_button = any(part.what == "button" for part in made)
        if special is None or (special.what == "button" and has_button):
            prose += block
            continue
        made += [*_prose(prose, reader), special]
        prose = []
        if len(made) > 1 and special.what == made[-2].what == "facts":  # one of them was not known
            made[-2:] = [replace(special, facts=made[-2].facts + special.facts)]
    return made + _prose(prose, reader)


def addresses(text: Text, kind: MailKind) -> list[str]:
    """Return the addresses of the body's links whose openings can be counted, each once."""
    reader = Reader(kind, text)
    return countable(reader.parse(_prepared(text.clean_body, kind)))


def beginning(made: Sequence[Part]) -> str:
    """Return the first line of substance, with slots, for the line that mailboxes show."""
    typed = [line for part in made if part.what == "prose" for line in part.text.split("\n")]
    lines = [line for raw in typed if (line := _ADDRESS.sub("", raw).strip())]
    first = next((line for line in lines if len(line) > PREHEADER // 2), "".join(lines[:1]))
    if len(first) <= PREHEADER:
        return first
    return re.sub(r"\s+\S*$", "", re.sub("\ue000[a-z_]*$", "", first[: PREHEADER - 1])) + "…"


def _prepared(body: str, kind: MailKind) -> str:
    """Return `body` with slots; a link or a block alone on its line gets its own paragraph."""
    known, to_team = placeholders.known(kind), RULES[kind].to_team

    def apart(match: re.Match[str]) -> str:
        named = known.get(match[2])
        if match[2] == "signature" or (named and named.is_quotation and to_team):
            return f"{match[1]}\n"  # closing words, or a label, above it belong to it
        is_block = named is not None and named.is_block
        return f"\n{match[1]}\n" if is_block or match[2].endswith("_url") else match[0]

    return _LONE_SLOT.sub(apart, placeholders.with_slots(body, kind))


def _blocks(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    """Cut `tokens` where a paragraph, a list or another block of the body ends."""
    block: list[Token] = []
    for token in tokens:
        block.append(token)
        if token.level == 0 and token.nesting <= 0:
            yield block
            block = []


def _special(block: Sequence[Token], reader: Reader) -> Part | None:
    """Return a paragraph as a part when it is more than prose."""
    if len(block) != 3 or block[0].type != "paragraph_open":
        return None
    lines = block[1].content.split("\n")
    if reader.to_team and all(facts := [_FACT.fullmatch(line) for line in lines]):
        return Part("facts", facts=tuple((fact[1], fact[2]) for fact in facts if fact))
    last = SLOT.fullmatch(lines[-1])
    quoted = reader.placeholders.get(last[1]) if last else None
    if quoted and quoted.is_quotation and (reader.to_team or len(lines) == 1):
        return Part("quotation", text="\n".join(lines[:-1]), value=quoted.value)
    tokens = list(block[1].children or ())
    if tokens and tokens[-1].content == "\ue000signature\ue001":
        has_break = len(tokens) > 1 and tokens[-2].type.endswith("break")
        closing = linked(tokens[:-2] if has_break else tokens[:-1], reader)
        html, text = _written([Token("inline", "", 0, children=closing)], reader)
        return Part("signature", html=html, text=text)
    if len(tokens) == 1 and (slot := SLOT.fullmatch(tokens[0].content)):
        if slot[1] in reader.links:
            link = reader.links[slot[1]]
            return Part("button", text=str(link.button), url=Markup(link.slot))  # noqa: S704
        named = reader.placeholders.get(slot[1])
        return Part(named.name) if named and named.is_block else None
    if len(tokens) > 2 and tokens[0].type == "link_open" and tokens[-1].type == "link_close":
        return _button(tokens, reader)
    return None


def _button(tokens: list[Token], reader: Reader) -> Part | None:
    """Return a lone link as a button, when its address is a slot and its label is text alone."""
    slot = SLOT.fullmatch(str(tokens[0].attrs.get("href", "")))
    inside = tokens[1:-1]
    if slot is None or any(token.type in {"link_close", "image"} for token in inside):
        return None
    label = markdown_text.written([Token("inline", "", 0, children=linked(inside, reader, True))])
    return Part("button", text=" ".join(label.split()), url=Markup(slot[0]))  # noqa: S704


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
    html, text = _written(tokens, reader)
    return [Part("prose", html=html, text=text)]


def _written(tokens: list[Token], reader: Reader) -> tuple[Markup, str]:
    """Return HTML and text. The text, where addresses are read, shows where its links lead."""
    text = markdown_text.written(tokens)
    lead_over(tokens, reader.counted)
    html = nh3.clean(
        reader.renderer.render(tokens, reader.options, {}),
        tags=_TAGS | {"img"},
        attributes=_ATTRIBUTES,
        url_schemes={*SCHEMES, "cid"},
        link_rel=None,
    )
    return Markup(html), text  # noqa: S704
