"""Save custom texts of mails, and give them up for the built-in ones."""

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.exc import StaleDataError

from service.clock import now
from service.errors import Conflict
from service.extensions import db
from service.mail.rendering.texts import Text
from service.models import MailText, TeamMember


def find(place: str, language: str, protocol_id: int | None = None) -> MailText | None:
    """Return the custom text for `place`, if there is one."""
    return db.session.scalars(
        select(MailText).where(
            MailText.protocol_id == protocol_id if protocol_id else MailText.protocol_id.is_(None),
            MailText.place == place,
            MailText.language == language,
        )
    ).one_or_none()


def save(
    place: str,
    language: str,
    text: Text,
    *,
    by: TeamMember,
    was: int,
    protocol_id: int | None = None,
) -> MailText:
    """Keep `text`; flushes. `was` is the version that was edited (0: there was none).

    Raises Conflict when somebody else has changed it meanwhile; nothing is changed then.
    """
    row = find(place, language, protocol_id)
    if (row.version if row else 0) != was:
        raise _conflict()
    row = row or MailText(protocol_id=protocol_id, place=place, language=language)
    try:
        with db.session.begin_nested():  # so that the session is of use when it fails
            db.session.add(row)
            row.subject, row.body, row.member = text.subject, text.body, by
            row.updated_at = now()
    except (IntegrityError, StaleDataError) as error:  # somebody saved between our two statements
        raise _conflict() from error
    return row


def restore(place: str, language: str, protocol_id: int | None = None) -> Text | None:
    """Go back to the built-in text; return what is given up, None when there was nothing."""
    row = find(place, language, protocol_id)
    if row is None:
        return None
    db.session.delete(row)
    db.session.flush()
    return Text(row.subject, row.body)


def _conflict() -> Conflict:
    return Conflict(_("Somebody of your team has changed this text while you were writing."))
