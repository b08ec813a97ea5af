"""The sessions of the team: begin and end them. One that has ended has no row any more."""

import logging

from sqlalchemy import delete

from service.clock import now
from service.extensions import db
from service.models import LoginSession, TeamMember
from service.team import rules
from service.tokens import hashed, new_secret

log = logging.getLogger(__name__)


def begin(
    member: TeamMember, user_agent: str, instead_of: str | None = None
) -> tuple[LoginSession, str]:
    """Begin a session; return its row and the secret for the cookie, which is not stored.

    `instead_of` is the secret that the browser had before, if any: its session ends.
    """
    if instead_of is not None:
        earlier = LoginSession.token_hash == hashed(instead_of)
        db.session.execute(delete(LoginSession).where(earlier))
    secret, moment = new_secret(), now()
    browser, system = rules.browser_and_system(user_agent)
    login = LoginSession(
        token_hash=hashed(secret),
        member=member,
        browser=browser,
        system=system,
        created_at=moment,
        last_seen_at=moment,
        expires_at=LoginSession.expiry(moment, moment),
    )
    db.session.add(login)
    db.session.flush()
    log.info("session_begun session=%s provider=%s", login.public_id, member.public_id)
    return login, secret


def end(member: TeamMember, public_id: str) -> bool:
    """End a session of `member`; return whether there was one."""
    mine = (LoginSession.provider_id == member.id, LoginSession.public_id == public_id)
    ended = db.session.scalar(delete(LoginSession).where(*mine).returning(LoginSession.id))
    if ended is not None:
        log.info("session_ended session=%s provider=%s", public_id, member.public_id)
    return ended is not None


def end_all(member: TeamMember, but: LoginSession | None = None) -> int:
    """End every session of `member`, but for one if it is given; return how many."""
    theirs = delete(LoginSession).where(LoginSession.provider_id == member.id)
    if but is not None:
        theirs = theirs.where(LoginSession.id != but.id)
    ended = len(db.session.scalars(theirs.returning(LoginSession.id)).all())
    if ended:
        log.info("sessions_ended count=%s provider=%s", ended, member.public_id)
    return ended
