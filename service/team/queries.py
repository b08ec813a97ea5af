"""The members to choose from, their sessions, and the tokens of other programs. Reads only."""

from collections.abc import Sequence

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from service import responsibles
from service.clock import now
from service.extensions import db
from service.models import ApiToken, DataExport, LoginSession, TeamMember

SHOWN = 200  # a company has a handful; of many revoked ones the oldest are left out


def api_tokens() -> Sequence[ApiToken]:
    """Return the tokens, valid ones first and then the newest, with who made and revoked them."""
    query = (
        select(ApiToken)
        .options(joinedload(ApiToken.maker), joinedload(ApiToken.revoker))
        .order_by(ApiToken.revoked_at.is_not(None), ApiToken.id.desc())
    )
    return db.session.scalars(query.limit(SHOWN)).all()


def find_api_token(public_id: str) -> ApiToken | None:
    """Return the token, or None."""
    return db.session.scalar(select(ApiToken).where(ApiToken.public_id == public_id))


def exports() -> Sequence[DataExport]:
    """Return the newest exports of data of persons, the last one first."""
    newest = select(DataExport).order_by(DataExport.at.desc(), DataExport.id.desc())
    return db.session.scalars(newest.limit(SHOWN)).all()


def people_choices(also: TeamMember | None = None) -> list[tuple[str, str]]:
    """Return the active members, and the one who is responsible already, as choices of a form.

    Nobody is a choice too, and says who answers then.
    """
    found = responsibles.load()
    people = sorted(found.active.values(), key=lambda member: (member.name, member.id))
    if also is not None and also not in people:
        people.append(also)
    nobody = (
        _("Nobody: %(name)s answers", name=found.default.name) if found.default else _("Nobody")
    )
    return [("", nobody), *((str(person.id), person.name) for person in people)]


def sessions(member: TeamMember) -> Sequence[LoginSession]:
    """Return the valid sessions of a member, the one that was seen last first."""
    query = (
        select(LoginSession)
        .where(LoginSession.provider_id == member.id, LoginSession.expires_at > now())
        .order_by(LoginSession.last_seen_at.desc(), LoginSession.id.desc())
    )
    return db.session.scalars(query.limit(SHOWN)).all()
