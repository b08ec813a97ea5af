"""DMARC (RFC 7489): what receivers do with mail that fails SPF and DKIM, and whether ours passes.

Without a list of public suffixes, the organisational domain is taken to be the last two labels, or
three where countries sell names a level lower (``norte.com.es``). Rare others are guessed wrong.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from service.doctor.cases import Case, Evidence
from service.doctor.findings import (
    AT_MAIL_SERVER,
    IN_SETTINGS,
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
from service.doctor.network import Resolver


class Malformed(ValueError):
    """A text that is no tag list, or a tag with a value that is not allowed."""


def tags(text: str) -> dict[str, str]:
    """Return the tags of a list such as ``v=DMARC1; p=none``; raises Malformed.

    DKIM (RFC 6376, 3.2) and DMARC share this form.
    """
    found: dict[str, str] = {}
    for part in text.split(";"):
        if not part.strip():
            continue
        name, equals, value = part.partition("=")
        if not equals or not name.strip() or name.strip() in found:
            raise Malformed(part.strip())
        found[name.strip()] = value.strip()
    return found


_SOLD_BELOW = frozenset({"ac", "co", "com", "edu", "gob", "gov", "net", "nom", "or", "org"})
_VERSION = re.compile(r"v\s*=\s*DMARC1\s*(?:;|$)")
POLICIES = ("none", "quarantine", "reject")


def organisation(domain: str) -> str:
    """Return the organisational domain of `domain`."""
    labels = domain.split(".")
    is_lower = len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SOLD_BELOW
    return ".".join(labels[-3 if is_lower else -2 :])


def is_aligned(domain: str, seen: str, *, strictly: bool = False) -> bool:
    """Say whether `domain` (of SPF or DKIM) counts for the domain `seen` in From."""
    return domain == seen if strictly else organisation(domain) == organisation(seen)


@dataclass(frozen=True, slots=True)
class Policy:
    """A DMARC record, read."""

    domain: str  # where it was found
    action: str  # none, quarantine or reject, for the domain asked about
    percent: int
    reports_to: tuple[str, ...]  # addresses
    is_dkim_strict: bool
    is_spf_strict: bool


def policy_of(domain: str, resolver: Resolver) -> Policy | None:
    """Return the policy of `domain`, or else of its organisational domain; None without any.

    Raises Malformed when there are several, or one that receivers have to ignore; Unresolved.
    """
    for where in dict.fromkeys((domain, organisation(domain))):
        found = [text for text in resolver.texts(f"_dmarc.{where}") if _VERSION.match(text)]
        if len(found) > 1:
            raise Malformed(" / ".join(text[:40] for text in found))
        if found:
            return _read_policy(where, found[0], is_for_subdomain=where != domain)
    return None


def _read_policy(where: str, text: str, *, is_for_subdomain: bool) -> Policy:
    found = tags(text)
    action = found.get("p", "").lower()
    if is_for_subdomain:
        action = found.get("sp", action).lower()
    percent = found.get("pct", "100")
    if action not in POLICIES or not percent.isdecimal() or int(percent) > 100:
        raise Malformed(text[:100])
    reports = (uri.strip().partition("!")[0] for uri in found.get("rua", "").split(","))
    return Policy(
        where,
        action,
        int(percent),
        tuple(uri[7:] for uri in reports if uri.lower().startswith("mailto:") and "@" in uri),
        found.get("adkim", "r").lower() == "s",
        found.get("aspf", "r").lower() == "s",
    )


def check(case: Case, evidence: Evidence, resolver: Resolver) -> Iterator[Finding]:
    """Yield findings on the DMARC policy of the sender's domain, and on alignment."""
    try:
        policy = policy_of(case.domain, resolver)
    except Malformed as fault:
        words = _l("Receivers have to ignore the DMARC record: “%(text)s”.", text=str(fault))
        fix = _l("Keep this one record.")
        yield bad(Check.dmarc, words, _publish(case, fix))
        policy = None
    else:
        yield from _policy(case, policy, resolver)
    yield _alignment(case, evidence, policy)


def _publish(case: Case, fix: Phrase) -> Remedy:
    domain = organisation(case.domain)
    record = Record(f"_dmarc.{domain}", "TXT", f"v=DMARC1; p=none; rua=mailto:{case.sender}")
    return Remedy(in_dns_of(domain), fix, (record,))


def _policy(case: Case, policy: Policy | None, resolver: Resolver) -> Iterator[Finding]:
    if policy is None:
        words = _l(
            "%(domain)s has no DMARC record. Gmail, Yahoo and Outlook want one from whoever sends "
            "to many.",
            domain=case.domain,
        )
        fix = _l("Add this record; it changes nothing yet, and reports come to the address in it.")
        yield bad(Check.dmarc, words, _publish(case, fix))
        return
    where = in_dns_of(policy.domain)
    values: dict[str, str | int] = {"domain": policy.domain, "policy": policy.action}
    if policy.action == "none":
        words = _l("DMARC of %(domain)s only watches (p=none): anybody can send as you.", **values)
        fix = _l(
            "When the reports show for some weeks that your own mails pass, change it to "
            "p=quarantine, and later to p=reject."
        )
        yield warning(Check.dmarc, words, Remedy(where, fix))
    elif policy.percent < 100:
        words = _l(
            "DMARC of %(domain)s (%(policy)s) holds for %(percent)s of 100 mails.",
            percent=policy.percent,
            **values,
        )
        yield warning(Check.dmarc, words, Remedy(where, _l("Take pct out of the record.")))
    else:
        yield good(Check.dmarc, _l("DMARC of %(domain)s says %(policy)s.", **values))
    yield from _reports(policy, resolver)


def _reports(policy: Policy, resolver: Resolver) -> Iterator[Finding]:
    """Yield whether reports are asked for, and whether who gets them accepts (RFC 7489, 7.1)."""
    where = in_dns_of(policy.domain)
    if not policy.reports_to:
        words = _l("The DMARC record asks for no reports, so nobody learns what fails.")
        fix = _l("Add rua=mailto: and an address to the record.")
        yield warning(Check.dmarc, words, Remedy(where, fix))
    for address in policy.reports_to:
        other = address.rpartition("@")[2].lower()
        if is_aligned(other, policy.domain):
            continue
        name = f"{policy.domain}._report._dmarc.{other}"
        if not any(text.startswith("v=DMARC1") for text in resolver.texts(name)):
            words = _l("%(other)s has not agreed to get reports about you: none come.", other=other)
            fix = _l("Add this record there, or send the reports to an address of your own domain.")
            record = Record(name, "TXT", "v=DMARC1")
            yield warning(Check.dmarc, words, Remedy(in_dns_of(other), fix, (record,)))


def _alignment(case: Case, evidence: Evidence, policy: Policy | None) -> Finding:
    """Return whether SPF or DKIM is for the domain in From: DMARC needs one of them."""
    seen = case.domain
    by_spf = evidence.has_spf and is_aligned(
        case.envelope_domain, seen, strictly=bool(policy and policy.is_spf_strict)
    )
    by_dkim = [
        domain
        for domain in evidence.signed_for
        if is_aligned(domain, seen, strictly=bool(policy and policy.is_dkim_strict))
    ]
    values = {"domain": seen, "envelope": case.envelope_domain}
    if by_dkim and by_spf:
        words = _l("SPF and DKIM speak for %(domain)s, the domain that readers see.", **values)
        return good(Check.alignment, words)
    if by_dkim and not evidence.has_spf:
        words = _l("DKIM speaks for %(domain)s, the domain that readers see.", **values)
        return good(Check.alignment, words)
    if by_dkim:
        words = _l(
            "DKIM speaks for %(domain)s, the domain that readers see. SPF speaks for %(envelope)s, "
            "which does not count for it.",
            **values,
        )
        return good(Check.alignment, words)
    if by_spf:
        words = _l(
            "SPF speaks for %(domain)s, the domain that readers see; DKIM does not, as far as is "
            "known. A mail that is forwarded then fails DMARC.",
            **values,
        )
        fix = _l("Sign with DKIM for %(domain)s.", **values)
        return warning(Check.alignment, words, Remedy(AT_MAIL_SERVER, fix))
    return _not_aligned(evidence, values)


def _not_aligned(evidence: Evidence, values: dict[str, str]) -> Finding:
    if not evidence.signed_for and not evidence.has_spf:
        words = _l("There is no SPF record, and no DKIM key is known that speaks for you.")
        fix = _l("Put SPF and DKIM right first.")
        return unknown(Check.alignment, words, Remedy(in_dns_of(values["domain"]), fix))
    if not evidence.signed_for:
        words = _l(
            "SPF speaks for %(envelope)s, not for %(domain)s that readers see. Whether DKIM does "
            "is not known.",
            **values,
        )
        fix = _l("Use a MAIL_BOUNCE_ADDRESS of %(domain)s, or sign with DKIM for it.", **values)
        return unknown(Check.alignment, words, Remedy(IN_SETTINGS, fix))
    words = _l(
        "Neither SPF (%(envelope)s) nor DKIM (%(signed)s) speaks for %(domain)s, which readers "
        "see: DMARC fails.",
        signed=", ".join(sorted(set(evidence.signed_for))),
        **values,
    )
    fix = _l("Sign with DKIM for %(domain)s, or use a MAIL_BOUNCE_ADDRESS of it.", **values)
    return bad(Check.alignment, words, Remedy(AT_MAIL_SERVER, fix))
