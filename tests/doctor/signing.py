"""A mail server's signature (RFC 6376), made the way servers make it, for the tests of DKIM."""

import base64
import hashlib
import re
from functools import cache

from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

COVERED = "from:to:subject:date:message-id:list-unsubscribe:list-unsubscribe-post"


@cache
def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    """A key of this size, made once."""
    return rsa.generate_private_key(65537, bits)


@cache
def ed25519_key() -> ed25519.Ed25519PrivateKey:
    """A small key."""
    return ed25519.Ed25519PrivateKey.generate()


def published(key, **more: str) -> str:
    """The TXT record of a key; more tags stand before its p."""
    public = key.public_key()
    if isinstance(key, rsa.RSAPrivateKey):
        kind = "rsa"
        octets = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    else:
        kind, octets = "ed25519", public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    tags = {"v": "DKIM1", "k": kind, **more, "p": base64.b64encode(octets).decode()}
    return "; ".join(f"{name}={value}" for name, value in tags.items())


def signed(
    octets: bytes,
    *,
    domain: str = "norte.es",
    selector: str = "mail2026",
    key=None,
    covered: str = COVERED,
    how: str = "relaxed/relaxed",
) -> bytes:
    """`octets` with a DKIM-Signature on top."""
    key = key or rsa_key()
    kind = "rsa" if isinstance(key, rsa.RSAPrivateKey) else "ed25519"
    head, _, body = octets.partition(b"\r\n\r\n")
    body_hash = base64.b64encode(hashlib.sha256(_body(body, how.split("/")[1])).digest()).decode()
    line = (
        f"DKIM-Signature: v=1; a={kind}-sha256; c={how}; d={domain}; s={selector};\r\n"
        f"\th={covered};\r\n\tbh={body_hash};\r\n\tb="
    )
    lines = re.split(r"\r\n(?![ \t])", head.decode())
    wanted = covered.split(":")
    data = "".join(
        _canonical(next(each for each in lines if each.lower().startswith(f"{name}:")), how)
        + "\r\n"
        for name in wanted
    )
    data += _canonical(line, how)
    value = base64.b64encode(_sign(key, data.encode())).decode()
    folded = "\r\n\t ".join(value[at : at + 60] for at in range(0, len(value), 60))
    return f"{line}{folded}\r\n".encode() + octets


def _sign(key, data: bytes) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, PKCS1v15(), SHA256())
    return key.sign(hashlib.sha256(data).digest())


def _canonical(line: str, how: str) -> str:
    if how.startswith("simple"):
        return line
    name, _, value = line.partition(":")
    return f"{name.lower().strip()}:{' '.join(value.split())}"


def _body(body: bytes, how: str) -> bytes:
    text = body.decode()
    if how == "relaxed":
        text = "\r\n".join(re.sub(r"[ \t]+", " ", line).rstrip(" ") for line in text.split("\r\n"))
    text = text.rstrip("\r\n")
    return (f"{text}\r\n" if text or how == "simple" else "").encode()
