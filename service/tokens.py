"""Sign and read the tokens in links: one salt per purpose, an opaque id inside, nothing personal.

A token says *who*; the row it names says *whether* (expiry, revocation and use live there), so a
clock that steps back never breaks a link. Keys rotate: the newest signs, every one of them reads.
"""

import hashlib
import secrets
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from itsdangerous import BadSignature, Serializer, URLSafeSerializer
from itsdangerous.encoding import base64_encode


class Purpose(StrEnum):
    """What a token lets its bearer do; a token of one purpose is worthless for another."""

    survey = "survey"  # an Invitation: answer it once
    answer = "answer"  # a Response: see and change it until the survey closes
    testimonial = "testimonial"  # an Invitation to a testimonial: write it once, withdraw it
    quote = "quote"  # a Testimonial: see, change, confirm, withdraw it
    preferences = "preferences"  # a Contact: mail preferences and unsubscribe
    talk = "door"  # a Contact: "I'd like to talk"
    calendar = "calendar"  # a TeamMember's calendar_key: read what they have to do
    device = "device"  # a browser that has logged in to an account before; opens nothing
    password = "password"  # a PasswordLink: set a password once  # noqa: S105


class _Plain(URLSafeSerializer):
    """Without the attempt to compress: an id is too short for it, and trying costs most of all."""

    def dump_payload(self, *args: Any, **kwargs: Any) -> bytes:
        """Return the payload as it stands in the token."""
        return base64_encode(Serializer.dump_payload(self, *args, **kwargs))


class Signer:
    """Signs with the last of `keys`, reads with any (oldest first, as itsdangerous orders them)."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._serializers = {
            purpose: _Plain(list(keys), salt=f"hasta-luego.{purpose}") for purpose in Purpose
        }

    def sign(self, purpose: Purpose, public_id: str) -> str:
        """Return the token that names `public_id` for `purpose`."""
        token = self._serializers[purpose].dumps(public_id)
        return token if isinstance(token, str) else token.decode()

    def read(self, purpose: Purpose, token: str) -> str | None:
        """Return the public id inside, or None when the token is not ours for this purpose."""
        try:
            public_id = self._serializers[purpose].loads(token)
        except BadSignature:
            return None
        return public_id if isinstance(public_id, str) else None


def new_public_id() -> str:
    """Return 16 random bytes as 22 url-safe characters."""
    return secrets.token_urlsafe(16)


def new_secret() -> str:
    """Return 32 random octets as 43 url-safe characters: nobody guesses them."""
    return secrets.token_urlsafe(32)


def hashed(secret: str) -> str:
    """Return the SHA-256 of a secret of `new_secret`, in hexadecimal.

    A plain hash does for 32 random octets; passwords need argon2 (service/team/actions/passwords).
    """
    return hashlib.sha256(secret.encode()).hexdigest()
