"""Carry out an import in two transactions: one that locks nobody out, and a short one.

What the pages and the commands share. Whole or not at all: all that others ever see of a list
appears with the second commit.
"""

from collections.abc import Callable
from typing import Protocol, TypeVar

from flask_babel import gettext as _
from sqlalchemy.exc import IntegrityError

from service.database import reading
from service.errors import Conflict
from service.extensions import db, one_connection
from service.imports.actions.staging import Stale


class Planned(Protocol):
    """What an import changes."""

    @property
    def summary(self) -> str:
        """The figures in short."""


class IsStaged(Protocol):
    """An import that is ready to be published."""

    @property
    def plan(self) -> Planned:
        """What it changes."""


Staged = TypeVar("Staged", bound=IsStaged)


def carry_out(
    stage: Callable[[], Staged], publish: Callable[[Staged], None], shown: str | None = None
) -> Staged:
    """Import what `stage` makes ready, commit, and return it.

    Raises Refused, with nothing changed, when the list has problems; Conflict when it is not what
    was `shown`, or when somebody changed meanwhile what it was compared with.
    """
    try:
        with one_connection():
            with reading():  # of what others see; the temporary tables are ours alone
                staged = stage()
                if shown is not None and staged.plan.summary != shown:
                    raise Conflict(
                        _("Something changed since you looked. This is how it stands now.")
                    )
                db.session.commit()
            publish(staged)
            db.session.commit()
    except (IntegrityError, Stale) as error:
        raise Conflict(
            _("Somebody changed the same clients meanwhile. Nothing was imported; try it again.")
        ) from error
    return staged
