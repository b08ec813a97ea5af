"""The language of SPF (RFC 7208): read a record, follow its includes, ask about an address."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_network

from service.doctor.findings import Phrase
from service.doctor.findings import phrase as _l
from service.doctor.names import Address, Names

MOST_LOOKUPS = 10  # RFC 7208, 4.6.4
_FOLLOWED = 25  # lookups after which counting ends: it is far too many
_TERM = re.compile(r"([+?~-]?)(all|include|a|mx|ptr|ip4|ip6|exists)((?:[:/].*)?)", re.IGNORECASE)
_MODIFIER = re.compile(r"([a-z][a-z0-9._-]*)=(.*)", re.IGNORECASE)
_HOSTS = re.compile(r"(?::([^/]+))?(?:/(\d{1,2}))?(?://(\d{1,3}))?")
_ASKING = frozenset({"include", "a", "mx", "ptr", "exists"})


class Result(StrEnum):
    """What a record says of an address; `unsure` when it cannot be worked out from here."""

    passes = "+"
    fails = "-"
    softly_fails = "~"
    neutral = "?"
    unsure = ""


@dataclass(frozen=True, slots=True)
class Term:
    """One mechanism: ``~all`` is the qualifier ``~`` and the name ``all``."""

    text: str
    qualifier: str
    name: str
    value: str = ""  # a domain or a network
    masks: tuple[int, int] = (32, 128)


@dataclass(slots=True)
class Node:
    """A domain's record, and those it includes."""

    domain: str
    terms: list[Term] = field(default_factory=list)
    redirect: str = ""
    children: dict[str, "Node"] = field(default_factory=dict)

    @property
    def ending(self) -> str:
        """How it answers for the rest: ``-``, ``~``, ``?`` or ``+``; "" when it does not say."""
        for term in self.terms:
            if term.name == "all":
                return term.qualifier
        then = self.children.get(self.redirect)
        return then.ending if then else ""


@dataclass(slots=True)
class Tree:
    """All that the record of one domain leads to."""

    names: Names
    root: Node
    lookups: int = 0
    faults: list[Phrase] = field(default_factory=list)

    @classmethod
    def of(cls, domain: str, record: str, names: Names) -> "Tree":
        """Read `record` of `domain` and follow it; what is wrong stands in `faults`.

        Raises Unresolved.
        """
        tree = cls(names, Node(domain))
        tree._read(tree.root, record, (domain,))
        return tree

    def _read(self, node: Node, record: str, path: tuple[str, ...]) -> None:
        for word in record.split()[1:]:
            modifier = _MODIFIER.fullmatch(word)
            if modifier and modifier[1].lower() == "redirect":
                node.redirect = modifier[2].lower().strip(".")
            elif not modifier:
                self._add(node, word)
        asked = [term.value for term in node.terms if term.name == "include"]
        self.lookups += sum(term.name in _ASKING for term in node.terms)
        if node.redirect and not any(term.name == "all" for term in node.terms):
            asked.append(node.redirect)
            self.lookups += 1
        for domain in asked:
            self._follow(node, domain, path)

    def _add(self, node: Node, word: str) -> None:
        term = _term(word)
        if term is None:
            values = {"domain": node.domain, "word": word}
            self.faults.append(_l("“%(word)s” in the record of %(domain)s is no SPF.", **values))
        else:
            node.terms.append(term)

    def _follow(self, node: Node, domain: str, path: tuple[str, ...]) -> None:
        if "%" in domain or self.lookups > _FOLLOWED:
            return
        if domain in path:
            self.faults.append(_l("The record of %(domain)s includes itself.", domain=domain))
            return
        found = records_of(domain, self.names)
        if len(found) != 1:
            values: dict[str, str | int] = {"domain": domain, "count": len(found)}
            words = _l("%(domain)s, which it includes, has %(count)s SPF records.", **values)
            self.faults.append(words)
            return
        node.children[domain] = Node(domain)
        self._read(node.children[domain], found[0], (*path, domain))

    def result_for(self, address: Address) -> Result:
        """Return what the record says of mail from `address`; raises Unresolved."""
        return self._result(self.root, address)

    def _result(self, node: Node, address: Address) -> Result:
        is_unsure = False
        for term in node.terms:
            matches = self._matches(node, term, address)
            if matches and not (is_unsure and term.qualifier != "+"):
                return Result(term.qualifier)
            is_unsure = is_unsure or matches is None
        if is_unsure:
            return Result.unsure
        then = node.children.get(node.redirect)
        return self._result(then, address) if then else Result.neutral

    def _matches(self, node: Node, term: Term, address: Address) -> bool | None:
        if term.name == "all":
            return True
        if term.name in {"ip4", "ip6"}:
            return address in ip_network(term.value, strict=False)
        if "%" in term.value or term.name in {"exists", "ptr"}:
            return None  # macros speak of a mail that there is not
        if term.name == "include":
            child = node.children.get(term.value)
            result = self._result(child, address) if child else Result.unsure
            return None if result is Result.unsure else result is Result.passes
        return any(
            address in ip_network(f"{each}/{term.masks[each.version == 6]}", strict=False)
            for each in self._hosts(term, node.domain)
            if each.version == address.version
        )

    def _hosts(self, term: Term, domain: str) -> Iterator[Address]:
        where = term.value or domain
        hosts = self.names.mail_servers(where)[:10] if term.name == "mx" else [where]
        for host in filter(None, hosts):
            yield from self.names.addresses(host)


def records_of(domain: str, names: Names) -> list[str]:
    """Return the SPF records of `domain` (there should be one); raises Unresolved."""
    found = names.texts(domain)
    return [text for text in found if re.match(r"v=spf1(?: |$)", text, re.IGNORECASE)]


def _term(word: str) -> Term | None:
    """Return the mechanism that `word` is, None when it is none."""
    match = _TERM.fullmatch(word)
    if not match:
        return None
    qualifier, name, rest = match[1] or "+", match[2].lower(), match[3]
    if name in {"ip4", "ip6"}:
        try:
            network = ip_network(rest[1:], strict=False)
        except ValueError:
            return None
        fits = rest.startswith(":") and f"ip{network.version}" == name
        return Term(word, qualifier, name, rest[1:]) if fits else None
    if name in {"include", "exists"}:
        value = rest[1:].lower().strip(".")
        return Term(word, qualifier, name, value) if rest.startswith(":") and value else None
    if name == "all":
        return None if rest else Term(word, qualifier, name)
    hosts = _HOSTS.fullmatch(rest)
    if not hosts or int(hosts[2] or 0) > 32 or int(hosts[3] or 0) > 128:
        return None
    masks = (int(hosts[2] or 32), int(hosts[3] or 128))
    return Term(word, qualifier, name, (hosts[1] or "").lower().strip("."), masks)
