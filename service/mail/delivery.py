"""Deliver what the outbox owes: claim, ask again, render, hand over, record. Row by row.

No database transaction is open while talking SMTP. Exactly once cannot be had over SMTP, so the
moment before DATA is committed: what is lost before it is sent again, what is lost after it goes
where the kind's rules say.
"""

import logging
import time
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import select

from service.clock import now
from service.current import settings
from service.extensions import db
from service.mail import breaker, claims, outcomes, rate, suppressions
from service.mail.failures import LineBroke, Refusal, Undecided, Unreachable
from service.mail.parcels import Parcel, pack
from service.mail.smtp import mail
from service.models import MailState, OutboxMessage, SuppressionReason, SuppressionScope

log = logging.getLogger(__name__)

BATCH = 100  # ids per job
CHUNK = 25  # rows rendered ahead; what changes meanwhile is not asked again
BUDGET = 240.0  # seconds per job, well below RQ's own limit of 600
PATIENCE = 20.0  # the longest wait for a slot of MAIL_RATE inside a job, in seconds
LOSSES = 2  # lines that broke one after another: the server is in trouble, not the mail


class Pause(Exception):
    """The batch ends early, and nothing is wrong. `seconds` until going on makes sense."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"pause of {seconds:.0f} s")
        self.seconds = seconds


def deliver(ids: Sequence[int]) -> list[int]:
    """Send those of `ids` that are due and unclaimed; return those that ran out of time.

    Each row is marked by itself and committed. When the server cannot be reached the breaker
    opens, and the rows wait without having used an attempt.
    """
    if breaker.is_open():
        return []
    claim = claims.take(ids)
    return _Courier(claim).carry() if claim.waiting else []


def due_batches(limit: int = 10_000) -> list[list[int]]:
    """Return the ids of what is due in batches, the longest due first; none while the breaker
    is open.
    """
    if breaker.is_open():
        return []
    ids = list(
        db.session.scalars(
            select(OutboxMessage.id)
            .where(OutboxMessage.state == MailState.queued, OutboxMessage.due_at <= now())
            .order_by(OutboxMessage.due_at, OutboxMessage.id)
            .limit(limit)
        )
    )
    return [ids[start : start + BATCH] for start in range(0, len(ids), BATCH)]


class _Courier:
    """Carries one batch over one connection."""

    def __init__(self, claim: claims.Claim) -> None:
        self.claim = claim
        self.connection = mail.connect()
        self.began = time.monotonic()
        self.losses = 0
        self.has_answered = False
        self.counts: Counter[str] = Counter()

    def carry(self) -> list[int]:
        """Deliver the batch; return the rows that were given back for lack of time."""
        try:
            return self._carry()
        finally:
            self.connection.close()
            log.info("batch %s", " ".join(f"{k}={n}" for k, n in sorted(self.counts.items())))

    def _carry(self) -> list[int]:
        chunk: list[int] = []
        try:
            while chunk := self.claim.next(CHUNK):
                for parcel in pack(self.claim, chunk):
                    self._turn(parcel)
                    chunk.remove(parcel.row_id)
        except Unreachable as error:
            until = breaker.failed(error.words)
            log.warning("smtp_unreachable until=%s words=%s", until, error.words)
            self.claim.release([*chunk, *self.claim.waiting])
        except Pause as pause:
            left = [*chunk, *self.claim.waiting]
            later = now() + timedelta(seconds=pause.seconds) if pause.seconds else None
            self.claim.release(left, later)
            return [] if later else left
        return []

    def _turn(self, parcel: Parcel) -> None:
        """Hand one mail over and record what became of it. Raises Unreachable or Pause."""
        self._await_turn()
        try:
            words = self._hand_over(parcel)
        except claims.LostLease:
            log.warning("lease_lost outbox=%s", parcel.row_id)
        except Refusal as refusal:
            self._refused(parcel, refusal)
        except Undecided as doubt:
            self._record(parcel, "uncertain", outcomes.undecided(parcel.tried, doubt.words))
            self._broke(doubt.words)
        except LineBroke as error:
            self._record(parcel, "postponed", outcomes.postponed(error.words))
            self._broke(error.words)
        else:
            self._sent(parcel, words)

    def _await_turn(self) -> None:
        if time.monotonic() - self.began > BUDGET:
            raise Pause(0)
        limit = settings().mail_rate
        if limit is not None:
            wait = rate.reserve(limit, PATIENCE)
            if wait > PATIENCE:
                raise Pause(wait)
            time.sleep(wait)
        self.claim.renew()

    def _hand_over(self, parcel: Parcel) -> str:
        """Hand over on the line at hand, or on a new one when that turns out to be broken."""
        if self.connection.is_open:
            try:
                return self._say(parcel)
            except LineBroke:
                log.info("line_broke outbox=%s", parcel.row_id)
        self.connection.open()
        return self._say(parcel)

    def _say(self, parcel: Parcel) -> str:
        return self.connection.hand_over(
            parcel.octets,
            parcel.sender,
            [parcel.recipient],
            before_data=lambda: self.claim.hand_over(parcel.row_id),
        )

    def _sent(self, parcel: Parcel, words: str) -> None:
        changes = outcomes.sent(parcel.tried, words)
        if not self._record(parcel, "sent", changes):
            log.warning("lease_lost_but_sent outbox=%s", parcel.row_id)
            claims.settle(parcel.row_id, **changes)
        self._answered()

    def _refused(self, parcel: Parcel, refusal: Refusal) -> None:
        if outcomes.is_dead(refusal):
            suppressions.add(
                parcel.recipient,
                SuppressionReason.hard_bounce,
                scope=SuppressionScope.everything,
                detail=str(refusal.code),  # the words may name the person, and outlive an erasure
            )
        log.warning("mail_refused outbox=%s words=%s", parcel.row_id, refusal.words)
        self._record(parcel, "refused", outcomes.refused(parcel.tried, refusal))
        self._answered()

    def _record(self, parcel: Parcel, what: str, changes: outcomes.Changes) -> bool:
        self.counts[what] += 1
        return self.claim.change(parcel.row_id, **changes)

    def _answered(self) -> None:
        """The server talks to us: the breaker closes."""
        self.losses = 0
        if not self.has_answered:
            self.has_answered = True
            breaker.reached()

    def _broke(self, words: str) -> None:
        """Give the next mail a try on a new line, unless lines keep breaking."""
        self.losses += 1
        log.warning("line_broke words=%s", words)
        if self.losses >= LOSSES:
            raise Unreachable(words)
