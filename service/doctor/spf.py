"""SPF: whether the domain lets the server send that mails leave through."""

from collections.abc import Iterator

from service.doctor import places
from service.doctor.cases import Case, Evidence
from service.doctor.findings import Check, Finding, Record, Remedy, bad, good, unknown, warning
from service.doctor.findings import phrase as _l
from service.doctor.names import Address, Names
from service.doctor.relays import spf_include_of
from service.doctor.spf_records import MOST_LOOKUPS, Node, Result, Tree, records_of


def check(case: Case, evidence: Evidence, names: Names) -> Iterator[Finding]:
    """Yield how the record of the envelope's domain stands, and whether it covers our server."""
    domain = case.envelope_domain
    found = records_of(domain, names)
    if len(found) != 1:
        evidence.has_spf = False
        yield _none_or_many(case, found)
        return
    tree = Tree.of(domain, found[0], names)
    yield _usable(tree, domain)
    yield _covers(case, evidence, tree, found[0])


def _none_or_many(case: Case, found: list[str]) -> Finding:
    domain = case.envelope_domain
    where = places.dns_of(domain)
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
    """Return one record with the mechanisms of all, ending as they agree to, or softly."""
    words = [word for text in found for word in text.split()[1:]]
    is_end = [word.lower().lstrip("+-~?") == "all" for word in words]
    ends = {word for word, end in zip(words, is_end, strict=True) if end}
    others = [word for word, end in zip(words, is_end, strict=True) if not end]
    return " ".join(["v=spf1", *dict.fromkeys(others), ends.pop() if len(ends) == 1 else "~all"])


def _usable(tree: Tree, domain: str) -> Finding:
    """Say whether receivers can use the record at all, and how it ends."""
    where = places.dns_of(domain)
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
    """Say whether the record passes the server that receivers see."""
    seen = evidence.returned.came_from if evidence.returned else None
    if seen:
        return _covers_seen(tree, record, seen)
    if not case.has_relay:
        words = _l(
            "The mail server is on this machine or its own network, so the address that receivers "
            "will see is not known here."
        )
        fix = _l("Compare: the record has to name the public address that mails leave from.")
        return unknown(Check.spf_host, words, Remedy(places.dns_of(tree.root.domain), fix))
    server = case.settings.mail_server
    wanted = spf_include_of(server)
    if wanted and wanted in _included(tree.root):
        words = _l(
            "The SPF record includes %(name)s, as %(server)s wants.", name=wanted, server=server
        )
        return good(Check.spf_host, words)
    addresses = tree.names.addresses(server)
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
    return Remedy(places.dns_of(domain), fix, (Record(domain, "TXT", changed),))
