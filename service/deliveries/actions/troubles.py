"""Alert the owners when the mail is in trouble, once for each trouble. Flushes, never commits.

An alert about a mail server that is away waits in the outbox like any mail; the first page and
/metrics show it meanwhile. An alert about workers that do not start is sent by the clock.
"""

import secrets
from datetime import datetime, timedelta

from sqlalchemy import select

from service import named_leases
from service.clock import now
from service.extensions import db
from service.mail import outbox
from service.mail.delivery import health
from service.mail.delivery.health import Trouble, TroubleKind
from service.models import MailKind, MailState, OutboxMessage, Priority
from service.team.actions import alerts

LOOK = timedelta(seconds=55)  # between two checks, whatever the number of clocks and their pace
SILENCE = timedelta(days=1)  # between two alerts about the same kind of trouble
STALE = timedelta(days=1)  # after which an alert that did not go expires


def watch() -> list[OutboxMessage]:
    """Check for trouble, at most once a minute; return the alerts that were written about it."""
    if not named_leases.take("troubles", secrets.token_hex(8), LOOK):
        return []
    moment = now()
    return [
        mail
        for trouble in health.troubles(moment)
        if _is_news(trouble)
        for mail in _write_alerts(trouble, moment)
    ]


def without_a_worker() -> list[int]:
    """Return the ids of due alerts that no worker starts: the clock has to send them."""
    alerts_due = select(OutboxMessage).where(
        OutboxMessage.state == MailState.queued,
        OutboxMessage.priority == Priority.urgent,  # or each round would read the whole queue
        OutboxMessage.kind == MailKind.alert_mail_trouble,
        OutboxMessage.due_at <= now(),
    )
    found = db.session.scalars(alerts_due)
    return [row.id for row in found if row.context.get("trouble") == TroubleKind.worker]


def _is_news(trouble: Trouble) -> bool:
    """Return whether to alert: about each failure of the server, about the rest once a day.

    The other kinds have no beginning that stays the same from check to check.
    """
    if trouble.kind is TroubleKind.server:
        return True
    return named_leases.take(f"told:{trouble.kind}", secrets.token_hex(8), SILENCE)


def _write_alerts(trouble: Trouble, moment: datetime) -> list[OutboxMessage]:
    began = trouble.since if trouble.kind is TroubleKind.server else moment
    rows = (
        outbox.write(
            MailKind.alert_mail_trouble,
            owner,
            subject=f"trouble:{trouble.kind}",
            cycle=int(began.timestamp()),
            expires_at=moment + STALE,
            context=trouble.figures,
        )
        for owner in alerts.owners()
    )
    return [row for row in rows if row is not None]
