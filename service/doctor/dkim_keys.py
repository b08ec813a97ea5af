"""The keys that DKIM publishes (RFC 6376, 3.6.1; RFC 8463), and the signatures that name them."""

import base64
import binascii
from dataclasses import dataclass
from email.message import Message

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from service.doctor.tags import Malformed, tags

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
    """What a DKIM-Signature says of itself."""

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
    """Return the signatures of `mail`, the last one first; what is none is left out."""
    found = []
    for position, line in enumerate(mail.get_all("DKIM-Signature", [])):
        try:
            said = tags(str(line))
            order = tuple("".join(name.split()) for name in said["h"].lower().split(":"))
            place = (said["d"].lower(), said["s"].lower())
        except (Malformed, KeyError):
            continue
        found.append(Signature(*place, order, said, position))
    return found
