"""Who may be chosen as the responsible of a client or a departure."""

from flask_babel import gettext as _
from sqlalchemy import select

from service.extensions import db
from service.models import TeamMember


def people_choices(also: TeamMember | None = None) -> list[tuple[str, str]]:
    """Return who may be responsible: the active ones, and who is already."""
    active = select(TeamMember).where(TeamMember.is_active).order_by(TeamMember.name, TeamMember.id)
    people = list(db.session.scalars(active))
    if also is not None and also not in people:
        people.append(also)
    return [("", _("Nobody")), *((str(person.id), person.name) for person in people)]
