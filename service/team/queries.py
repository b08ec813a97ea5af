"""The tokens of other programs. Reads only."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from service.extensions import db
from service.models import ApiToken

SHOWN = 200  # a company has a handful; of many revoked ones the oldest are left out


def all_of_them() -> Sequence[ApiToken]:
    """Return the tokens with who made and who revoked them: those that work first, the newest on
    top.
    """
    query = (
        select(ApiToken)
        .options(joinedload(ApiToken.maker), joinedload(ApiToken.revoker))
        .order_by(ApiToken.revoked_at.is_not(None), ApiToken.id.desc())
    )
    return db.session.scalars(query.limit(SHOWN)).all()


def find(public_id: str) -> ApiToken | None:
    """Return one, or None."""
    return db.session.scalar(select(ApiToken).where(ApiToken.public_id == public_id))
