"""Run all checks side by side: each by itself, and all of them within half a minute.

Two rounds, because what the test mail showed is evidence for the domain's checks.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from service.clock import now
from service.config import SettingError
from service.doctor import (
    base_url,
    clocks,
    dkim,
    dmarc,
    hosts,
    letters,
    places,
    smtp_session,
    spf,
    trial,
)
from service.doctor.cases import Case, Evidence
from service.doctor.findings import Check, Finding, Phrase, Remedy, State, bad, unknown
from service.doctor.findings import phrase as _l
from service.doctor.names import Unresolved

log = logging.getLogger(__name__)

FIRST_ROUND, SECOND_ROUND = 14.0, 12.0  # seconds
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
        """Return the findings that stand so."""
        return [finding for finding in self.findings if finding.state is state]


def examine(case: Case) -> Report:
    """Ask all servers about `case`; takes less than half a minute, whatever they do."""
    began_at, evidence = now(), Evidence()
    found = _together(_first_round(case, evidence), FIRST_ROUND)
    found += _together(_second_round(case, evidence), SECOND_ROUND)
    states, checks = list(State), list(Check)
    found.sort(key=lambda finding: (states.index(finding.state), checks.index(finding.check)))
    server = f"{case.settings.mail_server}:{case.settings.mail_port}"
    return Report(case.sender, server, began_at, tuple(found))


def _first_round(case: Case, evidence: Evidence) -> list[Group]:
    production = case.settings.production
    return [
        [
            (Check.reach, lambda: smtp_session.check(case, evidence)),
            (Check.trial, lambda: trial.check(case, evidence)),
        ],
        [(Check.base_url, lambda: base_url.check(case, evidence, case.names(FIRST_ROUND / 2)))],
        [
            (
                Check.unsubscribe,
                lambda: letters.check(case.letter, case.sender, production=production),
            )
        ],
    ]


def _second_round(case: Case, evidence: Evidence) -> list[Group]:
    def of_domain() -> Iterator[Finding]:
        yield _no_domain(case)

    ours = [(Check.clock, lambda: clocks.check(case, evidence))]
    if "." not in case.domain:
        return [[(Check.sender, of_domain)], ours]
    try:
        names = case.names(SECOND_ROUND - 1)
    except (SettingError, Unresolved) as error:
        words = error.words if isinstance(error, Unresolved) else Phrase(str(error))
        return [[(Check.spf, lambda: [unknown(Check.spf, words)])], ours]
    return [
        [
            (Check.spf, lambda: spf.check(case, evidence, names)),
            (Check.dkim, lambda: dkim.check(case, evidence, names)),
            (Check.dmarc, lambda: dmarc.check(case, evidence, names)),
        ],
        [
            (Check.mx, lambda: hosts.check_mx(case, evidence, case.names(SECOND_ROUND - 1))),
            (Check.ptr, lambda: hosts.check_ptr(case, evidence, case.names(SECOND_ROUND - 1))),
        ],
        ours,
    ]


def _no_domain(case: Case) -> Finding:
    words = _l("Mails come from %(sender)s, to which nobody can answer.", sender=case.sender)
    fix = _l("Choose a sender address of your own domain, or set MAIL_DEFAULT_SENDER.")
    return bad(Check.sender, words, Remedy(places.COMPANY, fix))


def _together(groups: Sequence[Group], seconds: float) -> list[Finding]:
    """Run each group in a thread of its own; say of those that do not end that they do not."""
    began = time.monotonic()
    running = []
    for group in groups:
        found: list[Finding] = []
        left = [check for check, _ in group]
        thread = threading.Thread(target=_work, args=(group, found, left), daemon=True)
        thread.start()
        running.append((thread, found, left))
    told: list[Finding] = []
    for thread, found, left in running:
        thread.join(max(0.0, began + seconds - time.monotonic()))
        told += list(found)
        words = _l("This took longer than %(seconds)s seconds and was left.", seconds=int(seconds))
        told += [unknown(check, words) for check in list(left)]
    return told


def _work(group: Group, found: list[Finding], left: list[Check]) -> None:
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
