"""Read Markdown into tokens, as far as a letter needs it, and put links in place of their slots.

Raw HTML and entities are text here; an address leads to http, https or mailto, or is a slot.
A newsletter's links can lead over this service, so that their openings are counted.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token

from service.current import settings
from service.mail.kinds import RULES
from service.mail.rendering import markdown_text, placeholders
from service.mail.rendering.custom_texts import NOTHING, Text
from service.mail.rendering.placeholders import Placeholder
from service.models import MailKind

SCHEMES = frozenset({"http", "https", "mailto"})
SLOT = re.compile("\ue000([a-z_]+)\ue001")
CLASSES = {
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
_SHOWN_ADDRESS = re.compile(r"https?:|www\.", re.IGNORECASE)
_NOT_FOR_LETTERS = ["code", "fence", "html_block", "html_inline", "entity"]


class Reader(MarkdownIt):
    """CommonMark as far as a letter needs it; a line break stays one.

    Entities are not read, because one could be the mark of a slot in disguise.
    """

    def __init__(self, kind: MailKind, text: Text = NOTHING) -> None:
        super().__init__("commonmark", {"html": False, "breaks": True})
        self.disable(_NOT_FOR_LETTERS)
        self.placeholders = placeholders.known(kind)
        self.to_team = RULES[kind].to_team
        self.links = {one.value: one for one in self.placeholders.values() if one.is_link}
        self.pictures = dict(text.pictures)
        self.widths = dict(text.widths)
        self.counted = dict(text.counted)

    def validateLink(self, url: str) -> bool:  # noqa: N802
        """Whether the mail may have `url`."""
        slot = SLOT.fullmatch(url)
        if slot:
            return slot[1] in self.links
        return url in self.pictures or is_address(url)

    def normalizeLink(self, url: str) -> str:  # noqa: N802
        """Return `url` as it is written into the mail; slots and pictures stay as they are."""
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


def linked(children: Sequence[Token], reader: Reader, inside: bool = False) -> list[Token]:
    """Return inline tokens with links in place of their slots, and only with our own pictures."""
    made: list[Token] = []
    for token in children:
        if token.type in {"link_open", "link_close"}:
            inside = token.type == "link_open"
            token.attrs = {name: value for name, value in token.attrs.items() if name == "href"}
        if token.type == "image":
            token = _picture(token, reader)
        if token.type == "code_inline":
            token.content = SLOT.sub(lambda slot: _text_of(slot, reader.links), token.content)
        if token.type == "text":
            made += _with_links(token.content, reader.links, inside)
        else:
            made.append(token)
        if token.type in CLASSES:
            token.attrSet("class", CLASSES[token.type])
    return made


def _picture(token: Token, reader: Reader) -> Token:
    source = reader.pictures.get(str(token.attrs.get("src", "")))
    text = markdown_text.written([Token("inline", "", 0, children=token.children or [])])
    text = SLOT.sub(lambda slot: _text_of(slot, reader.links), text)
    if source is None:
        return Token("text", "", 0, content=text)
    inner = [Token("text", "", 0, content=text)]
    attrs: dict[str, str | int | float] = {"src": source, "alt": ""}
    if source in reader.widths:
        attrs["width"] = reader.widths[source]
    return Token("image", "img", 0, attrs=attrs, children=inner)


def _with_links(text: str, links: Mapping[str, Placeholder], inside: bool) -> Iterator[Token]:
    """Cut text at the slots of links; inside another link a slot becomes its text only."""
    if inside:
        text = SLOT.sub(lambda slot: _text_of(slot, links), text)
    for place, piece in enumerate(SLOT.split(text)):
        if place % 2 == 0:
            yield Token("text", "", 0, content=piece)
        elif piece not in links:
            yield Token("text", "", 0, content=_not_a_link(piece))
        else:
            attrs = {"href": links[piece].slot, "class": CLASSES["link_open"]}
            yield Token("link_open", "a", 1, attrs=dict(attrs))
            yield Token("text", "", 0, content=str(links[piece].button))
            yield Token("link_close", "a", -1)


def _text_of(slot: re.Match[str], links: Mapping[str, Placeholder]) -> str:
    return str(links[slot[1]].button) if slot[1] in links else _not_a_link(slot[1])


def _not_a_link(name: str) -> str:
    """Return the slot of a value; a block where none can be is shown as it was typed."""
    named = placeholders.BY_NAME.get(name)
    return named.written if named and named.is_block else f"\ue000{name}\ue001"


def countable(tokens: Sequence[Token]) -> list[str]:
    """Return the addresses of the links whose openings can be counted, each once, in order.

    Those are links to http or https, but to no page of ours.
    """
    ours = re.compile(re.escape(settings().base_url) + r"(?:[/?#]|$)", re.IGNORECASE)
    found = (str(link.attrs["href"]) for link in _links(tokens))
    return [
        address
        for address in dict.fromkeys(found)
        if urlsplit(address).scheme in {"http", "https"} and not ours.match(address)
    ]


def lead_over(tokens: Sequence[Token], counted: Mapping[str, str]) -> None:
    """Change the links whose addresses are among `counted` to the address that counts them."""
    for link in _links(tokens) if counted else ():
        address = str(link.attrs["href"])
        link.attrs["href"] = counted.get(address, address)


def _links(tokens: Sequence[Token]) -> Iterator[Token]:
    """Yield the beginning of each link that shows text or a picture, and not an address.

    To show one address and lead to another is what fraudsters do, and mail programs warn of it.
    """
    for token in tokens:
        link, shown = None, ""
        for child in token.children or ():
            if child.type == "link_open":
                link, shown = child, ""
            elif child.type == "link_close":
                if link is not None and not _SHOWN_ADDRESS.search(shown):
                    yield link
                link = None
            else:
                shown += child.content
