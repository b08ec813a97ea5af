"""What repeated requests of other programs are answered: the same, for a day.

The key is taken in the transaction of what the request does. So nobody sees half an answer: of two
at once the second waits for the first, and one that failed leaves its key free.
"""

from datetime import timedelta

from sqlalchemy import ColumnElement, delete, exists, select, update

from service.clock import now
from service.database import insert_into
from service.extensions import db
from service.mail.rows import from_now
from service.models import ApiAnswer, ApiToken

KEPT = timedelta(hours=24)


def begin(token: ApiToken, key: str, fingerprint: str) -> ApiAnswer | None:
    """Take `key` for a new request; returns the answer kept under it when it is none.

    Whether that request was the same one, its fingerprint says.
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
    """Write down what the request that took `key` is answered."""
    db.session.execute(
        update(ApiAnswer)
        .where(ApiAnswer.token_id == token.id, ApiAnswer.key == key)
        .values(status=status, location=location, body=body)
    )


def waits() -> ColumnElement[bool]:
    """Return whether an answer is to be forgotten, as a value of SQL."""
    return exists().where(ApiAnswer.created_at < from_now(-KEPT))


def forget_old() -> None:
    """Delete the answers whose day is over."""
    db.session.execute(delete(ApiAnswer).where(ApiAnswer.created_at < now() - KEPT))
