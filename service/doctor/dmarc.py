"""DMARC: what receivers do with mail that is not ours, and whether ours can be told from it."""

from collections.abc import Iterator

from service.doctor import places
from service.doctor.cases import Case, Evidence
from service.doctor.dmarc_records import Policy, is_aligned, organisation, policy_of
from service.doctor.findings import (
    Check,
    Finding,
    Phrase,
    Record,
    Remedy,
    bad,
    good,
    unknown,
    warning,
)
from service.doctor.findings import phrase as _l
from service.doctor.names import Names
from service.doctor.tags import Malformed


def check(case: Case, evidence: Evidence, names: Names) -> Iterator[Finding]:
    """Yield how the policy of the sender's domain stands, and the alignment with it."""
    try:
        policy = policy_of(case.domain, names)
    except Malformed as fault:
        words = _l("Receivers have to ignore the DMARC record: “%(text)s”.", text=str(fault))
        fix = _l("Keep this one record.")
        yield bad(Check.dmarc, words, _publish(case, fix))
        policy = None
    else:
        yield from _policy(case, policy, names)
    yield _alignment(case, evidence, policy)


def _publish(case: Case, fix: Phrase) -> Remedy:
    domain = organisation(case.domain)
    record = Record(f"_dmarc.{domain}", "TXT", f"v=DMARC1; p=none; rua=mailto:{case.sender}")
    return Remedy(places.dns_of(domain), fix, (record,))


def _policy(case: Case, policy: Policy | None, names: Names) -> Iterator[Finding]:
    if policy is None:
        words = _l(
            "%(domain)s has no DMARC record. Gmail, Yahoo and Outlook want one from whoever sends "
            "to many.",
            domain=case.domain,
        )
        fix = _l("Add this record; it changes nothing yet, and reports come to the address in it.")
        yield bad(Check.dmarc, words, _publish(case, fix))
        return
    where = places.dns_of(policy.domain)
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
    yield from _reports(policy, names)


def _reports(policy: Policy, names: Names) -> Iterator[Finding]:
    """Say whether anybody gets reports, and whether who gets them has agreed (RFC 7489, 7.1)."""
    where = places.dns_of(policy.domain)
    if not policy.reports_to:
        words = _l("The DMARC record asks for no reports, so nobody learns what fails.")
        fix = _l("Add rua=mailto: and an address to the record.")
        yield warning(Check.dmarc, words, Remedy(where, fix))
    for address in policy.reports_to:
        other = address.rpartition("@")[2].lower()
        if is_aligned(other, policy.domain):
            continue
        name = f"{policy.domain}._report._dmarc.{other}"
        if not any(text.startswith("v=DMARC1") for text in names.texts(name)):
            words = _l("%(other)s has not agreed to get reports about you: none come.", other=other)
            fix = _l("Add this record there, or send the reports to an address of your own domain.")
            record = Record(name, "TXT", "v=DMARC1")
            yield warning(Check.dmarc, words, Remedy(places.dns_of(other), fix, (record,)))


def _alignment(case: Case, evidence: Evidence, policy: Policy | None) -> Finding:
    """Say whether SPF's or DKIM's domain is the one that readers see: DMARC needs one of them."""
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
        return warning(Check.alignment, words, Remedy(places.MAIL_SERVER, fix))
    return _not_aligned(evidence, values)


def _not_aligned(evidence: Evidence, values: dict[str, str]) -> Finding:
    if not evidence.signed_for and not evidence.has_spf:
        words = _l("There is no SPF record, and no DKIM key is known that speaks for you.")
        fix = _l("Put SPF and DKIM right first.")
        return unknown(Check.alignment, words, Remedy(places.dns_of(values["domain"]), fix))
    if not evidence.signed_for:
        words = _l(
            "SPF speaks for %(envelope)s, not for %(domain)s that readers see. Whether DKIM does "
            "is not known.",
            **values,
        )
        fix = _l("Use a MAIL_BOUNCE_ADDRESS of %(domain)s, or sign with DKIM for it.", **values)
        return unknown(Check.alignment, words, Remedy(places.SETTINGS, fix))
    words = _l(
        "Neither SPF (%(envelope)s) nor DKIM (%(signed)s) speaks for %(domain)s, which readers "
        "see: DMARC fails.",
        signed=", ".join(sorted(set(evidence.signed_for))),
        **values,
    )
    fix = _l("Sign with DKIM for %(domain)s, or use a MAIL_BOUNCE_ADDRESS of it.", **values)
    return bad(Check.alignment, words, Remedy(places.MAIL_SERVER, fix))
