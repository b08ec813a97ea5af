"""Undo an import as a whole, within its hour: what it added goes, what it changed is as it was."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from flask_babel import gettext as _
from sqlalchemy import delete, select

from service.clients.actions import bases
from service.departures.actions import acts
from service.departures.actions.kept_rows import as_plain, from_plain
from service.errors import Refused
from service.events.actions import record_event
from service.extensions import Model, db
from service.imports.queries import batches
from service.models import (
    Act,
    Client,
    Contact,
    Departure,
    Enrolment,
    EnrolmentState,
    Event,
    EventKind,
    Reason,
    Response,
    TalkRequest,
    TeamMember,
    Testimonial,
)
from service.protocols.actions import enrolments

NAMED = 5  # clients that a refusal names
CHANGED: dict[str, type[Model]] = {"client": Client, "contact": Contact, "departure": Departure}


def undo(act: Act, by: TeamMember | None) -> None:
    """Undo an import; raises Refused, with whose rows were touched since, and changes nothing.

    Pressed twice it is undone once: Conflict says who was faster.
    """
    acts.take(act, by)
    changed: dict[str, dict[str, Any]] = act.was["changed"]
    begun = {int(row_id): state for row_id, state in act.was["begun"].items()}
    _check(act, changed)
    for ids in batches([*act.was["departures"], *map(int, changed.get("departure", ())), *begun]):
        acts.take_back_mails(ids, act.at)
    _delete_new(act)
    for kind, rows in changed.items():
        for row_id, names in rows.items():
            _set_back(db.session.get_one(CHANGED[kind], int(row_id)), names)
    moved = _rows(Departure, sorted({*map(int, changed.get("departure", ())), *begun}))
    for row in moved:
        if row.id in begun:
            _end_again(row, begun[row.id])
        record_event(row, EventKind.undone, by, act.kind)
    db.session.flush()
    bases.recount([*(row.client_id for row in moved), *act.was["known_clients"]])
    for some in batches([row for row in moved if row.id not in begun]):
        enrolments.recount_all(some)
    db.session.flush()


def _check(act: Act, changed: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise Refused when anything of the import was deleted, changed or built upon since."""
    new = _rows(Departure, act.was["departures"])
    known = {kind: _by_id(CHANGED[kind], rows) for kind, rows in changed.items()}
    if len(new) < len(act.was["departures"]) or any(
        len(known[kind]) < len(rows) for kind, rows in changed.items()
    ):
        raise Refused(_("Some of what was imported is deleted already. Undo the rest by hand."))
    built_upon = _built_upon(new, act)
    touched = [row for row in new if row.id in built_upon]
    for kind, rows in changed.items():
        for row_id, names in rows.items():
            row = known[kind][int(row_id)]
            if any(_now(row, name) != after for name, (_before, after) in names.items()):
                touched.append(row)
    if touched:
        raise Refused(_said(touched))


def old_and_new(existing: Model, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a list changes of a row, each value beside the one that it replaces."""
    before = as_plain({name: _of(existing, name) for name in values})
    after = as_plain({name: _listed(value) for name, value in values.items()})
    return {name: [before[name], after[name]] for name in values}


def _now(row: Model, name: str) -> Any:
    return as_plain({name: _of(row, name)})[name]


def _of(row: Model, name: str) -> Any:
    return _listed(getattr(row, name))


def _listed(value: Any) -> Any:
    return sorted(value) if isinstance(value, set | frozenset) else value


def _set_back(row: Model, names: Mapping[str, Sequence[Any]]) -> None:
    before = {name: pair[0] for name, pair in names.items()}
    reasons = before.pop("reasons", None)
    for name, value in from_plain(type(row), before).items():
        setattr(row, name, value)
    if reasons is not None:
        cast(Departure, row).reasons = {Reason(code) for code in reasons}


def _end_again(departure: Departure, state: str | None) -> None:
    """Make a departure history again, whose protocol began with the import."""
    departure.is_history = True
    of_it = Enrolment.departure_id == departure.id
    if state is None:
        db.session.execute(delete(Enrolment).where(of_it))
        return
    enrolment = db.session.scalars(select(Enrolment).where(of_it)).one()
    enrolment.state, enrolment.next_at = EnrolmentState(state), None


def _delete_new(act: Act) -> None:
    for ids in batches(act.was["departures"]):
        db.session.execute(delete(Departure).where(Departure.id.in_(ids)))
    for model, name in ((Contact, "contacts"), (Client, "clients")):
        for ids in batches(act.was[name]):
            acts.delete_unused(model, ids)


def _built_upon(new: Sequence[Departure], act: Act) -> set[int]:
    """Return the new departures on which something else hangs since."""
    found: set[int] = set()
    for ids in batches([row.id for row in new]):
        for column in (Response.departure_id, Testimonial.departure_id, TalkRequest.departure_id):
            found.update(db.session.scalars(select(column).where(column.in_(ids))))
        later = select(Act.departure_id).where(
            Act.departure_id.in_(ids), Act.id > act.id, Act.undone_at.is_(None)
        )
        found.update(row_id for row_id in db.session.scalars(later) if row_id)
        edited = select(Event.departure_id).where(
            Event.departure_id.in_(ids), Event.kind == EventKind.changed
        )
        found.update(db.session.scalars(edited))
    return found


def _said(touched: Iterable[Model]) -> str:
    names = sorted({_client_of(row) for row in touched} - {""})
    more = ", …" if len(names) > NAMED else ""
    return str(
        _(
            "Somebody has changed something of it since: %(clients)s. Undo the rest by hand.",
            clients=", ".join(names[:NAMED]) + more,
        )
    )


def _client_of(row: Model) -> str:
    if isinstance(row, Client):
        return row.name
    return row.client.name if isinstance(row, Contact | Departure) else ""


def _rows(model: type[Model], ids: Sequence[int]) -> list[Any]:
    return [
        row
        for some in batches(ids)
        for row in db.session.scalars(select(model).where(model.__table__.c.id.in_(some)))
    ]


def _by_id(model: type[Model], rows: Mapping[str, Any]) -> dict[int, Any]:
    return {row.id: row for row in _rows(model, [int(row_id) for row_id in rows])}
