"""Mail oneself a sample, to see in one's own mailbox what clients get."""

from service import clock
from service.mail import outbox
from service.models import MailKind, OutboxMessage, Provider


def send(kind: MailKind, language: str, to: Provider) -> OutboxMessage | None:
    """Owe `to` a sample of `kind`; None when the same one was asked for this very second."""
    row = outbox.write(
        MailKind.test_mail,
        to,
        subject=f"sample:{kind}:{language}",
        cycle=int(clock.now().timestamp()),
        context={"sample": kind},
    )
    if row is not None:
        row.language = language
    return row
