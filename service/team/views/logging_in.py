"""Log a member in, in the browser that the request came from."""

from service.extensions import db
from service.models import TeamMember
from service.team.actions import sessions as actions
from service.team.views import devices
from service.web import sessions


def log_in_as(member: TeamMember) -> None:
    """Begin a session in place of the browser's earlier one, commit, and set the cookies."""
    login, secret = actions.begin(member, sessions.user_agent(), instead_of=sessions.secret())
    email = member.email  # read before the commit: afterwards it would be one more question
    db.session.commit()
    sessions.enter(login, member, secret)
    devices.remember(email)
