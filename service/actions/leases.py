"""Let one of many do a job at a time: a row that says who does it, and until when."""

from datetime import timedelta

from sqlalchemy import or_, update

from service.clock import now
from service.database import insert_into
from service.extensions import db
from service.models import Lease


def take(name: str, holder: str, length: timedelta) -> bool:
    """Take or renew the lease `name` for `length` from now; says whether `holder` has it.

    One statement, so that of two who ask at once one gets it. A lease that ends later than any
    could (its holder's clock ran ahead) counts as run out, or nothing would be done until then.
    """
    moment = now()
    new = insert_into(Lease, db.engine).values(name=name, holder=holder, until=moment + length)
    statement = new.on_conflict_do_update(
        index_elements=["name"],
        set_={"holder": holder, "until": moment + length},
        where=or_(Lease.holder == holder, Lease.until <= moment, Lease.until > moment + 2 * length),
    )
    return db.session.scalar(statement.returning(Lease.name)) is not None


def give_back(name: str, holder: str) -> None:
    """End the lease if `holder` still has it, so that another need not wait."""
    db.session.execute(
        update(Lease).where(Lease.name == name, Lease.holder == holder).values(until=now())
    )
