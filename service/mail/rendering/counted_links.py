"""Links of a newsletter that lead over this service, so that their openings can be counted.

Only those of a custom text that go to http or https, and none to a page of ours. One
whose words are an address stays as it is: to show one address and lead to another is what
fraudsters do, and mail programs warn of it. Works on what Markdown was read into.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import urlsplit

from markdown_it.token import Token

from service.current import settings

_AN_ADDRESS = re.compile(r"https?:|www\.", re.IGNORECASE)


def addresses(tokens: Sequence[Token]) -> list[str]:
    """Return where the links of `tokens` lead that can be counted, each once, in their order."""
    found = (str(link.attrs["href"]) for link in _links(tokens))
    return list(dict.fromkeys(address for address in found if _is_countable(address)))


def lead_over(tokens: Sequence[Token], counted: Mapping[str, str]) -> None:
    """Let the links of `tokens` that are among `counted` go to the address that counts them."""
    for link in _links(tokens) if counted else ():
        address = str(link.attrs["href"])
        link.attrs["href"] = counted.get(address, address)


def _links(tokens: Sequence[Token]) -> Iterator[Token]:
    """Yield the beginning of each link that has words, or a picture, for its address."""
    for token in tokens:
        link, words = None, ""
        for child in token.children or ():
            if child.type == "link_open":
                link, words = child, ""
            elif child.type == "link_close":
                if link is not None and not _AN_ADDRESS.search(words):
                    yield link
                link = None
            else:
                words += child.content


def _is_countable(address: str) -> bool:
    ours = re.compile(re.escape(settings().base_url) + r"(?:[/?#]|$)", re.IGNORECASE)
    return urlsplit(address).scheme in {"http", "https"} and not ours.match(address)
