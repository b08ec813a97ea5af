"""Bounce addresses that name their mail and are signed by us (VERP).

``rebotes+<token>@example.com``: the token is the mail's public id, which is random already, and a
signature. Only lower case and digits, because servers change the case of local parts.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Sequence

from service.current import settings

TOKEN_LENGTH = 39  # 16 octets of id and 8 of signature in base32, unpadded
_SIGNATURE = 8
_TOKEN = re.compile(rf"\+([a-z2-7]{{{TOKEN_LENGTH}}})(?=@)", re.IGNORECASE)
_PURPOSE = b"hasta-luego.verp:"


def address(public_id: str) -> str | None:
    """Return the envelope sender of the mail `public_id`; None without MAIL_BOUNCE_ADDRESS."""
    bounce_address = settings().mail_bounce_address
    if bounce_address is None:
        return None
    local, _, domain = bounce_address.rpartition("@")
    return f"{local}+{token(public_id)}@{domain}"


def token(public_id: str) -> str:
    """Return the signed token that names a mail."""
    named = base64.urlsafe_b64decode(public_id + "=" * (-len(public_id) % 4))
    signature = _signature(settings().secret_keys[-1], named)
    return base64.b32encode(named + signature).decode().rstrip("=").lower()


def read(text: str) -> str | None:
    """Return the public id in a token of ours, by whichever key it was signed, or None."""
    try:
        octets = base64.b32decode(text.upper() + "=" * (-len(text) % 8))
    except (binascii.Error, ValueError):
        return None
    named, signature = octets[:-_SIGNATURE], octets[-_SIGNATURE:]
    keys: Sequence[str] = settings().secret_keys
    if not any(hmac.compare_digest(signature, _signature(key, named)) for key in keys):
        return None
    return base64.urlsafe_b64encode(named).decode().rstrip("=")


def tokens_in(text: str) -> list[str]:
    """Return what could be tokens in the addresses in `text`, their signatures unchecked."""
    return [match.lower() for match in _TOKEN.findall(text)]


def ids_in(texts: Iterable[str]) -> list[str]:
    """Return the public ids that our signed addresses in `texts` name, each once."""
    found = (read(each) for text in texts for each in tokens_in(text))
    return list(dict.fromkeys(public_id for public_id in found if public_id))


def _signature(key: str, named: bytes) -> bytes:
    return hmac.new(key.encode(), _PURPOSE + named, hashlib.sha256).digest()[:_SIGNATURE]
