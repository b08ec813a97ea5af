"""Mail oneself a sample, to see in one's own mailbox what clients get."""

from typing import Any

from service import clock
from service.mail import outbox
from service.mail.rendering.texts import Text
from service.models import Departure, MailKind, OutboxMessage, TeamMember


def send(
    kind: MailKind,
    language: str,
    to: TeamMember,
    custom_text: Text | None = None,
    like: Departure | None = None,
) -> OutboxMessage | None:
    """Owe `to` a sample of `kind`; None when the same one was asked for this very second.

    `custom_text` is the text that it has, which need not be saved: it travels with the row.
    `like` is whose names and dates it shows; its links lead nowhere all the same.
    """
    carried: dict[str, Any] = {"like": like.id} if like else {}
    if custom_text:
        carried["own"] = {
            "subject": custom_text.subject,
            "body": custom_text.body,
            "is_counted": custom_text.is_counted,
        }
    row = outbox.write(
        MailKind.test_mail,
        to,
        subject=f"sample:{kind}:{language}",
        cycle=int(clock.now().timestamp()),
        context={"sample": kind, **carried},
    )
    if row is not None:
        row.language = language
    return row
