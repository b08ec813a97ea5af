"""Send mails over one connection: take prepared messages, hand them over, note the results.

No database transaction is open while SMTP is spoken. SMTP cannot promise exactly once, so the
moment before a mail leaves is committed: a mail lost before that moment is sent again; for a mail
lost after it, the rules of its kind decide.
"""

import logging
import math
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

from service import database
from service.clock import now
from service.current import settings
from service.extensions import db
from service.mail.delivery import breaker, outcomes, shutdown
from service.mail.delivery.flask_mail import mail
from service.mail.delivery.leases import Leases, LostLease, leasing
from service.mail.delivery.prepared import PreparedMessage, Source
from service.mail.delivery.session import (
    About,
    ConnectionLost,
    Refusal,
    SmtpSession,
    Undecided,
    Unreachable,
)
from service.mail.delivery.shutdown import Enough, OutOfTime, Time
from service.mail.policy import rate, suppressions
from service.models import SuppressionReason, SuppressionScope

log = logging.getLogger(__name__)

LOSSES = 2  # connections lost in a row, after which the server is to blame, not the mail
SESSION_MAILS = 1000  # servers limit the mails of a session …
SESSION_SECONDS = 300.0  # … and its time
FRESH = 1.0  # seconds for which the limits that were read are taken as current


# Makes the source of a sender, from its leases and what is to be called before each claim.
OpenSource = Callable[[Leases, Callable[[], bool]], Source]


class Sender:
    """Sends the mails of one source over one connection.

    `owner` names the holder of the leases; senders of one owner may pass mails to each other.
    """

    def __init__(self, open_source: OpenSource, owner: str = "") -> None:
        self.open_source = open_source
        self.owner = owner
        self.connection = mail.connect()
        self.time = Time()
        self.limits_read_at = -math.inf  # seconds of the monotonic clock
        self.following: PreparedMessage | None = None  # announced with the mail before it
        self.losses = 0
        self.has_answered = False
        self.halved: dict[str, int] = {}  # how often which bucket's rate is halved
        self.is_limited = False  # some rate limits some mails
        self.put_back: Counter[str] = Counter()  # mails whose domain has no slot yet, by bucket
        self.dead: set[str] = set()  # addresses that the server has just refused for good
        self.counts: Counter[str] = Counter()

    def send_due(self) -> bool:
        """Send until nothing is due or the server cannot be reached; False when time is over."""
        try:
            with leasing(self.owner) as leases:
                return self._send(leases)
        finally:
            self.connection.close()
            if self.counts:
                log.info(
                    "mails_handled %s", " ".join(f"{k}={n}" for k, n in sorted(self.counts.items()))
                )

    def _send(self, leases: Leases) -> bool:
        source = self.open_source(leases, self._may_claim)
        self.connection.meanwhile = source.work
        try:
            while prepared := self.following or source.take():
                self.following = None
                self._turn(leases, prepared, source)
        except OutOfTime:
            return False
        except Enough:
            pass
        except Unreachable as error:
            until = breaker.failed(error.words)
            log.warning("smtp_unreachable until=%s words=%s", until, error.words)
        return True

    def _may_claim(self) -> bool:
        """Return whether more mails are to be claimed; raises OutOfTime."""
        self.time.check()
        return breaker.may_claim()

    def _turn(self, leases: Leases, prepared: PreparedMessage, source: Source) -> None:
        """Hand one mail over and note the result. Raises Unreachable or Enough."""
        if not self._has_its_turn(leases, prepared):
            return
        try:
            words = self._hand_over(leases, prepared, source)
        except LostLease:
            log.warning("lease_lost outbox=%s", prepared.row_id)
            self.connection.drop()
        except Refusal as refusal:
            self._refused(leases, prepared, refusal)
        except Undecided as doubt:
            self._note(
                leases, prepared, "uncertain", outcomes.undecided(prepared.tried, doubt.words)
            )
            self._lost(doubt.words)
        except ConnectionLost as error:
            self._note(leases, prepared, "postponed", outcomes.postponed(error.words))
            self._lost(error.words)
        else:
            self._note(leases, prepared, "sent", outcomes.sent(prepared.tried, words))
            self._answered()

    def _has_its_turn(self, leases: Leases, prepared: PreparedMessage) -> bool:
        """Wait until the rates allow the mail; return False when it is given back for later."""
        leases.hold(prepared.row_id)
        if prepared.envelope.recipient in self.dead:
            leases.release([prepared.row_id])  # the next claim finds the address suppressed
            return False
        self.time.check()
        if time.monotonic() - self.limits_read_at > FRESH:
            self._read_limits()
        bucket = rate.bucket_of(prepared.envelope.recipient)
        limits = rate.limits_for(bucket, self.halved) if self.is_limited else {}
        if limits:
            leases.write()  # so that no note stays unwritten while we wait
            turn = rate.reserve(limits)
            if not turn.is_reserved:
                self._give_back(leases, prepared, turn, limits)
                return False
            if shutdown.wait(turn.wait):
                raise OutOfTime
        leases.renew()
        return True

    def _give_back(
        self, leases: Leases, prepared: PreparedMessage, turn: rate.Turn, limits: rate.Limits
    ) -> None:
        """Put one mail back, behind the others of its domain; raises Enough when none may go."""
        if turn.bucket == rate.SERVER:
            raise Enough
        behind = self.put_back[turn.bucket] * limits[turn.bucket]
        leases.release([prepared.row_id], now() + timedelta(seconds=turn.wait) + behind)
        self.put_back[turn.bucket] += 1

    def _read_limits(self) -> None:
        self.limits_read_at = time.monotonic()
        with database.reading():
            self.halved = rate.slowed(now())
            db.session.rollback()
        set_rates = settings().mail_rate or settings().mail_domain_rate
        self.is_limited = bool(set_rates or self.halved)

    def _hand_over(self, leases: Leases, prepared: PreparedMessage, source: Source) -> str:
        session = self._session_ready_for(prepared)
        leases.leave(prepared.row_id)
        if not self.is_limited and not _is_worn(session):
            self.following = source.take_at_hand()
            if self.following:
                leases.hold(self.following.row_id)
        return session.send(prepared.octets, self.following.envelope if self.following else None)

    def _session_ready_for(self, prepared: PreparedMessage) -> SmtpSession:
        """Announce the mail on the open session, or on a new one when that turns out broken."""
        session = self.connection.session
        is_announced = session is not None and session.is_announced(prepared.envelope)
        if session is not None and session.is_open and (is_announced or not _is_worn(session)):
            try:
                if not is_announced:
                    session.announce(prepared.envelope)
                session.go()
                return session
            except ConnectionLost:
                log.info("connection_lost outbox=%s", prepared.row_id)
        session = self.connection.open()
        session.announce(prepared.envelope)
        session.go()
        return session

    def _refused(self, leases: Leases, prepared: PreparedMessage, refusal: Refusal) -> None:
        log.warning("mail_refused outbox=%s words=%s", prepared.row_id, refusal.words)
        self._note(leases, prepared, "refused", outcomes.refused(prepared.tried, refusal))
        if outcomes.is_dead(refusal):
            leases.write()  # before the suppression, which takes claimed mails to the address back
            self.dead.add(prepared.envelope.recipient)
            suppressions.add(
                prepared.envelope.recipient,
                SuppressionReason.hard_bounce,
                scope=SuppressionScope.everything,
                source="smtp",
                detail=str(refusal.code),  # the words may name the person, and outlive an erasure
            )
            db.session.commit()
        if outcomes.is_about_speed(refusal):
            bucket = rate.bucket_of(prepared.envelope.recipient)
            rate.slow_down(bucket if refusal.about is About.recipient else rate.SERVER)
            self._read_limits()
        self._answered()

    def _note(
        self, leases: Leases, prepared: PreparedMessage, what: str, changes: outcomes.Changes
    ) -> None:
        self.counts[what] += 1
        leases.note(prepared.row_id, changes)

    def _answered(self) -> None:
        """Close the breaker: the server answers."""
        self.losses = 0
        if not self.has_answered:
            self.has_answered = True
            breaker.reached()

    def _lost(self, words: str) -> None:
        """Count a lost connection; raise Unreachable at the second in a row."""
        self.losses += 1
        log.warning("connection_lost words=%s", words)
        if self.losses >= LOSSES:
            raise Unreachable(words)


def _is_worn(session: SmtpSession) -> bool:
    return session.mails >= SESSION_MAILS - 1 or time.monotonic() - session.began > SESSION_SECONDS
