"""Claim, draft and prepare the next mails of a sender while it waits for the server.

While it waits, the sender calls work() again and again, and each call does one small step. So a
sender needs no thread for it, and the envelope of a mail can travel behind the mail before it.

The figure: over one connection to a server that answers after 20 ms, with PIPELINING, twice as many
mails a second as with take() alone. It gains nothing with a server that answers at once.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence

from service import database
from service.clock import now
from service.current import company, settings
from service.extensions import db
from service.mail.decision import Decision
from service.mail.delivery.leases import Leases
from service.mail.delivery.prepared import Draft, PreparedMessage, draft, prepare
from service.mail.policy import rate
from service.mail.rendering import rendering
from service.mail.rendering.headers import BadAddress, wire_address
from service.models import WaitReason

AHEAD = 1.0  # seconds of work per claim: urgent mails wait no longer, conditions stay fresh
FIRST = 25  # rows of the first claim, before the speed is known
# Mails prepared in one go: a processor is a third slower when it changes its work each time.
UNIT = 16


class PrefetchQueue:
    """The Source of one sender: the mails of `ids`, and with `goes_on` whatever else is due.

    Urgent mails go first, even those not in `ids`. `may_claim` is called before each claim.
    """

    most = 150  # rows of a claim, all kept in memory
    early = 0.2  # the next claim is made when this share of the last one is left …
    least = 0  # … or so many mails, so that the sender need not wait

    def __init__(
        self, ids: Sequence[int], goes_on: bool, leases: Leases, may_claim: Callable[[], bool]
    ) -> None:
        self.leases = leases
        self.ids: Sequence[int] | None = ids
        self.goes_on = goes_on
        self.may_claim = may_claim
        self.domain = _domain()
        self.began = time.monotonic()
        self.taken = 0  # prepared messages so far
        self.drafts: deque[Draft] = deque()
        self.prepared: deque[PreparedMessage] = deque()
        self.low = 0  # the next claim is made when so few are prepared
        self.is_all = False  # the last claim found nothing more
        self.trouble: Exception | None = None

    def take(self) -> PreparedMessage | None:
        """Return the next mail, claiming when none is prepared; None when nothing is left.

        Raises the error that work() kept, if any.
        """
        if self.trouble is not None:
            raise self.trouble
        while not self._has_prepared():
            if not self._claim():
                return None
        self.taken += 1
        return self.prepared.popleft()

    def take_at_hand(self) -> PreparedMessage | None:
        """Return the next mail if no claim is needed for it, else None."""
        return self.take() if self.trouble is None and self._has_prepared() else None

    def work(self) -> bool:
        """Do one small step of the preparation; return False when there is none.

        An error is kept until the next take(): the sender is in the middle of a mail now.
        """
        if self.trouble is not None:
            return False
        try:
            return self._prepare_some() or self._claim_early()
        except Exception as error:  # raised by the next take()
            self.trouble = error
            return False

    def _prepare_some(self) -> bool:
        """Prepare some drafts; return False when there is none. Asks nothing of the database."""
        if not self.drafts:
            return False
        for _ in range(min(UNIT, len(self.drafts))):
            message = prepare(self.leases, self.drafts.popleft())
            if message is not None:
                self.prepared.append(message)
        return True

    def _has_prepared(self) -> bool:
        while not self.prepared and self._prepare_some():
            pass
        return bool(self.prepared)

    def _claim_early(self) -> bool:
        if self.is_all or len(self.prepared) > self.low:
            return False
        return self._claim()

    def _claim(self) -> bool:
        """Claim about a second's work and draft what may go now; False when nothing is due."""
        return self._add(self._drafted())

    def _drafted(self) -> list[Draft] | None:
        """Claim and return drafts; None when nothing is due."""
        count = self._how_many()
        self.low = max(int(count * self.early), self.least)
        ids = self._claimed(count) if self.may_claim() else []
        return self._allowed(draft(self.leases, ids)) if ids else None

    def _claimed(self, count: int) -> list[int]:
        ids = self.leases.take(count, self.ids, self.domain)
        if not ids and self.ids is not None and self.goes_on:
            self.ids = None
            ids = self.leases.take(count, domain=self.domain)
        return ids

    def _allowed(self, drafts: Sequence[Draft]) -> list[Draft]:
        """Give back what exceeds today's limit (MAIL_RAMP_UP); urgent mails do not count."""
        rest = [one for one in drafts if not one.is_urgent]
        allowed = rate.allow_today(len(rest))
        until, moment = allowed.others_at, now()
        if until is None:
            return list(drafts)
        too_many = {
            one.row_id: Decision.of(one.context.row.decision).waiting(
                WaitReason.ramp_up, moment, until
            )
            for one in rest[allowed.count :]
        }
        self.leases.release(list(too_many), until, too_many)
        return [one for one in drafts if one.row_id not in too_many]

    def _add(self, drafts: Sequence[Draft] | None) -> bool:
        """Add drafts, urgent ones in front; return False for None: nothing was due."""
        self.is_all = drafts is None
        if drafts is None:
            return False
        self.drafts += [one for one in drafts if not one.is_urgent]
        urgent = [one for one in drafts if one.is_urgent]
        first = [message for one in urgent if (message := prepare(self.leases, one))]
        self.prepared.extendleft(reversed(first))
        return True

    def _how_many(self) -> int:
        """Return how many mails this sender is expected to send in about a second."""
        limit = settings().mail_rate
        allowed = AHEAD * limit.mails / limit.seconds if limit else self.most
        seen = AHEAD * self.taken / (time.monotonic() - self.began) if self.taken else FIRST
        return max(1, min(self.most, int(allowed), int(seen)))


def _domain() -> str:
    """Return the domain of our Message-IDs: the sender's."""
    with database.reading():
        address = rendering.sender_address(company())
        db.session.rollback()
    try:
        return wire_address(address).rpartition("@")[2]
    except BadAddress:
        return "localhost"  # each mail then fails with what is wrong with its sender
