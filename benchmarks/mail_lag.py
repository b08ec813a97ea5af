"""Measure the lag between the moment a mail is due and its handover, when nothing throttles.

(mass) 10,000 mails come due at once, with hints, and with 1 and with 2 workers; meanwhile somebody
asks for a link to choose a password, which must not wait behind them. (trickle) another process
writes a mail every 50 ms: some due at once, with a hint, and some due later, without one, which the
clock finds, or a job that runs anyway. Limits: 95 % within 10 s; the urgent mail within a second.
"""

import json
import math
import subprocess
import sys
import time
from datetime import timedelta

from benchmarks import _installs, _peers
from benchmarks._installs import Install
from benchmarks._peers import Sink, SinkAway
from service.clock import now
from service.extensions import db
from service.mail import outbox
from service.models import MailKind, OutboxMessage, PasswordLink, TeamMember

MAILS = 10_000
LATEST = 10.0  # seconds
PATIENCE = 20.0  # seconds; what has not come then counts as never
AT_ONCE = 1.0  # seconds that an urgent mail may take
TRICKLE = 160  # mails, eight seconds


def main() -> int:
    """Measure and print; return 1 when a limit is not kept."""
    is_kept = True
    with _peers.sink() as sink, _installs.installs(sink.port) as installs:
        for install in installs:
            for workers in (1, 2):
                is_kept = mass(install, sink, workers) and is_kept
            is_kept = trickle(install, sink) and is_kept
    print(f"mail_lag: {'every limit kept' if is_kept else 'a limit is not kept'}")
    return 0 if is_kept else 1


def mass(install: Install, sink: Sink, workers: int) -> bool:
    """Print the lag of many mails that come due at once, and of an urgent one among them."""
    ids = _installs.queue_mails(MAILS)
    install.workers(workers)
    install.start("clock")
    sink.configure()
    due_at = _installs.make_due(ids).timestamp()
    _installs.wake(ids)
    time.sleep(1)
    urgent, asked_at = ask_for_a_link()
    try:
        sink.wait_for(MAILS + 1, PATIENCE - 1)
    except SinkAway as few:
        print(f"  {few}")
    log = sink.log()
    came_at = next((at for words, at in log.items() if f"<{urgent}@" in words), math.inf)
    lags = [at - due_at for words, at in log.items() if f"<{urgent}@" not in words]
    install.stop()
    lags += [math.inf] * (MAILS - len(lags))
    before = sum(asked_at < at < came_at for at in log.values())
    late = _peers.percentile(lags, 0.95)
    print(
        f"{install.kind:<11} mass, {workers} workers  {as_text(lags)}"
        f"  ratio {late / LATEST:.2f} of {LATEST:.0f} s\n"
        f"{install.kind:<11} urgent one after {came_at - asked_at:.2f} s"
        f" (at most {AT_ONCE}), {before} went before it",
        flush=True,
    )
    return late <= LATEST and came_at - asked_at <= AT_ONCE


def ask_for_a_link() -> tuple[str, float]:
    """Write an urgent mail as the login page does; return its public id and its moment."""
    owner = db.session.get_one(TeamMember, 1)
    link = PasswordLink(member=owner, expires_at=now() + timedelta(hours=1))
    db.session.add(link)
    db.session.flush()
    row = outbox.write(
        MailKind.password_link,
        owner,
        subject=f"link:{link.id}",
        context={"link_id": link.id},
    )
    if row is None:
        raise SystemExit("the urgent mail stands there already")
    public_id = row.public_id
    db.session.commit()
    return public_id, time.time()


def trickle(install: Install, sink: Sink) -> bool:
    """Print the lag of mails that come one by one; one worker and the clock."""
    ids = _installs.queue_mails(TRICKLE)
    first = db.session.get_one(OutboxMessage, ids[0]).departure_id
    db.session.rollback()
    install.workers(1)
    install.start("clock")
    sink.configure()
    written = subprocess.run(
        [sys.executable, "-m", "benchmarks._trickle", str(first), str(TRICKLE)],
        env=install.environment,
        cwd=_installs.ROOT,
        stdout=subprocess.PIPE,
        check=True,
    )
    try:
        sink.wait_for(TRICKLE, 15)
    except SinkAway as few:
        print(f"  {few}")
    came = {words.partition("@")[0].lstrip("<"): at for words, at in sink.log().items()}
    install.stop()
    is_kept = True
    for name, wanted in (("hinted at", False), ("due later", True)):
        lags = [
            came.get(public_id, math.inf) - since
            for public_id, since, is_later in json.loads(written.stdout)
            if is_later is wanted
        ]
        is_kept = is_kept and _peers.percentile(lags, 0.95) <= LATEST
        print(f"{install.kind:<11} trickle, {name:<9}  {as_text(lags)}", flush=True)
    return is_kept


def as_text(lags: list[float]) -> str:
    """Return the percentiles as text."""
    found = {share: _peers.percentile(lags, share / 100) for share in (50, 95, 99)}
    return "  ".join(
        f"p{share} {lag:.2f} s" if lag < math.inf else f"p{share} not in {PATIENCE:.0f} s"
        for share, lag in found.items()
    )


if __name__ == "__main__":
    sys.exit(main())
