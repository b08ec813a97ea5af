"""DKIM (RFC 6376): whether mails are signed for the domain, with a good key and all headers."""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from enum import StrEnum

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from service.doctor.cases import Case, Evidence, Returned
from service.doctor.dmarc import Malformed, is_aligned, organisation, tags
from service.doctor.findings import (
    AT_MAIL_SERVER,
    Check,
    Finding,
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

# Selectors of well-known services, tried when none is given: DNS cannot list them.
SELECTORS = (
    "default",
    "dkim",
    "mail",
    "google",
    "selector1",
    "selector2",
    "s1",
    "s2",
    "k1",
    "k2",
    "pm",
    "fm1",
    "mailjet",
    "mandrill",
    "mta",
    "smtp",
    "zoho",
    "protonmail",
    "brevo1",
    "ovhmo-selector-1",
)


PublicKey = RSAPublicKey | Ed25519PublicKey


@dataclass(frozen=True, slots=True)
class Key:
    """A published key; None when it was revoked."""

    public: PublicKey | None
    is_test: bool

    @property
    def bits(self) -> int:
        """The size of an RSA key; 0 for others."""
        return self.public.key_size if isinstance(self.public, RSAPublicKey) else 0


@dataclass(frozen=True, slots=True)
class Signature:
    """The tags of a DKIM-Signature header."""

    domain: str
    selector: str
    order: tuple[str, ...]  # the names of the headers that it covers, in lower case
    tags: dict[str, str]
    position: int  # among the DKIM-Signature headers of the mail, from the top

    @property
    def name(self) -> str:
        """Where its key is."""
        return f"{self.selector}._domainkey.{self.domain}"


def read_key(text: str) -> Key:
    """Return the key in a TXT record; raises Malformed."""
    found = tags(text)
    if found.get("v", "DKIM1") != "DKIM1" or "p" not in found:
        raise Malformed(text[:60])
    is_test = "y" in found.get("t", "").split(":")
    octets = "".join(found["p"].split())
    if not octets:
        return Key(None, is_test)
    try:
        return Key(_public(found.get("k", "rsa"), base64.b64decode(octets, validate=True)), is_test)
    except (binascii.Error, ValueError, UnsupportedAlgorithm) as error:
        raise Malformed(f"p={octets[:24]}…") from error


def _public(kind: str, octets: bytes) -> PublicKey:
    if kind == "ed25519":
        return Ed25519PublicKey.from_public_bytes(octets)
    public = load_der_public_key(octets)
    if kind != "rsa" or not isinstance(public, RSAPublicKey):
        raise ValueError(kind)
    return public


def signatures(mail: Message) -> list[Signature]:
    """Return the signatures of `mail`, the last one first, without unreadable ones."""
    found = []
    for position, header in enumerate(mail.get_all("DKIM-Signature", [])):
        try:
            found_tags = tags(str(header))
            order = tuple("".join(name.split()) for name in found_tags["h"].lower().split(":"))
            place = (found_tags["d"].lower(), found_tags["s"].lower())
        except (Malformed, KeyError):
            continue
        found.append(Signature(*place, order, found_tags, position))
    return found


_FIELD = re.compile(rb"([^\s:]+)[ \t]*:((?:.|\r\n[ \t])*\r\n)")
_ITS_VALUE = re.compile(rb"((?:^|;)\s*b\s*=)[^;]*")  # bh= has another letter before its sign


class Proof(StrEnum):
    """Whether a signature holds, and if not why."""

    holds = "holds"
    body_changed = "body_changed"  # on the way, after signing
    does_not_hold = "does_not_hold"  # another key signed it, or a header was changed
    unreadable = "unreadable"


def prove(octets: bytes, signature: Signature, key: PublicKey) -> Proof:
    """Return whether `signature`, one of those in the mail `octets`, holds under `key`."""
    tag = signature.tags
    octets = re.sub(rb"(?<!\r)\n", b"\r\n", octets)
    head, _, body = octets.partition(b"\r\n\r\n")
    of_head, _, of_body = tag.get("c", "simple").partition("/")
    try:
        signed = base64.b64decode("".join(tag["b"].split()), validate=True)
        wanted = base64.b64decode("".join(tag["bh"].split()), validate=True)
        length = int(tag["l"]) if "l" in tag else None
    except (KeyError, ValueError, binascii.Error):
        return Proof.unreadable
    if tag.get("a") not in {"rsa-sha256", "ed25519-sha256"}:
        return Proof.unreadable  # rsa-sha1 counts no longer (RFC 8301)
    if hashlib.sha256(_body(body, of_body or "simple")[:length]).digest() != wanted:
        return Proof.body_changed
    data = _signed_fields(head + b"\r\n", signature, of_head)
    try:
        if isinstance(key, Ed25519PublicKey):
            key.verify(signed, hashlib.sha256(data).digest())
        else:
            key.verify(signed, data, PKCS1v15(), SHA256())
    except InvalidSignature:
        return Proof.does_not_hold
    return Proof.holds


def _body(body: bytes, how: str) -> bytes:
    """Return the body in its canonical form (RFC 6376, 3.4.3 and 3.4.4)."""
    if how == "relaxed":
        body = re.sub(rb"[ \t]+", b" ", body)
        body = re.sub(rb" (?=\r\n|$)", b"", body)
    body = re.sub(rb"(?:\r\n)+\Z", b"", body)
    if not body:
        return b"" if how == "relaxed" else b"\r\n"
    return body + b"\r\n"


def _signed_fields(head: bytes, signature: Signature, how: str) -> bytes:
    """Return the signed header fields, with the DKIM-Signature without its value last."""
    fields = [(match[1].lower(), match[0], match[2]) for match in _FIELD.finditer(head)]
    itself = [field for field in fields if field[0] == b"dkim-signature"][signature.position]
    left = list(reversed(fields))  # of several with one name, the lowest is signed first
    chosen = []
    for name in signature.order:
        found = next((field for field in left if field[0] == name.encode()), None)
        if found:
            left.remove(found)
            chosen.append(_field(found[0], found[1], found[2], how))
    value = _ITS_VALUE.sub(rb"\1", itself[2])
    whole = itself[1][: len(itself[1]) - len(itself[2])] + value
    return b"".join([*chosen, _field(itself[0], whole, value, how).removesuffix(b"\r\n")])


def _field(name: bytes, whole: bytes, value: bytes, how: str) -> bytes:
    """Return one field in its canonical form (RFC 6376, 3.4.1 and 3.4.2)."""
    if how != "relaxed":
        return whole
    unfolded = value.replace(b"\r\n", b"")
    return name + b":" + re.sub(rb"[ \t]+", b" ", unfolded).strip() + b"\r\n"


WEAK, STRONG = 1024, 2048  # bits of an RSA key (RFC 8301)
MUST_BE_SIGNED = ("from", "list-unsubscribe", "list-unsubscribe-post")  # RFC 8058, 4


def check(case: Case, evidence: Evidence, resolver: Resolver) -> Iterator[Finding]:
    """Yield findings on key and signature, by the given selector, the test mail or a guess.

    Adds the domains that sign to `evidence.signed_for`.
    """
    returned = evidence.returned
    found = signatures(returned.mail) if returned else []
    if case.selector:
        domain = _domain_with_key(case.selector, case.domain, resolver)
        evidence.signed_for.append(domain)
        yield from _key(f"{case.selector}._domainkey.{domain}", resolver, is_used=True)
    elif found and returned:
        evidence.signed_for += [signature.domain for signature in found]
        best = _best(found, case.domain)
        yield from _key(best.name, resolver, is_used=True)
        yield from _proof(returned, best, resolver)
    elif returned and not returned.is_caught:
        words = _l("The test mail arrived without a DKIM signature: the mail server signs nothing.")
        fix = _l(
            "Switch signing on for %(domain)s; it then shows a record to put into your DNS. On a "
            "server of your own, Rspamd or OpenDKIM signs.",
            domain=case.domain,
        )
        yield bad(Check.dkim, words, Remedy(AT_MAIL_SERVER, fix))
    else:
        yield from _guessed(case, evidence, resolver)
    if found:
        yield _covers(_best(found, case.domain))


def _domain_with_key(selector: str, domain: str, resolver: Resolver) -> str:
    """Return `domain` or its organisational domain, where the key is; `domain` if at neither."""
    both = dict.fromkeys((domain, organisation(domain)))
    return next((each for each in both if resolver.texts(f"{selector}._domainkey.{each}")), domain)


def _best(found: list[Signature], domain: str) -> Signature:
    """Return the first signature that is aligned for DMARC, or else the first."""
    return next((each for each in found if is_aligned(each.domain, domain)), found[0])


def _key(name: str, resolver: Resolver, *, is_used: bool) -> Iterator[Finding]:
    texts = resolver.texts(name)
    where = Remedy(
        in_dns_of(name.partition("._domainkey.")[2]),
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
        AT_MAIL_SERVER,
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


def _proof(returned: Returned, signature: Signature, resolver: Resolver) -> Iterator[Finding]:
    """Yield whether the signature holds; nothing without a key, which `_key` has reported."""
    try:
        key = read_key("".join(resolver.texts(signature.name))).public
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
        yield bad(Check.dkim_proof, words, Remedy(AT_MAIL_SERVER, fix))
    elif proof is Proof.does_not_hold:
        words = _l("The mail server signs with another key than the one at %(name)s.", **values)
        fix = _l("Publish the record that the mail server (or your provider) shows for it now.")
        where = in_dns_of(signature.domain)
        yield bad(Check.dkim_proof, words, Remedy(where, fix))
    else:
        words = _l("The signature of the test mail is none that receivers accept today.")
        fix = _l("Let it sign with rsa-sha256.")
        yield bad(Check.dkim_proof, words, Remedy(AT_MAIL_SERVER, fix))


def _guessed(case: Case, evidence: Evidence, resolver: Resolver) -> Iterator[Finding]:
    """Yield the finding on the first key at a selector of a well-known service."""
    for selector in SELECTORS:
        domain = _domain_with_key(selector, case.domain, resolver)
        name = f"{selector}._domainkey.{domain}"
        if resolver.texts(name):
            evidence.signed_for.append(domain)
            yield from _key(name, resolver, is_used=False)
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
    yield unknown(Check.dkim, words, Remedy(AT_MAIL_SERVER, fix))


def _covers(signature: Signature) -> Finding:
    missing = [name for name in MUST_BE_SIGNED if name not in signature.order]
    if not missing:
        words = _l("The signature covers From and the unsubscribe headers.")
        return good(Check.dkim_headers, words)
    named = ", ".join(missing)
    words = _l("The signature does not cover %(headers)s.", headers=named)
    if "from" in missing:
        fix = _l("Add them to the list of signed headers.")
        return bad(Check.dkim_headers, words, Remedy(AT_MAIL_SERVER, fix))
    fix = _l(
        "Add them to the list of signed headers: Gmail and Yahoo show the unsubscribe button only "
        "then (RFC 8058)."
    )
    return warning(Check.dkim_headers, words, Remedy(AT_MAIL_SERVER, fix))
