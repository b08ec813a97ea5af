"""Decide the state of a row after an attempt: each function returns the columns to change. Pure."""

import random
import re
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Self

from service.clock import now
from service.mail.decision import Decision, Skip, as_json
from service.mail.delivery.leases import FREE
from service.mail.delivery.session import About, Refusal, TemporaryRefusal
from service.mail.kinds import RULES
from service.models import MailKind, MailState, OutboxMessage, Outcome, SkipReason, WaitReason

# Nearly eight hours in all; each is longer than the one before, whatever the jitter.
DELAYS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 30, 60, 120, 240))
JITTER = 0.2
_TOO_FAST = re.compile(r"\b4\.7\.\d+\b")
WAIT_OF_A_PAUSE = timedelta(hours=1)  # until the next check; a resume makes the mail due at once
_POLICY = re.compile(r"\b5\.(7\.\d+|2\.2|3\.\d+|4\.\d+)\b")

Changes = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Tries:
    """The attempts that a row has had so far."""

    kind: MailKind
    attempts: int
    doubts: int

    @classmethod
    def of(cls, row: OutboxMessage) -> Self:
        """Return those of `row`."""
        return cls(row.kind, row.attempts, row.doubts)


def sent(tried: Tries, words: str) -> Changes:
    """Return the changes of a mail that the server took; `handing_over_at` stays as its time."""
    return {
        "state": MailState.sent,
        "ended_at": now(),
        "attempts": tried.attempts + 1,
        "server_words": words,
        "lease_owner": None,
        "lease_until": None,
    }


def skipped(row: OutboxMessage, skip: Skip) -> Changes:
    """Return the changes of a mail that may no longer go; while paused it only waits."""
    decision, moment = Decision.of(row.decision), now()
    if skip.reason is SkipReason.paused:
        until = moment + WAIT_OF_A_PAUSE
        kept = as_json(decision.waiting(WaitReason.paused, moment, until))
        return {"state": MailState.queued, "due_at": until, "decision": kept, **FREE}
    kept = as_json(replace(decision, refused=skip))
    return {
        "state": MailState.skipped,
        "skip_reason": skip.reason,
        "ended_at": moment,
        "decision": kept,
        **FREE,
    }


def failed(tried: Tries, words: str, outcome: Outcome | None = None) -> Changes:
    """Return the changes of a mail that cannot go as it is; a person may send it again."""
    return {
        "state": MailState.failed,
        "outcome": outcome,
        "outcome_at": now() if outcome else None,
        "ended_at": now(),
        "attempts": tried.attempts + 1,
        "server_words": words,
        **FREE,
    }


def refused(tried: Tries, refusal: Refusal) -> Changes:
    """Return the changes of a mail that the server refused: it is tried again later, or fails.

    A refused sender address is a fault of the settings, not of this mail, so it is tried again,
    which leaves time to correct them.
    """
    if isinstance(refusal, TemporaryRefusal) or refusal.about is About.sender:
        return put_off(tried, refusal.words)
    is_bounce = refusal.about is About.recipient and refusal.code is not None
    return failed(tried, refusal.words, Outcome.hard_bounced if is_bounce else None)


def put_off(tried: Tries, words: str) -> Changes:
    """Return the changes of a mail that is tried again after a growing delay, and fails at last."""
    if tried.attempts >= len(DELAYS):
        return failed(tried, words)
    return {
        "state": MailState.queued,
        "due_at": now() + jittered(DELAYS[tried.attempts]),
        "attempts": tried.attempts + 1,
        "server_words": words,
        **FREE,
    }


def postponed(words: str) -> Changes:
    """Return the changes of a mail whose connection was lost before it left: not an attempt."""
    due_at = now() + jittered(DELAYS[0])
    return {"state": MailState.queued, "due_at": due_at, "server_words": words, **FREE}


def undecided(tried: Tries, words: str) -> Changes:
    """Return the changes of a mail that may have been taken: send it again, or ask a person.

    It is sent again, with the same Message-ID, once, if its kind goes twice (RULES).
    """
    again = RULES[tried.kind].goes_twice and tried.doubts == 0
    then: Changes = {"state": MailState.uncertain, "ended_at": now()}
    if again:
        then = {"state": MailState.queued, "due_at": now() + jittered(DELAYS[0])}
    return {
        **then,
        "doubts": tried.doubts + 1,
        "attempts": tried.attempts + 1,
        "server_words": words,
        **FREE,
    }


def is_dead(refusal: Refusal) -> bool:
    """Return whether a refusal means that the address does not exist.

    A full mailbox (5.2.2, 552) and a policy against us (5.7.x) do not mean that (RFC 3463).
    """
    if refusal.about is not About.recipient or refusal.code is None or refusal.code < 500:
        return False
    return refusal.code != 552 and not _POLICY.search(refusal.words)


def is_about_speed(refusal: Refusal) -> bool:
    """Return whether a refusal asks us to send more slowly: 421, or 4.7.x (RFC 3463, 3.8)."""
    return isinstance(refusal, TemporaryRefusal) and (
        refusal.code == 421 or bool(_TOO_FAST.search(refusal.words))
    )


def jittered(delay: timedelta) -> timedelta:
    """Return `delay`, changed at random by up to 20 %, so that not all come at once."""
    return delay * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311
