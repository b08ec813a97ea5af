"""Whether a DKIM signature holds: the mail's hashes, and the key that signed them (RFC 6376)."""

import base64
import binascii
import hashlib
import re
from enum import StrEnum

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from service.doctor.dkim_keys import PublicKey, Signature

_FIELD = re.compile(rb"([^\s:]+)[ \t]*:((?:.|\r\n[ \t])*\r\n)")
_ITS_VALUE = re.compile(rb"((?:^|;)\s*b\s*=)[^;]*")  # bh= has another letter before its sign


class Proof(StrEnum):
    """How the signature stands."""

    holds = "holds"
    body_changed = "body_changed"  # on the way, after signing
    does_not_hold = "does_not_hold"  # another key signed it, or a header was changed
    unreadable = "unreadable"


def prove(octets: bytes, signature: Signature, key: PublicKey) -> Proof:
    """Say whether `signature`, one of the mail's own, holds under the published `key`."""
    said = signature.tags
    octets = re.sub(rb"(?<!\r)\n", b"\r\n", octets)
    head, _, body = octets.partition(b"\r\n\r\n")
    of_head, _, of_body = said.get("c", "simple").partition("/")
    try:
        signed = base64.b64decode("".join(said["b"].split()), validate=True)
        wanted = base64.b64decode("".join(said["bh"].split()), validate=True)
        length = int(said["l"]) if "l" in said else None
    except (KeyError, ValueError, binascii.Error):
        return Proof.unreadable
    if said.get("a") not in {"rsa-sha256", "ed25519-sha256"}:
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
    """Return the header fields that were signed, the signature's own without its value last."""
    fields = [(match[1].lower(), match[0], match[2]) for match in _FIELD.finditer(head)]
    own = [field for field in fields if field[0] == b"dkim-signature"][signature.position]
    left = list(reversed(fields))  # of several with one name, the lowest is signed first
    chosen = []
    for name in signature.order:
        found = next((field for field in left if field[0] == name.encode()), None)
        if found:
            left.remove(found)
            chosen.append(_field(found[0], found[1], found[2], how))
    value = _ITS_VALUE.sub(rb"\1", own[2])
    whole = own[1][: len(own[1]) - len(own[2])] + value
    return b"".join([*chosen, _field(own[0], whole, value, how).removesuffix(b"\r\n")])


def _field(name: bytes, whole: bytes, value: bytes, how: str) -> bytes:
    """Return one field in its canonical form (RFC 6376, 3.4.1 and 3.4.2)."""
    if how != "relaxed":
        return whole
    unfolded = value.replace(b"\r\n", b"")
    return name + b":" + re.sub(rb"[ \t]+", b" ", unfolded).strip() + b"\r\n"
