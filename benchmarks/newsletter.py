"""Measure a newsletter to 10,000 contacts, from "send" to the last mail handed over.

In turns, over the same sink: (service) a scheduled issue, the clock's round that writes its mails,
and one worker with the default number of connections, from the schedule to the last mail that the
sink takes; (smtplib) as many prepared mails over one connection, which chooses, renders and records
nothing. Limit: 0.4 of smtplib.
"""

import sys
import time

from sqlalchemy import select

from benchmarks import _installs, _peers
from benchmarks._installs import Install
from benchmarks._peers import Sink
from service import scheduler
from service.extensions import db
from service.models import Audience, Contact, OutboxMessage, TeamMember
from service.models.audiences import Who
from service.newsletters.actions import newsletters
from service.newsletters.rules import Frequency

READERS = 10_000
LEAST = 0.4  # of smtplib
SAMPLE = 1_000  # prepared mails, sent repeatedly
BODY = """Hola, {{ first_name }}:

Este trimestre hemos abierto **un segundo taller** y hemos aprendido mucho:

- las tiendas en línea cargan ahora en la mitad de tiempo,
- las copias de seguridad se prueban cada semana.

Si te apetece, [pásate a verlo](https://norte.example/taller).

Hasta pronto,
{{ signature }}
"""


def main() -> int:
    """Measure and print; return 1 when a database does not reach the limit."""
    least = 9.9
    with _peers.sink() as sink, _installs.installs(sink.port) as installs:
        for install in installs:
            least = min(least, measured(install, sink))
    print(f"newsletter ratio: {least:.2f} of smtplib with ready bytes (at least {LEAST})")
    return 0 if least >= LEAST else 1


def measured(install: Install, sink: Sink) -> float:
    """Print the time of one install; return its share of smtplib's rate."""
    _installs.queue_mails(READERS)
    install.stop()  # the mails of the protocol are not what is measured
    newsletter = newsletters.create("Novedades", db.session.scalars(select(TeamMember)).one())
    newsletter.texts = {code: {"subject": "Novedades", "body": BODY} for code in ("es", "en")}
    newsletter.audience = Audience(who=Who.all).as_json()
    db.session.commit()
    install.workers(1)
    sink.configure(keep=SAMPLE)
    began = time.time()
    marta = db.session.scalars(select(TeamMember)).one()
    newsletters.schedule(newsletter, None, Frequency.once, by=marta, was=newsletter.version)
    db.session.commit()
    scheduler.tick()
    written = time.time()
    counts = sink.wait_for(READERS, seconds=300)
    took = counts.last_at - began
    install.wait_until_idle()
    assert_each_once()
    mails = sink.kept()
    sink.configure()
    rounds = READERS // len(mails)
    plain = _peers.per_second(
        rounds * len(mails), lambda: _peers.by_smtplib(sink.port, mails * rounds)
    )
    speed = READERS / took
    print(
        f"{install.kind:<11} {took:5.1f} s for {READERS} readers ({written - began:.1f} s until all"
        f" were written, first mail after {counts.first_at - began:.1f} s), {speed:5.0f}/s"
        f"  smtplib {plain:5.0f}/s  {speed / plain:.2f}",
        flush=True,
    )
    return speed / plain


def assert_each_once() -> None:
    """Stop when a reader got no mail or two, because the figure would be wrong."""
    db.session.rollback()
    readers = db.session.scalars(select(Contact.id)).all()
    rows = db.session.execute(
        select(OutboxMessage.contact_id, OutboxMessage.state).where(
            OutboxMessage.issue_id.is_not(None)
        )
    ).all()
    if sorted(row.contact_id for row in rows) != sorted(readers):
        raise SystemExit("not every reader has exactly one mail")
    if {row.state.value for row in rows} != {"sent"}:
        raise SystemExit(f"not sent: {_installs.states()}")
    db.session.rollback()


if __name__ == "__main__":
    sys.exit(main())
