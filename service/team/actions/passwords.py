"""Hash passwords (argon2id), compare them in equal time, and refuse those easy to guess."""

import unicodedata
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from flask_babel import gettext as _

from service.errors import Refused

SHORTEST = 12  # characters, not bytes
LONGEST = 500
FEWEST_DIFFERENT = 5

# The long ones that lists of leaked passwords begin with; shorter ones are refused by their length.
COMMON = frozenset(
    """
    password1234 password12345 password123456 passwordpassword contraseña123 contraseña1234
    contraseñacontraseña contrasena123 contrasena1234 administrador administrador1 administrator
    administrator1 administracion qwertyuiop12 qwertyuiop123 qwertyuiopasdfgh qwerty123456
    qwertyqwerty 1q2w3e4r5t6y 1qaz2wsx3edc 1234567890ab 123456789abc abcdefghijkl abcdefghijklm
    abcd1234abcd 123456789012 1234567890123 123412341234 123123123123 012345678901 987654321098
    letmeinletmein welcome12345 bienvenido123 iloveyou1234 teamomuchisimo teamomucho123
    hastaluego123 hastaluego1234 hastaluegohastaluego changeme1234 changemechangeme cambiame1234
    trustno1trustno1 superman1234 barcelona1234 barcelona123 realmadrid123 madrid123456
    españa123456 secretsecret secreto12345 testtesttest test12345678 qazwsxedcrfv
    """.split()  # noqa: SIM905
)


class WeakPassword(Refused):
    """A password that is easy to guess; the message says what to do instead."""


def new_hasher() -> PasswordHasher:
    """Return argon2id with RFC 9106's second recommendation (64 MiB, three passes)."""
    return PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=4)


_hasher = new_hasher()


@cache
def _nobodys() -> str:
    return _hasher.hash("nobody has this password")


def hashed(password: str) -> str:
    """Return the hash of `password`."""
    return _hasher.hash(_same(password))


def matches(kept: str | None, password: str) -> bool:
    """Return whether `password` has the hash `kept`; takes as long when that is None."""
    try:
        return _hasher.verify(kept or _nobodys(), _same(password)) and kept is not None
    except (VerifyMismatchError, InvalidHashError):
        return False


def is_outdated(kept: str) -> bool:
    """Return whether the hash `kept` was made with other parameters than today's."""
    return _hasher.check_needs_rehash(kept)


def check(password: str, *, email: str, company: str) -> None:
    """Raise WeakPassword, with what to do instead, for a password that is easy to guess."""
    plain = _same(password).casefold()
    if len(plain) < SHORTEST:
        raise WeakPassword(
            _("Use at least %(count)s characters; a few words in a row do well.", count=SHORTEST)
        )
    if len(plain) > LONGEST:
        raise WeakPassword(_("Use at most %(count)s characters.", count=LONGEST))
    if plain in COMMON or len(set(plain)) < FEWEST_DIFFERENT:
        raise WeakPassword(_("That password is on every list of guesses. Choose another one."))
    if any(name in plain for name in _names(email, company)):
        raise WeakPassword(_("Choose a password without your address or the company's name in it."))


def _names(email: str, company: str) -> list[str]:
    """Return the names that are easy to guess: the address, its first part, the company's."""
    squeezed = "".join(company.split())
    known = (email, email.split("@")[0], company, squeezed)
    return [_same(name).casefold() for name in known if len(name) >= 4]


def _same(password: str) -> str:
    """Return the normal form of what keyboards encode in several (NIST SP 800-63B, 5.1.1.2)."""
    return unicodedata.normalize("NFKC", password)
