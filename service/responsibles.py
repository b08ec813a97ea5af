"""Who answers for a client: the member named, else the company's default. Reads only.

A member whose login was closed answers for nobody; whoever is next in line does, from the next
mail on. So this is asked when a mail is rendered, and no row keeps the answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select

from service.current import company
from service.extensions import db
from service.models.companies import Company
from service.models.team import Role, TeamMember


@dataclass(frozen=True, slots=True)
class Responsibles:
    """The members with an open login by id, and whom the company chose as its default."""

    active: Mapping[int, TeamMember]
    chosen: TeamMember | None  # None: nobody was chosen, or not any more

    @property
    def default(self) -> TeamMember | None:
        """Who answers when nobody is named: the chosen one, else the first owner; None of none."""
        owners = (one for one in self.active.values() if one.role is Role.owner)
        return self.chosen or next(owners, None)

    def named(self, *ids: int | None) -> TeamMember | None:
        """Return the first member of `ids` whose login is open, else the chosen one."""
        found = (self.active[one] for one in ids if one is not None and one in self.active)
        return next(found, self.chosen)

    def of(self, *ids: int | None) -> TeamMember | None:
        """Return who answers for a client whose responsible is the first of `ids`."""
        return self.named(*ids) or self.default


def load(settings: Company | None = None) -> Responsibles:
    """Return who may answer, in one query; `settings` is the company as saved, when not given."""
    query = select(TeamMember).where(TeamMember.is_active).order_by(TeamMember.id)
    active = {member.id: member for member in db.session.scalars(query)}
    chosen = (settings or company()).default_responsible_id
    return Responsibles(active, active.get(chosen or 0))
