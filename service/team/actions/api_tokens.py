"""The tokens of other programs: create, find, record a use, revoke."""

import logging
from collections.abc import Sequence
from datetime import date

from flask_babel import gettext as _
from sqlalchemy import or_, select, update

from service.clock import now
from service.errors import Refused
from service.extensions import db
from service.models import ApiScope, ApiToken, TeamMember
from service.tokens import hashed, new_secret

PREFIX = "hl_"  # by which those who search code for secrets know one

log = logging.getLogger(__name__)


def create(name: str, scopes: Sequence[ApiScope], by: TeamMember) -> tuple[ApiToken, str]:
    """Create a token; returns its row and the secret, which is not stored.

    Raises Refused when another valid token has the name, by which the log identifies it.
    """
    namesake = select(ApiToken.id).where(ApiToken.name == name, ApiToken.revoked_at.is_(None))
    if db.session.scalar(namesake.limit(1)) is not None:
        raise Refused(_("There is a token with this name already. Choose another name."))
    secret = PREFIX + new_secret()
    token = ApiToken(
        name=name,
        token_hash=hashed(secret),
        ending=secret[-4:],
        scopes=[scope.value for scope in scopes],
        maker=by,
    )
    db.session.add(token)
    db.session.flush()
    log.info("api_token_created token=%s provider=%s", token.public_id, by.public_id)
    return token, secret


def find(secret: str) -> ApiToken | None:
    """Return the valid token of `secret`, or None.

    It is found by its hash, so the time that takes discloses nothing about the secret.
    """
    return db.session.scalar(
        select(ApiToken).where(ApiToken.token_hash == hashed(secret), ApiToken.revoked_at.is_(None))
    )


def note_use(token_id: int, day: date) -> None:
    """Record that a token was used on `day`, once a day."""
    db.session.execute(
        update(ApiToken)
        .where(
            ApiToken.id == token_id,
            or_(ApiToken.last_used_on.is_(None), ApiToken.last_used_on < day),
        )
        .values(last_used_on=day)
    )


def revoke(token: ApiToken, by: TeamMember) -> None:
    """Revoke a token from the next request on; does nothing to a revoked one."""
    if token.revoked_at is not None:
        return
    token.revoked_at, token.revoker = now(), by
    db.session.flush()
    log.info("api_token_revoked token=%s provider=%s", token.public_id, by.public_id)
