"""Log in; each account and each address has five wrong attempts a minute, over all processes.

An attempt is recorded before the password is compared, so that a hundred at once do not get around
the limit; a successful one is removed. The caller commits in between.
"""

import hashlib
import hmac
import ipaddress
from datetime import timedelta

from sqlalchemy import delete, func, select

from service.clock import now
from service.current import settings
from service.extensions import db
from service.models import LoginAttempt, TeamMember
from service.team.actions import passwords

MOST_WRONG = 5
WINDOW = timedelta(minutes=1)
KEPT = timedelta(hours=1)


def write_attempt(email: str, address: str | None, what: str = "login") -> list[int]:
    """Record an attempt; returns its ids, for `take_back` on success.

    `what` keeps the counts of different forms apart.
    """
    db.session.execute(delete(LoginAttempt).where(LoginAttempt.at < now() - KEPT))
    attempts = [LoginAttempt(key=key) for key in _keys(what, email, address)]
    db.session.add_all(attempts)
    db.session.flush()
    return [attempt.id for attempt in attempts]


def is_one_too_many(attempts: list[int]) -> bool:
    """Return whether the account or the address of `attempts` is over the limit of this minute."""
    keys = select(LoginAttempt.key).where(LoginAttempt.id.in_(attempts))
    counts = db.session.scalars(
        select(func.count())
        .where(LoginAttempt.key.in_(keys), LoginAttempt.at > now() - WINDOW)
        .group_by(LoginAttempt.key)
    )
    return max(counts, default=0) > MOST_WRONG


def take_back(attempts: list[int]) -> None:
    """Remove an attempt that succeeded, or was refused without comparing."""
    db.session.execute(delete(LoginAttempt).where(LoginAttempt.id.in_(attempts)))


def find(email: str) -> TeamMember | None:
    """Return the active member with this address, or None."""
    return db.session.scalar(
        select(TeamMember).where(TeamMember.email == email.strip().lower(), TeamMember.is_active)
    )


def record_login(member: TeamMember, password: str) -> None:
    """Record the time of a login, and hash the password anew if the parameters changed."""
    member.last_login_at = now()
    if member.password_hash is None or passwords.is_outdated(member.password_hash):
        member.password_hash = passwords.hashed(password)
    db.session.flush()


def _keys(what: str, email: str, address: str | None) -> list[str]:
    account = _key(f"{what} account", email.strip().casefold())
    return [account, _key(f"{what} address", _network(address))]


def _key(kind: str, value: str) -> str:
    secret = settings().secret_keys[-1].encode()
    return hmac.new(secret, f"{kind} {value}".encode(), hashlib.sha256).hexdigest()


def _network(address: str | None) -> str:
    """Return the network of one visitor: an IPv4 address, or the /64 of an IPv6 one."""
    try:
        ip = ipaddress.ip_address(address or "")
    except ValueError:
        return "unknown"
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    if ip.ipv4_mapped:
        return str(ip.ipv4_mapped)
    return str(ipaddress.ip_network((ip.packed, 64), strict=False))
