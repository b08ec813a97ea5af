"""A body in Markdown as the parts of a mail: clean HTML and text, both with gaps to be filled.

Raw HTML is text here, links lead to http, https or mailto, pictures are those that the text brings
along. nh3 looks at the HTML once more, though nothing should be left for it to do.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from service.mail import markdown_text, placeholders
from service.mail.placeholders import Placeholder
from service.mail.texts import Text
from service.models import MailKind

SCHEMES = frozenset({"http", "https", "mailto"})
NOTHING = Markup("")
PREHEADER = 85  # characters of the line that mailboxes show
GAP = re.compile("\ue000([a-z_]+)\ue001")
_LONE_GAP = re.compile("(?m)^ {0,3}(\ue000([a-z_]+)\ue001)[ \t]*$")
_ADDRESS = re.compile(" \\(\ue000[a-z_]+\ue001\\)")
_CLASSES = {
    "paragraph_open": "ink",
    "heading_open": "ink heading",
    "bullet_list_open": "ink list",
    "ordered_list_open": "ink list",
    "list_item_open": "ink item",
    "blockquote_open": "ink quote cited",
    "hr": "rule",
    "link_open": "accent",
    "image": "picture",
}
_TAGS = {"p", "br", "strong", "em", "code", "a", "ul", "ol", "li", "blockquote", "h2", "h3", "hr"}
_ATTRIBUTES = {"*": {"class"}, "a": {"href"}, "ol": {"start"}, "img": {"src", "alt"}}
_NOT_FOR_LETTERS = ["code", "fence", "html_block", "html_inline", "entity"]


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of a body, in the order of the text.

    `what` is "prose", "button", "score_scale", "short_version" or "signature"; the last three are
    drawn by the templates. A signature has the closing words above it ("Thank you,") in `html`
    and `text`; a button has the words on it in `text` and the gap of its address in `url`.
    """

    what: str
    html: Markup = NOTHING
    text: str = ""
    url: Markup = NOTHING


class Reader(MarkdownIt):
    """CommonMark as far as a letter needs it; a line break stays one. Entities are no marks of
    ours in disguise, because they are not read."""

    def __init__(self, kind: MailKind, pictures: Mapping[str, str]) -> None:
        super().__init__("commonmark", {"html": False, "breaks": True})
        self.disable(_NOT_FOR_LETTERS)
        self.links = {one.word: one for one in placeholders.of(kind) if one.is_link}
        self.pictures = pictures

    def validateLink(self, url: str) -> bool:  # noqa: N802
        """Whether `url` may stand in the mail."""
        gap = GAP.fullmatch(url)
        if gap:
            return gap[1] in self.links
        return url in self.pictures or is_address(url)

    def normalizeLink(self, url: str) -> str:  # noqa: N802
        """Return `url` as it is written into the mail; gaps and pictures stay as they are."""
        if "\ue000" in url or url in self.pictures:
            return url
        return str(super().normalizeLink(url))


def is_address(url: str) -> bool:
    """Whether `url` leads to http, https or mailto, and nothing is filled into it."""
    if re.search("[\ue000-\uf8ff\\s]", url):
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in SCHEMES and bool(parts.netloc or parts.scheme == "mailto")


def parts(text: Text, kind: MailKind) -> list[Part]:
    """Return the parts of the body of `text`, in the language that is set. Never raises.

    What is not allowed is shown as it was typed; saving refuses it (see text_checks.py).
    """
    reader = Reader(kind, dict(text.pictures))
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


def beginning(made: Sequence[Part]) -> str:
    """Return the first words that say something, for the line that mailboxes show; with gaps."""
    lines = [line for part in made if part.what == "prose" for line in part.text.split("\n")]
    said = [line for raw in lines if (line := _ADDRESS.sub("", raw).strip())]
    first = next((line for line in said if len(line) > PREHEADER // 2), "".join(said[:1]))
    if len(first) <= PREHEADER:
        return first
    return re.sub(r"\s+\S*$", "", re.sub("\ue000[a-z_]*$", "", first[: PREHEADER - 1])) + "…"


def _prepared(body: str, kind: MailKind) -> str:
    """Return `body` with gaps; a link or a block alone on its line gets its own paragraph."""
    return _LONE_GAP.sub(_apart, placeholders.gapped(body, kind))


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
    if len(said) == 1 and (gap := GAP.fullmatch(said[0].content)):
        if gap[1] in reader.links:
            link = reader.links[gap[1]]
            return Part("button", text=str(link.button), url=Markup(link.gap))  # noqa: S704
        named = placeholders.BY_NAME.get(gap[1])
        return Part(named.name) if named and named.is_block else None
    if len(said) > 2 and said[0].type == "link_open" and said[-1].type == "link_close":
        return _button(said, reader)
    return None


def _signature(closing: list[Token], reader: Reader) -> Part:
    token = Token("inline", "", 0, children=_linked(closing, reader))
    html = _washed(reader.renderer.render([token], reader.options, {}))
    return Part("signature", html=html, text=markdown_text.written([token]))


def _button(said: list[Token], reader: Reader) -> Part | None:
    gap = GAP.fullmatch(str(said[0].attrs.get("href", "")))
    inside = said[1:-1]
    if gap is None or any(token.type in {"link_close", "image"} for token in inside):
        return None
    words = markdown_text.written([Token("inline", "", 0, children=_linked(inside, reader, True))])
    return Part("button", text=" ".join(words.split()), url=Markup(gap[0]))  # noqa: S704


def _prose(tokens: list[Token], reader: Reader) -> list[Part]:
    if not tokens:
        return []
    for token in tokens:
        if token.children:
            token.children = _linked(token.children, reader)
        if token.type.startswith("heading"):
            token.tag = "h2" if token.tag in {"h1", "h2"} else "h3"
        if token.type in _CLASSES:
            token.attrSet("class", _CLASSES[token.type])
    html = _washed(reader.renderer.render(tokens, reader.options, {}))
    return [Part("prose", html=html, text=markdown_text.written(tokens))]


def _washed(html: str) -> Markup:
    washed = nh3.clean(
        html,
        tags=_TAGS | {"img"},
        attributes=_ATTRIBUTES,
        url_schemes={*SCHEMES, "cid", "data"},
        link_rel=None,
    )
    return Markup(washed)  # noqa: S704


def _linked(children: Sequence[Token], reader: Reader, inside: bool = False) -> list[Token]:
    """Return inline tokens with links where gaps of links are, and only pictures that we have."""
    made: list[Token] = []
    for token in children:
        if token.type in {"link_open", "link_close"}:
            inside = token.type == "link_open"
            token.attrs = {name: said for name, said in token.attrs.items() if name == "href"}
        if token.type == "image":
            token = _picture(token, reader)
        if token.type == "code_inline":
            token.content = GAP.sub(lambda gap: _words_of(gap, reader.links), token.content)
        if token.type == "text":
            made += _with_links(token.content, reader.links, inside)
        else:
            made.append(token)
        if token.type in _CLASSES:
            token.attrSet("class", _CLASSES[token.type])
    return made


def _picture(token: Token, reader: Reader) -> Token:
    source = reader.pictures.get(str(token.attrs.get("src", "")))
    words = markdown_text.written([Token("inline", "", 0, children=token.children or [])])
    words = GAP.sub(lambda gap: _words_of(gap, reader.links), words)
    if source is None:
        return Token("text", "", 0, content=words)
    inner = [Token("text", "", 0, content=words)]
    return Token("image", "img", 0, attrs={"src": source, "alt": ""}, children=inner)


def _with_links(words: str, links: Mapping[str, Placeholder], inside: bool) -> Iterator[Token]:
    """Cut `words` at the gaps of links; inside of another link a gap is only its words."""
    if inside:
        words = GAP.sub(lambda gap: _words_of(gap, links), words)
    for place, piece in enumerate(GAP.split(words)):
        if place % 2 == 0:
            yield Token("text", "", 0, content=piece)
        elif piece not in links:
            yield Token("text", "", 0, content=_not_a_link(piece))
        else:
            gap = {"href": links[piece].gap, "class": _CLASSES["link_open"]}
            yield Token("link_open", "a", 1, attrs=dict(gap))
            yield Token("text", "", 0, content=str(links[piece].button))
            yield Token("link_close", "a", -1)


def _words_of(gap: re.Match[str], links: Mapping[str, Placeholder]) -> str:
    return str(links[gap[1]].button) if gap[1] in links else _not_a_link(gap[1])


def _not_a_link(word: str) -> str:
    """Return the gap of a word; a block that stands where none can be is shown as typed."""
    named = placeholders.BY_NAME.get(word)
    return named.written if named and named.is_block else f"\ue000{word}\ue001"
