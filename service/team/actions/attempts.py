"""Count attempts by account and place, over all processes: strangers are slowed, nobody locked out.

A place is a network and an account together, so a stranger elsewhere uses up nobody's attempts. A
browser that has logged in to the account before is a place of its own, and the other limits, which
strangers can exhaust, do not hold for it.

An attempt is recorded before the password is compared, so that a hundred at once do not get around
a limit; a successful one is removed. The caller commits in between. All of it is kept in the
database, so that it holds over all processes and without Redis; an account that does not exist is
counted like any other.
"""

import hashlib
import hmac
import ipaddress
import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select

from service.clock import now
from service.current import settings
from service.extensions import db
from service.models import LoginAttempt

KEPT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Limits:
    """How many attempts of a kind may fail within `window`.

    `of_network` is wide, because a whole company can stand behind one address. With `slows_after`,
    that many wrong attempts on an account within 15 minutes are free; for each more, a place has
    to wait a second longer before its next attempt, up to a minute.
    """

    what: str
    window: timedelta
    of_place: int
    of_network: int
    of_account: int | None = None
    slows_after: int | None = None


LOGINS = Limits("login", timedelta(minutes=1), of_place=5, of_network=20, slows_after=10)
# A link lives as long as this window: who uses the mails up leaves links in the mailbox that work.
LINKS = Limits("link", timedelta(days=1), of_place=5, of_network=20, of_account=10)
PASSWORD_CHANGES = Limits("password", timedelta(minutes=1), of_place=5, of_network=5)

SLOW_WINDOW = timedelta(minutes=15)
LONGEST_WAIT = 60  # seconds


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt that is recorded; `device` is the id of a browser that the account knows."""

    limits: Limits
    email: str
    network: str
    device: str | None
    ids: list[int]

    def key(self, of: str, *names: str) -> str:
        """Return the key that attempts of one kind are counted under."""
        return keyed(f"{self.limits.what} {of}", *names)

    @property
    def account_key(self) -> str:
        """The key of all attempts on the account by browsers that are new to it."""
        return self.key("account", self.email)

    def most_by_key(self) -> dict[str, int | None]:
        """Return the keys that the attempt counts under, each with the most that may fail."""
        if self.device is not None:
            return {self.key("device", self.email, self.device): self.limits.of_place}
        return {
            self.key("place", self.email, self.network): self.limits.of_place,
            self.key("network", self.network): self.limits.of_network,
            self.account_key: self.limits.of_account,
        }


def record(limits: Limits, email: str, address: str | None, device: str | None = None) -> Attempt:
    """Record an attempt on the account of `email` from an IP address, or from a known browser."""
    attempt = Attempt(limits, email.strip().casefold(), _network(address), device, [])
    rows = [LoginAttempt(key=key) for key in attempt.most_by_key()]
    db.session.add_all(rows)
    db.session.flush()
    attempt.ids.extend(row.id for row in rows)
    return attempt


def seconds_to_wait(attempt: Attempt) -> int:
    """Return how long to wait before an attempt like this one is looked at; 0: it may be now."""
    most = attempt.most_by_key()
    counts = db.session.execute(
        select(LoginAttempt.key, func.count())
        .where(LoginAttempt.key.in_(most), LoginAttempt.at > now() - attempt.limits.window)
        .group_by(LoginAttempt.key)
    )
    if any(count > (most[key] or math.inf) for key, count in counts):
        return int(attempt.limits.window.total_seconds())
    return _seconds_to_slow_down(attempt)


def take_back(attempt: Attempt) -> None:
    """Remove an attempt that succeeded, or was refused without comparing."""
    db.session.execute(delete(LoginAttempt).where(LoginAttempt.id.in_(attempt.ids)))


def keyed(*words: str) -> str:
    """Return a keyed hash of `words`, by which nobody reads what they were."""
    secret = settings().secret_keys[-1].encode()
    return hmac.new(secret, repr(words).encode(), hashlib.sha256).hexdigest()


def _seconds_to_slow_down(attempt: Attempt) -> int:
    """Return how long a place has to wait because of what others tried on the account.

    The wait begins when the place comes first and ends for it alone: however often others come
    meanwhile, the owner is let in after a minute at most.
    """
    if attempt.device is not None or attempt.limits.slows_after is None:
        return 0
    moment = now()
    others = _count(attempt.account_key, moment - SLOW_WINDOW) - 1
    wait = min(max(others - attempt.limits.slows_after, 0), LONGEST_WAIT)
    if not wait:
        return 0
    waiting = attempt.key("waiting", attempt.email, attempt.network)
    begun = db.session.scalar(select(func.min(LoginAttempt.at)).where(LoginAttempt.key == waiting))
    if begun is None:
        db.session.add(LoginAttempt(key=waiting))
        db.session.flush()
        return wait
    left = math.ceil(wait - (moment - begun).total_seconds())
    if left > 0:
        return left
    ended = delete(LoginAttempt).where(LoginAttempt.key == waiting).returning(LoginAttempt.id)
    return 0 if db.session.scalars(ended).all() else wait  # of many at once, one gets through


def _count(key: str, since: datetime) -> int:
    query = select(func.count()).where(LoginAttempt.key == key, LoginAttempt.at > since)
    return db.session.scalar(query) or 0


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
