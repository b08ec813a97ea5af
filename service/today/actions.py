"""The address of a team member's calendar: create, replace or close it. Flushes only."""

from service.extensions import db
from service.models import TeamMember
from service.tokens import new_public_id


def open_one(member: TeamMember) -> None:
    """Give the team member a calendar with a secret address; one that is there stays."""
    if member.calendar_key is None:
        renew(member)


def renew(member: TeamMember) -> None:
    """Give the calendar another address; the one before leads nowhere from now on."""
    member.calendar_key = new_public_id()
    db.session.flush()


def close(member: TeamMember) -> None:
    """Take the calendar away; its address leads nowhere from now on."""
    member.calendar_key = None
    db.session.flush()


def choose(member: TeamMember, *, is_teams: bool) -> None:
    """Show what the whole team has to do, or only what the team member has."""
    member.calendar_is_teams = is_teams
    db.session.flush()
