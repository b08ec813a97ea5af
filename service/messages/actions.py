"""Save custom texts of mails, give them up for the built-in ones, and send test mails. Flushes."""

from typing import Any

from flask_babel import gettext as _
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.exc import StaleDataError

from service import clock
from service.errors import Conflict
from service.extensions import db
from service.mail import outbox
from service.mail.rendering.custom_texts import Text
from service.messages import queries
from service.models import Departure, MailKind, MailText, OutboxMessage, TeamMember


def save_text(
    place: str,
    language: str,
    text: Text,
    *,
    by: TeamMember,
    was: int,
    protocol_id: int | None = None,
) -> MailText:
    """Save `text` as the custom text of `place`. `was` is the version that was edited, or 0.

    Raises Conflict, and changes nothing, when somebody else has changed it meanwhile.
    """
    row = queries.custom_text(place, language, protocol_id)
    if (row.version if row else 0) != was:
        raise _conflict()
    row = row or MailText(protocol_id=protocol_id, place=place, language=language)
    try:
        with db.session.begin_nested():  # so that the session is of use when it fails
            db.session.add(row)
            row.subject, row.body, row.member = text.subject, text.body, by
            row.updated_at = clock.now()
    except (IntegrityError, StaleDataError) as error:  # somebody saved between our two statements
        raise _conflict() from error
    return row


def restore_built_in(place: str, language: str, protocol_id: int | None = None) -> Text | None:
    """Delete the custom text of `place` and return it; None when there was none."""
    row = queries.custom_text(place, language, protocol_id)
    if row is None:
        return None
    db.session.delete(row)
    db.session.flush()
    return Text(row.subject, row.body)


def send_test_mail(
    kind: MailKind,
    language: str,
    to: TeamMember,
    custom_text: Text | None = None,
    like: Departure | None = None,
) -> OutboxMessage | None:
    """Write a sample of `kind` for `to` into the outbox; None when this second has one already.

    `custom_text` replaces the kind's text and need not be saved: the row carries it. The sample
    has the names and dates of `like`; its links lead nowhere all the same.
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
        by=to,
        context={"sample": kind, **carried},
    )
    if row is not None:
        row.language = language
    return row


def _conflict() -> Conflict:
    return Conflict(_("Somebody of your team has changed this text while you were writing."))
