"""DKIM: whether mails are signed for the domain, with a key that holds, over what matters."""

from collections.abc import Iterator

from service.doctor import places
from service.doctor.cases import Case, Evidence
from service.doctor.dkim_keys import Key, Signature, read_key, signatures
from service.doctor.dkim_proofs import Proof, prove
from service.doctor.dmarc_records import is_aligned, organisation
from service.doctor.findings import Check, Finding, Record, Remedy, bad, good, unknown, warning
from service.doctor.findings import phrase as _l
from service.doctor.names import Names
from service.doctor.relays import SELECTORS
from service.doctor.returns import Returned
from service.doctor.tags import Malformed

WEAK, STRONG = 1024, 2048  # bits of an RSA key (RFC 8301)
MUST_BE_SIGNED = ("from", "list-unsubscribe", "list-unsubscribe-post")  # RFC 8058, 4


def check(case: Case, evidence: Evidence, names: Names) -> Iterator[Finding]:
    """Yield how keys and signatures stand: the given selector's, the test mail's, or guessed ones.

    Sets `evidence.signed_for` when somebody signs.
    """
    returned = evidence.returned
    found = signatures(returned.mail) if returned else []
    if case.selector:
        domain = _home_of(case.selector, case.domain, names)
        evidence.signed_for.append(domain)
        yield from _key(f"{case.selector}._domainkey.{domain}", names, is_used=True)
    elif found and returned:
        evidence.signed_for += [signature.domain for signature in found]
        best = _best(found, case.domain)
        yield from _key(best.name, names, is_used=True)
        yield from _proof(returned, best, names)
    elif returned and not returned.is_caught:
        words = _l("The test mail arrived without a DKIM signature: the mail server signs nothing.")
        fix = _l(
            "Switch signing on for %(domain)s; it then shows a record to put into your DNS. On a "
            "server of your own, Rspamd or OpenDKIM signs.",
            domain=case.domain,
        )
        yield bad(Check.dkim, words, Remedy(places.MAIL_SERVER, fix))
    else:
        yield from _guessed(case, evidence, names)
    if found:
        yield _covers(_best(found, case.domain))


def _home_of(selector: str, domain: str, names: Names) -> str:
    """Return which of `domain` and its organisation has a key of this name; `domain` if neither."""
    both = dict.fromkeys((domain, organisation(domain)))
    return next((each for each in both if names.texts(f"{selector}._domainkey.{each}")), domain)


def _best(found: list[Signature], domain: str) -> Signature:
    """Return the signature that counts for DMARC, if there is one."""
    return next((each for each in found if is_aligned(each.domain, domain)), found[0])


def _key(name: str, names: Names, *, is_used: bool) -> Iterator[Finding]:
    texts = names.texts(name)
    where = Remedy(
        places.dns_of(name.partition("._domainkey.")[2]),
        _l("Publish the record that the mail server (or your mail provider) shows for this key."),
        (Record(name, "TXT", "v=DKIM1; k=rsa; p=…"),),
    )
    if not texts:
        yield bad(Check.dkim, _l("There is no key at %(name)s.", name=name), where)
        return
    if len(texts) > 1:
        values: dict[str, str | int] = {"name": name, "count": len(texts)}
        words = _l("There are %(count)s records at %(name)s; only one may be there.", **values)
        yield bad(Check.dkim, words, where)
        return
    try:
        key = read_key(texts[0])
    except Malformed as fault:
        values = {"name": name, "text": str(fault)}
        words = _l("The record at %(name)s is no key: “%(text)s”.", **values)
        yield bad(Check.dkim, words, where)
        return
    yield _strength(name, key, where, is_used=is_used)


def _strength(name: str, key: Key, again: Remedy, *, is_used: bool) -> Finding:
    values: dict[str, str | int] = {"name": name, "bits": key.bits, "least": STRONG}
    renew = Remedy(
        places.MAIL_SERVER,
        _l("Make a new RSA key of %(least)s bits with another selector, and publish it.", **values),
    )
    if key.public is None:
        return bad(Check.dkim, _l("The key at %(name)s was revoked (p is empty).", **values), again)
    if key.bits and key.bits < WEAK:
        words = _l("The key at %(name)s has %(bits)s bits: receivers ignore it.", **values)
        return bad(Check.dkim, words, renew)
    if key.is_test:
        words = _l("The key at %(name)s says that it is a test (t=y): it may not count.", **values)
        fix = _l("Take t=y out of the record.")
        return warning(Check.dkim, words, Remedy(again.where, fix))
    if key.bits and key.bits < STRONG:
        words = _l("The key at %(name)s has %(bits)s bits; %(least)s are better.", **values)
        return warning(Check.dkim, words, renew)
    if not is_used:
        words = _l(
            "There is a good key at %(name)s. It was found by trying: whether your mail server "
            "signs with it, only a mail shows.",
            **values,
        )
        return good(Check.dkim, words)
    if not key.bits:
        words = _l("The key at %(name)s is good (ed25519). Some receivers know only RSA.", **values)
        return good(Check.dkim, words)
    return good(Check.dkim, _l("The key at %(name)s is good (RSA, %(bits)s bits).", **values))


def _proof(returned: Returned, signature: Signature, names: Names) -> Iterator[Finding]:
    """Say whether the signature holds; nothing when there is no key, which was said already."""
    try:
        key = read_key("".join(names.texts(signature.name))).public
    except Malformed:
        return
    if key is None:
        return
    proof = prove(returned.octets, signature, key)
    values = {"name": signature.name}
    if proof is Proof.holds:
        words = _l("The signature of the test mail holds with the key at %(name)s.", **values)
        yield good(Check.dkim_proof, words)
    elif proof is Proof.body_changed:
        words = _l("The test mail was changed on its way, after it was signed.")
        fix = _l("Let nothing behind the signing change mails: no footers, no converted letters.")
        yield bad(Check.dkim_proof, words, Remedy(places.MAIL_SERVER, fix))
    elif proof is Proof.does_not_hold:
        words = _l("The mail server signs with another key than the one at %(name)s.", **values)
        fix = _l("Publish the record that the mail server (or your provider) shows for it now.")
        where = places.dns_of(signature.domain)
        yield bad(Check.dkim_proof, words, Remedy(where, fix))
    else:
        words = _l("The signature of the test mail is none that receivers accept today.")
        fix = _l("Let it sign with rsa-sha256.")
        yield bad(Check.dkim_proof, words, Remedy(places.MAIL_SERVER, fix))


def _guessed(case: Case, evidence: Evidence, names: Names) -> Iterator[Finding]:
    """Try selectors that well-known services use."""
    for selector in SELECTORS:
        domain = _home_of(selector, case.domain, names)
        name = f"{selector}._domainkey.{domain}"
        if names.texts(name):
            evidence.signed_for.append(domain)
            yield from _key(name, names, is_used=False)
            return
    words = _l(
        "No DKIM key was found for %(domain)s under the names that well-known services use. Keys "
        "cannot be listed: the name (selector) has to be known.",
        domain=case.domain,
    )
    fix = _l(
        "Look for “s=” in the DKIM-Signature of a mail that you received from there, and check "
        "again with it. Without any such line, switch signing on."
    )
    yield unknown(Check.dkim, words, Remedy(places.MAIL_SERVER, fix))


def _covers(signature: Signature) -> Finding:
    missing = [name for name in MUST_BE_SIGNED if name not in signature.order]
    if not missing:
        words = _l("The signature covers From and the unsubscribe headers.")
        return good(Check.dkim_headers, words)
    named = ", ".join(missing)
    words = _l("The signature does not cover %(headers)s.", headers=named)
    if "from" in missing:
        fix = _l("Add them to the list of signed headers.")
        return bad(Check.dkim_headers, words, Remedy(places.MAIL_SERVER, fix))
    fix = _l(
        "Add them to the list of signed headers: Gmail and Yahoo show the unsubscribe button only "
        "then (RFC 8058)."
    )
    return warning(Check.dkim_headers, words, Remedy(places.MAIL_SERVER, fix))
