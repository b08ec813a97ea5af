"""SPF (RFC 7208): whether the domain lets the server send that mails leave through."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_network

from service.doctor.cases import Case, Evidence
from service.doctor.findings import (
    Check,
    Finding,
    Phrase,
    Record,
    Remedy,
    bad,
    good,
    in_dns_of,
    unknown,
    warning,
)
from service.doctor.findings import phrase as _l
from service.doctor.network import Address, Resolver

MOST_LOOKUPS = 10  # RFC 7208, 4.6.4
_FOLLOWED = 25  # lookups; far beyond the limit, so counting may end
_TERM = re.compile(r"([+?~-]?)(all|include|a|mx|ptr|ip4|ip6|exists)((?:[:/].*)?)", re.IGNORECASE)
_MODIFIER = re.compile(r"([a-z][a-z0-9._-]*)=(.*)", re.IGNORECASE)
_HOSTS = re.compile(r"(?::([^/]+))?(?:/(\d{1,2}))?(?://(\d{1,3}))?")
_ASKING = frozenset({"include", "a", "mx", "ptr", "exists"})


class Result(StrEnum):
    """The result of a record for an address; `unsure` when it depends on the mail."""

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
    """The record of a domain, and those that it includes."""

    domain: str
    terms: list[Term] = field(default_factory=list)
    redirect: str = ""
    children: dict[str, "Node"] = field(default_factory=dict)

    @property
    def ending(self) -> str:
        """The qualifier of ``all``: ``-``, ``~``, ``?`` or ``+``; "" without one."""
        for term in self.terms:
            if term.name == "all":
                return term.qualifier
        then = self.children.get(self.redirect)
        return then.ending if then else ""


@dataclass(slots=True)
class Tree:
    """All that the record of one domain leads to."""

    resolver: Resolver
    root: Node
    lookups: int = 0
    faults: list[Phrase] = field(default_factory=list)

    @classmethod
    def of(cls, domain: str, record: str, resolver: Resolver) -> "Tree":
        """Read `record` of `domain` and all that it includes; collect what is wrong in `faults`.

        Raises Unresolved.
        """
        tree = cls(resolver, Node(domain))
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
        found = records_of(domain, self.resolver)
        if len(found) != 1:
            values: dict[str, str | int] = {"domain": domain, "count": len(found)}
            words = _l("%(domain)s, which it includes, has %(count)s SPF records.", **values)
            self.faults.append(words)
            return
        node.children[domain] = Node(domain)
        self._read(node.children[domain], found[0], (*path, domain))

    def result_for(self, address: Address) -> Result:
        """Return the result for mail from `address`; raises Unresolved."""
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
            return None  # macros depend on a mail, and there is none
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
        hosts = self.resolver.mail_servers(where)[:10] if term.name == "mx" else [where]
        for host in filter(None, hosts):
            yield from self.resolver.addresses(host)


def records_of(domain: str, resolver: Resolver) -> list[str]:
    """Return the SPF records of `domain` (there should be one); raises Unresolved."""
    found = resolver.texts(domain)
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


# The end of MAIL_SERVER, and what this mail service wants its customers to include in SPF.
SPF_INCLUDES = {
    "gmail.com": "_spf.google.com",
    "google.com": "_spf.google.com",
    "office365.com": "spf.protection.outlook.com",
    "outlook.com": "spf.protection.outlook.com",
    "amazonaws.com": "amazonses.com",
    "sendgrid.net": "sendgrid.net",
    "mailgun.org": "mailgun.org",
    "postmarkapp.com": "spf.mtasv.net",
    "mandrillapp.com": "spf.mandrillapp.com",
    "messagingengine.com": "spf.messagingengine.com",
    "mailjet.com": "spf.mailjet.com",
    "ovh.net": "mx.ovh.com",
    "gandi.net": "_mailcust.gandi.net",
}


def spf_include_of(server: str) -> str | None:
    """Return what the mail service of `server` wants to be included; None for other servers."""
    for end, include in SPF_INCLUDES.items():
        if server == end or server.endswith(f".{end}"):
            return include
    return None


def check(case: Case, evidence: Evidence, resolver: Resolver) -> Iterator[Finding]:
    """Yield findings on the envelope domain's record, and whether it lets our server send."""
    domain = case.envelope_domain
    found = records_of(domain, resolver)
    if len(found) != 1:
        evidence.has_spf = False
        yield _none_or_many(case, found)
        return
    tree = Tree.of(domain, found[0], resolver)
    yield _usable(tree, domain)
    yield _covers(case, evidence, tree, found[0])


def _none_or_many(case: Case, found: list[str]) -> Finding:
    domain = case.envelope_domain
    where = in_dns_of(domain)
    if not found:
        words = _l("%(domain)s has no SPF record: nothing says who may send for it.", domain=domain)
        ours = spf_include_of(case.settings.mail_server)
        host = f"a:{case.settings.mail_server}" if case.has_relay else "mx"
        record = f"v=spf1 {f'include:{ours}' if ours else host} ~all"
        fix = _l("Add this record; if your mail provider names another one, take theirs.")
        return bad(Check.spf, words, Remedy(where, fix, (Record(domain, "TXT", record),)))
    words = _l(
        "%(domain)s has %(count)s SPF records; with more than one, none counts.",
        domain=domain,
        count=len(found),
    )
    fix = _l("Keep one record that holds all of them, and delete the others.")
    return bad(Check.spf, words, Remedy(where, fix, (Record(domain, "TXT", _merged(found)),)))


def _merged(found: list[str]) -> str:
    """Return one record with the mechanisms of all, and their common ``all`` or else ``~all``."""
    words = [word for text in found for word in text.split()[1:]]
    is_end = [word.lower().lstrip("+-~?") == "all" for word in words]
    ends = {word for word, end in zip(words, is_end, strict=True) if end}
    others = [word for word, end in zip(words, is_end, strict=True) if not end]
    return " ".join(["v=spf1", *dict.fromkeys(others), ends.pop() if len(ends) == 1 else "~all"])


def _usable(tree: Tree, domain: str) -> Finding:
    """Return whether receivers can use the record, and how it ends."""
    where = in_dns_of(domain)
    if tree.faults:
        words = _l("The SPF record cannot be used: %(why)s", why=tree.faults[0])
        return bad(Check.spf, words, Remedy(where, _l("Put it right, or take the part out.")))
    if tree.lookups > MOST_LOOKUPS:
        figures = {"count": tree.lookups, "most": MOST_LOOKUPS}
        words = _l("The SPF record takes %(count)s look-ups; %(most)s are the most.", **figures)
        fix = _l("Take out the includes of services that no longer send for you.")
        return bad(Check.spf, words, Remedy(where, fix))
    ending = tree.root.ending
    if ending == "+":
        words = _l("The SPF record ends in +all: it lets everybody send in your name.")
        return bad(Check.spf, words, Remedy(where, _l("End it in ~all.")))
    if ending in {"", "?"}:
        words = _l("The SPF record does not say what holds for servers that it does not name.")
        return warning(Check.spf, words, Remedy(where, _l("End it in ~all.")))
    words = _l(
        "%(domain)s has one SPF record with %(count)s look-ups of at most %(most)s.",
        domain=domain,
        count=tree.lookups,
        most=MOST_LOOKUPS,
    )
    return good(Check.spf, words)


def _covers(case: Case, evidence: Evidence, tree: Tree, record: str) -> Finding:
    """Return whether the record passes the server that receivers see."""
    seen = evidence.returned.came_from if evidence.returned else None
    if seen:
        return _covers_seen(tree, record, seen)
    if not case.has_relay:
        words = _l(
            "The mail server is on this machine or its own network, so the address that receivers "
            "will see is not known here."
        )
        fix = _l("Compare: the record has to name the public address that mails leave from.")
        return unknown(Check.spf_host, words, Remedy(in_dns_of(tree.root.domain), fix))
    server = case.settings.mail_server
    wanted = spf_include_of(server)
    if wanted and wanted in _included(tree.root):
        words = _l(
            "The SPF record includes %(name)s, as %(server)s wants.", name=wanted, server=server
        )
        return good(Check.spf_host, words)
    addresses = tree.resolver.addresses(server)
    if addresses and all(tree.result_for(each) is Result.passes for each in addresses):
        words = _l("The SPF record lets %(server)s send.", server=server)
        return good(Check.spf_host, words)
    if wanted:
        words = _l("The SPF record does not name the service behind %(server)s.", server=server)
        return bad(Check.spf_host, words, _add(tree.root.domain, record, f"include:{wanted}"))
    words = _l(
        "The SPF record does not name %(server)s. Many mail providers send from other addresses "
        "than that, which cannot be known from here.",
        server=server,
    )
    return unknown(Check.spf_host, words, _add(tree.root.domain, record, f"a:{server}"))


def _covers_seen(tree: Tree, record: str, seen: Address) -> Finding:
    result = tree.result_for(seen)
    values = {"address": str(seen)}
    if result is Result.passes:
        words = _l("The test mail came from %(address)s, which the SPF record lets send.", **values)
        return good(Check.spf_host, words)
    remedy = _add(tree.root.domain, record, f"ip{seen.version}:{seen}")
    if result is Result.unsure:
        words = _l("Whether the SPF record lets %(address)s send, depends on the mail.", **values)
        return unknown(Check.spf_host, words, remedy)
    words = _l("The test mail came from %(address)s, and SPF does not let it send.", **values)
    return bad(Check.spf_host, words, remedy)


def _included(node: Node) -> set[str]:
    return set(node.children).union(*(_included(child) for child in node.children.values()))


def _add(domain: str, record: str, word: str) -> Remedy:
    """Return the remedy that puts `word` into the record, before its end."""
    first, *rest = record.split()
    fix = _l("Change the record to this; if your mail provider names another one, take theirs.")
    changed = " ".join([first, word, *rest])
    return Remedy(in_dns_of(domain), fix, (Record(domain, "TXT", changed),))
