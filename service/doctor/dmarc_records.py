"""DMARC (RFC 7489): organisational domains, alignment, and the policy of a domain.

Without a list of public suffixes, the organisational domain is taken to be the last two labels, or
three where countries sell names a level lower (``norte.com.es``). Rare others are guessed wrong.
"""

import re
from dataclasses import dataclass

from service.doctor.names import Names
from service.doctor.tags import Malformed, tags

_SOLD_BELOW = frozenset({"ac", "co", "com", "edu", "gob", "gov", "net", "nom", "or", "org"})
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
    """What the record says."""

    domain: str  # that it was found at
    action: str  # none, quarantine or reject, for the domain asked about
    percent: int
    reports_to: tuple[str, ...]  # addresses
    is_dkim_strict: bool
    is_spf_strict: bool


def policy_of(domain: str, names: Names) -> Policy | None:
    """Return the policy for `domain`: its own, or its organisation's; None without any.

    Raises Malformed when there are several, or one that receivers have to ignore; Unresolved.
    """
    for where in dict.fromkeys((domain, organisation(domain))):
        found = [text for text in names.texts(f"_dmarc.{where}") if _is_dmarc(text)]
        if len(found) > 1:
            raise Malformed(" / ".join(text[:40] for text in found))
        if found:
            return _policy(where, found[0], is_own=where == domain)
    return None


def _is_dmarc(text: str) -> bool:
    return re.match(r"v\s*=\s*DMARC1\s*(?:;|$)", text) is not None


def _policy(where: str, text: str, *, is_own: bool) -> Policy:
    said = tags(text)
    action = said.get("p", "").lower()
    if not is_own:
        action = said.get("sp", action).lower()
    percent = said.get("pct", "100")
    if action not in POLICIES or not percent.isdecimal() or int(percent) > 100:
        raise Malformed(text[:100])
    reports = (uri.strip().partition("!")[0] for uri in said.get("rua", "").split(","))
    return Policy(
        where,
        action,
        int(percent),
        tuple(uri[7:] for uri in reports if uri.lower().startswith("mailto:") and "@" in uri),
        said.get("adkim", "r").lower() == "s",
        said.get("aspf", "r").lower() == "s",
    )
