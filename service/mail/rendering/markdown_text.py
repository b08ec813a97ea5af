"""Write Markdown that was read into tokens as plain text, a paragraph on one line."""

from collections.abc import Sequence

from markdown_it.token import Token
from markdown_it.tree import SyntaxTreeNode


def written(tokens: Sequence[Token]) -> str:
    """Return `tokens` (whole blocks, or one inline token) as plain text."""
    return _blocks(SyntaxTreeNode(tokens).children)


def _blocks(nodes: Sequence[SyntaxTreeNode], between: str = "\n\n") -> str:
    return between.join(text for node in nodes if (text := _block(node)))


def _block(node: SyntaxTreeNode) -> str:
    if node.type == "inline":
        return _inline(node.children).strip()
    if node.type == "hr":
        return "* * *"
    if node.type == "blockquote":
        return "\n".join(f"> {line}".rstrip() for line in _blocks(node.children).split("\n"))
    if node.type in {"bullet_list", "ordered_list"}:
        return _items(node)
    return _blocks(node.children)


def _items(node: SyntaxTreeNode) -> str:
    """Return a list, each entry after its dash or number; close together when typed so."""
    first = int(node.attrs.get("start", 1))
    is_tight = all(
        child.hidden
        for item in node.children
        for child in item.children
        if child.type == "paragraph"
    )
    between = "\n" if is_tight else "\n\n"
    items = []
    for number, item in enumerate(node.children, start=first):
        mark = "- " if node.type == "bullet_list" else f"{number}. "
        text = _blocks(item.children, between)
        items.append(mark + text.replace("\n", "\n" + " " * len(mark)))
    return between.join(items)


def _inline(nodes: Sequence[SyntaxTreeNode]) -> str:
    return "".join(map(_span, nodes))


def _span(node: SyntaxTreeNode) -> str:
    if node.type in {"softbreak", "hardbreak"}:
        return "\n"
    if node.type == "image":
        return _inline(node.children)
    if node.type == "link":
        text, address = _inline(node.children), str(node.attrs.get("href", ""))
        address = address.removeprefix("mailto:")
        return text if text in {address, ""} and address else f"{text} ({address})"
    return _inline(node.children) if node.children else node.content
