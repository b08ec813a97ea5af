"""Keep the responses to other programs' requests, so that a repeated one gets the same for a day.

The key is taken in the transaction of what the request does: of two requests at once the second
waits for the first, and a request that failed leaves its key free.
"""

from datetime import timedelta

from sqlalchemy import ColumnElement, delete, exists, select, update

from service.clock import now
from service.database import insert_into
from service.extensions import db
from service.mail.sql import from_now
from service.models import ApiAnswer, ApiToken

KEPT = timedelta(hours=24)


def begin(token: ApiToken, key: str, fingerprint: str) -> ApiAnswer | None:
    """Take `key` for a new request; returns None, or the response that the key has already.

    The caller compares the fingerprints to see whether it was the same request.
    """
    mine = (ApiAnswer.token_id == token.id, ApiAnswer.key == key)
    db.session.execute(delete(ApiAnswer).where(*mine, ApiAnswer.created_at < now() - KEPT))
    values = {"token_id": token.id, "key": key, "fingerprint": fingerprint, "created_at": now()}
    statement = insert_into(ApiAnswer, db.engine).values(**values, status=0, location="", body="")
    statement = statement.on_conflict_do_nothing(index_elements=["token_id", "key"])
    if db.session.scalar(statement.returning(ApiAnswer.id)) is not None:
        return None
    return db.session.scalars(select(ApiAnswer).where(*mine)).one()


def keep(token: ApiToken, key: str, *, status: int, location: str, body: str) -> None:
    """Save the response to the request that took `key`."""
    db.session.execute(
        update(ApiAnswer)
        .where(ApiAnswer.token_id == token.id, ApiAnswer.key == key)
        .values(status=status, location=location, body=body)
    )


def waits() -> ColumnElement[bool]:
    """Return an SQL expression: is there a response to delete?"""
    return exists().where(ApiAnswer.created_at < from_now(-KEPT))


def forget_old() -> None:
    """Delete the responses that are older than `KEPT`."""
    db.session.execute(delete(ApiAnswer).where(ApiAnswer.created_at < now() - KEPT))
