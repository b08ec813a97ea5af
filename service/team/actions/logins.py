"""Who logs in: find them by their address, and record that they did."""

from sqlalchemy import select

from service.clock import now
from service.extensions import db
from service.models import TeamMember
from service.team.actions import passwords


def find(email: str) -> TeamMember | None:
    """Return the active member with this address, or None."""
    return db.session.scalar(
        select(TeamMember).where(TeamMember.email == email.strip().lower(), TeamMember.is_active)
    )


def record_login(member: TeamMember, password: str) -> None:
    """Record the time of a login, and hash the password anew if the parameters changed."""
    member.last_login_at = now()
    if member.password_hash is None or passwords.is_outdated(member.password_hash):
        member.password_hash = passwords.hashed(password)
    db.session.flush()
