"""Carry out what a button asks for and flash the result: done, or refused and nothing changed."""

from collections.abc import Callable

from flask import flash

from service.errors import Refused
from service.extensions import db


def do(act: Callable[[], object], said: str) -> bool:
    """Commit what `act` does and flash `said`; when it is refused flash why, and return False."""
    try:
        act()
    except Refused as refusal:
        db.session.rollback()
        flash(str(refusal), "warning")
        return False
    db.session.commit()
    flash(said, "success")
    return True
