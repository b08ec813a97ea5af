"""Run all checks side by side, each by itself and all within half a minute; keep the last report.

There are two rounds, because the test mail of the first is evidence for the domain's checks.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from redis.exceptions import RedisError

from service.clock import now
from service.config import SettingError
from service.doctor import (
    base_url,
    clocks,
    dkim,
    dmarc,
    hosts,
    mail_server,
    sample_mail,
    spf,
    storage,
)
from service.doctor.cases import Case, Evidence
from service.doctor.findings import (
    ON_SETTINGS_PAGE,
    Check,
    Finding,
    Phrase,
    Remedy,
    State,
    bad,
    unknown,
)
from service.doctor.findings import phrase as _l
from service.doctor.network import Unresolved
from service.extensions import queue

log = logging.getLogger(__name__)

FIRST_ROUND, SECOND_ROUND = 14.0, 12.0  # seconds
KEY = "hasta-luego:doctor"
RUNNING = "hasta-luego:doctor:running"
KEPT_FOR = 30 * 86_400  # seconds; a report is out of date soon, and quickly made anew
LONGEST_RUN = 40  # seconds; a run that did not end by then no longer blocks the next
Group = Sequence[tuple[Check, Callable[[], Iterable[Finding]]]]


@dataclass(frozen=True, slots=True)
class Report:
    """All findings, the most urgent first."""

    sender: str
    server: str
    began_at: datetime
    findings: tuple[Finding, ...]

    @property
    def is_well(self) -> bool:
        """Whether nothing is bad."""
        return all(finding.state is not State.bad for finding in self.findings)

    def of(self, state: State) -> list[Finding]:
        """Return the findings in `state`."""
        return [finding for finding in self.findings if finding.state is state]


def examine(case: Case) -> Report:
    """Run all checks on `case`, in less than half a minute, whatever the servers do."""
    began_at, evidence = now(), Evidence()
    found = _together(_first_round(case, evidence), FIRST_ROUND)
    found += _together(_second_round(case, evidence), SECOND_ROUND)
    states, checks = list(State), list(Check)
    found.sort(key=lambda finding: (states.index(finding.state), checks.index(finding.check)))
    server = f"{case.settings.mail_server}:{case.settings.mail_port}"
    return Report(case.sender, server, began_at, tuple(found))


def _first_round(case: Case, evidence: Evidence) -> list[Group]:
    return [
        [
            (Check.reach, lambda: mail_server.check(case, evidence)),
            (Check.trial, lambda: sample_mail.check_arrival(case, evidence)),
        ],
        [(Check.base_url, lambda: base_url.check(case, evidence, case.resolver(FIRST_ROUND / 2)))],
        [(Check.unsubscribe, lambda: sample_mail.check_headers(case))],
    ]


def _second_round(case: Case, evidence: Evidence) -> list[Group]:
    ours = [
        (Check.clock, lambda: clocks.check(case, evidence)),
        (Check.durability, lambda: storage.check_durability(case)),
        (Check.files, lambda: storage.check_files(case)),
    ]
    if "." not in case.domain:
        return [[(Check.sender, lambda: [_no_domain(case)])], ours]
    try:
        resolver = case.resolver(SECOND_ROUND - 1)
    except (SettingError, Unresolved) as error:
        words = error.words if isinstance(error, Unresolved) else Phrase(str(error))
        return [[(Check.spf, lambda: [unknown(Check.spf, words)])], ours]
    return [
        [
            (Check.spf, lambda: spf.check(case, evidence, resolver)),
            (Check.dkim, lambda: dkim.check(case, evidence, resolver)),
            (Check.dmarc, lambda: dmarc.check(case, evidence, resolver)),
        ],
        [
            (Check.mx, lambda: hosts.check_mx(case, evidence, case.resolver(SECOND_ROUND - 1))),
            (Check.ptr, lambda: hosts.check_ptr(case, evidence, case.resolver(SECOND_ROUND - 1))),
        ],
        ours,
    ]


def _no_domain(case: Case) -> Finding:
    words = _l("Mails come from %(sender)s, to which nobody can answer.", sender=case.sender)
    fix = _l("Choose a sender address of your own domain, or set MAIL_DEFAULT_SENDER.")
    return bad(Check.sender, words, Remedy(ON_SETTINGS_PAGE, fix))


def _together(groups: Sequence[Group], seconds: float) -> list[Finding]:
    """Return the findings of all groups, each run in its own thread, within `seconds`.

    A check that has not ended by then is unknown.
    """
    began = time.monotonic()
    running = []
    for group in groups:
        found: list[Finding] = []
        left = [check for check, _ in group]
        thread = threading.Thread(target=_run, args=(group, found, left), daemon=True)
        thread.start()
        running.append((thread, found, left))
    together: list[Finding] = []
    for thread, found, left in running:
        thread.join(max(0.0, began + seconds - time.monotonic()))
        together += list(found)
        words = _l("This took longer than %(seconds)s seconds and was left.", seconds=int(seconds))
        together += [unknown(check, words) for check in list(left)]
    return together


def _run(group: Group, found: list[Finding], left: list[Check]) -> None:
    for check, ask in group:
        try:
            for finding in ask():
                found.append(finding)  # one by one: what is known stays when the rest fails
        except Unresolved as error:
            found.append(unknown(check, error.words))
        except Exception as error:  # one check that breaks must not end the others
            log.exception("doctor_broke check=%s", check)
            why = f"{type(error).__name__}: {error}"[:300]
            found.append(unknown(check, _l("This could not be checked: %(why)s", why=why)))
        left.remove(check)


def begin_run() -> bool:
    """Say whether a run may start, which none other may until `end_run`. Without Redis it may."""
    try:
        return bool(queue.jobs.connection.set(RUNNING, "1", nx=True, ex=LONGEST_RUN))
    except RedisError as error:
        log.warning("redis_away error=%s", type(error).__name__)
        return True


def keep_report(report: Report) -> bool:
    """Keep `report` in Redis as the last one; False when Redis is away."""
    data = {
        "sender": report.sender,
        "server": report.server,
        "began_at": report.began_at.isoformat(),
        "findings": [finding.as_data() for finding in report.findings],
    }
    try:
        queue.jobs.connection.set(KEY, json.dumps(data), ex=KEPT_FOR)
    except RedisError as error:
        log.warning("redis_away error=%s", type(error).__name__)
        return False
    return True


def end_run() -> None:
    """Let the next run start."""
    try:
        queue.jobs.connection.delete(RUNNING)
    except RedisError as error:
        log.warning("redis_away error=%s", type(error).__name__)


def last_report() -> Report | None:
    """Return the last report; None without one, or with one of another version."""
    try:
        kept: Any = queue.jobs.connection.get(KEY)  # redis-py types it for both of its clients
        data = json.loads(kept or b"null")
        if data is None:
            return None
        return Report(
            data["sender"],
            data["server"],
            datetime.fromisoformat(data["began_at"]),
            tuple(Finding.from_data(each) for each in data["findings"]),
        )
    except RedisError as error:
        log.warning("redis_away error=%s", type(error).__name__)
    except (KeyError, TypeError, ValueError):
        log.warning("doctor_report_unread")
    return None
