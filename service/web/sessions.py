"""The session of a request: the cookie holds a secret, and a row says whether it is worth anything.

A page notes when its browser was last seen, at most every five minutes and behind the answer. That
a GET does so is safe: only the owner of the cookie can cause it, so no link that somebody else made
or opened does; it changes two moments of the session's own row; and nobody waits for it.
"""

from datetime import datetime, timedelta

from flask import Flask, g, request, session
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from sqlalchemy import Connection, select, update
from sqlalchemy.orm import contains_eager

from service.clock import now
from service.extensions import db
from service.models import LoginSession, TeamMember
from service.tokens import hashed
from service.web.background import BackgroundWriter

KEY = "login"  # of the secret in Flask's signed cookie
SEEN_EVERY = timedelta(minutes=5)

Sighting = tuple[int, datetime, datetime]  # the session's id, when it was seen, when it expires


class Cookies(SecureCookieSessionInterface):
    """Flask's cookies, which are renewed by pages behind the login alone.

    Flask itself would set the cookie of a logged-in browser again on each public page and file.
    """

    def should_set_cookie(self, app: Flask, session: SessionMixin) -> bool:
        return (session.accessed or session.modified) and super().should_set_cookie(app, session)


def find() -> LoginSession | None:
    """Return the valid session of the request with its active member, in one query, or None."""
    kept = secret()
    if kept is None:
        return None
    moment = now()
    login = db.session.scalar(
        select(LoginSession)
        .join(LoginSession.member)
        .options(contains_eager(LoginSession.member))
        .where(
            LoginSession.token_hash == hashed(kept),
            LoginSession.expires_at > moment,
            TeamMember.is_active,
        )
    )
    if login is None:
        return None
    db.session.expunge(login)  # another request may end it meanwhile; this one goes on knowing it
    if login.last_seen_at < moment - SEEN_EVERY:
        expires_at = LoginSession.expiry(login.created_at, moment)
        sightings.add(db.engine, (login.id, moment, expires_at))
    return login


def secret() -> str | None:
    """Return the secret in the cookie of the request, or None."""
    found = session.get(KEY)
    return found if isinstance(found, str) else None


def enter(login: LoginSession, member: TeamMember, fresh_secret: str) -> None:
    """Give this browser the session `login`; nothing of the cookie before it remains."""
    session.clear()
    session.permanent = True
    session[KEY] = fresh_secret
    g.login, g.member = login, member
    g.pop("csrf_token", None)  # made for the cookie that was cleared


def leave() -> None:
    """Empty this browser's cookie."""
    session.clear()


def user_agent() -> str:
    """Return what the browser says that it is."""
    return request.headers.get("User-Agent", "")


def _note(connection: Connection, sighting: Sighting, _times: int) -> None:
    """Record that a session was seen; one that has ended meanwhile stays ended."""
    login_id, moment, expires_at = sighting
    connection.execute(
        update(LoginSession)
        .where(LoginSession.id == login_id, LoginSession.last_seen_at < moment)
        .values(last_seen_at=moment, expires_at=expires_at)
    )


sightings = BackgroundWriter[Sighting]("sightings", _note)
