"""Leases by name, so that one of many processes does a job: a row with its holder and end."""

import hashlib
import secrets
from datetime import timedelta
from functools import lru_cache
from typing import Any, cast

from sqlalchemy import Engine, Table, bindparam, delete, or_, update

from service.clock import now
from service.database import insert_into
from service.extensions import db
from service.models import Lease
from service.models.types import UtcDateTime

LONGEST_NAME = 40  # of models.outbox.Lease
_LEASES = cast(Table, Lease.__table__)
_ENDS = bindparam("ends", type_=UtcDateTime())
_GIVING_BACK = (
    update(_LEASES)
    .where(_LEASES.c.name == bindparam("of"), _LEASES.c.holder == bindparam("by"))
    .values(until=_ENDS)
)


def take(name: str, holder: str, length: timedelta, is_brief: bool = False) -> bool:
    """Take or renew the lease `name` for `length` from now; returns whether `holder` has it.

    A brief one ends with the caller's transaction, which keeps others out while it lasts.

    One statement, so that of two who ask at once one gets it. A lease that ends later than any
    could (its holder's clock ran ahead) counts as run out, or nothing would be done until then.
    """
    moment = now()
    ends = moment if is_brief else moment + length
    times = {"at": moment, "ends": ends, "far": moment + 2 * length}
    said = {"of": name, "by": holder, **times}
    return db.session.scalar(_taking(db.engine), said) is not None


def take_once(kind: str, key: str, length: timedelta) -> bool:
    """Take a key that nobody has taken within `length`; returns whether it was free.

    It counts with the caller's commit. Those of the same kind that are over are deleted.
    """
    of_kind = _LEASES.c.name.startswith(f"{kind} ", autoescape=True)
    db.session.execute(delete(_LEASES).where(of_kind, _LEASES.c.until < now()))
    digest = hashlib.sha256(key.encode()).hexdigest()
    return take(f"{kind} {digest}"[:LONGEST_NAME], secrets.token_hex(8), length)


def give_back(name: str, holder: str) -> None:
    """End the lease if `holder` still has it, so that another need not wait."""
    db.session.execute(_GIVING_BACK, {"of": name, "by": holder, "ends": now()})


@lru_cache(maxsize=4)
def _taking(engine: Engine) -> Any:
    """Return the statement of take(), made once: every round of a clock begins with it."""
    values = {"holder": bindparam("by"), "until": _ENDS}
    is_ours = _LEASES.c.holder == bindparam("by")
    is_over = _LEASES.c.until <= bindparam("at", type_=UtcDateTime())
    is_beyond = _LEASES.c.until > bindparam("far", type_=UtcDateTime())
    new = insert_into(_LEASES, engine).values(name=bindparam("of"), **values)
    statement = new.on_conflict_do_update(
        index_elements=["name"], set_=values, where=or_(is_ours, is_over, is_beyond)
    )
    return statement.returning(_LEASES.c.name)
