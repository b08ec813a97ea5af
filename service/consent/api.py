"""Suppressions for other programs: list them, ask about an address, add one, lift one."""

import base64
from typing import Any

from flask import Response, jsonify, url_for

from forms.suppressions import AddBody, LiftBody
from service.api import access, bodies
from service.api.idempotency import Done, once
from service.consent import queries as suppressions
from service.consent.actions import suppressions as actions
from service.labels import why_suppressed
from service.mail.policy import suppressions as kept
from service.models import ApiScope, Suppression, SuppressionScope
from service.web.problems import Fault, Problem

blueprint = access.api_blueprint("suppressions", __name__)

PER_PAGE, MOST_PER_PAGE = 50, 100
LONGEST_ADDRESS = 254  # RFC 5321, 4.5.3.1.3, without the angle brackets


@blueprint.get("/suppressions")
@access.requires(ApiScope.suppressions)
def index() -> Response:
    """List suppressions, the newest first; or those of one address, the widest first."""
    query = bodies.asked(("email", "cursor", "limit"))
    if "email" in query:
        return _of_one(query)
    limit = _number("limit", query.get("limit", str(PER_PAGE)), MOST_PER_PAGE)
    before = _position(query["cursor"]) if "cursor" in query else None
    rows = suppressions.newest_before(before, limit + 1)
    has_more = len(rows) > limit
    return _list(rows[:limit], _cursor(rows[limit - 1]) if has_more else None)


@blueprint.post("/suppressions")
@access.requires(ApiScope.suppressions)
@once
def add() -> Done:
    """Suppress mails of a scope to an address."""
    form = AddBody(bodies.read(("email", "scope", "note")))
    form.scope.choices = [(scope.value, scope.value) for scope in SuppressionScope]
    bodies.check(form)
    row, is_new = actions.add_by_token(
        form.email.data or "",
        SuppressionScope(form.scope.data),
        form.note.data or "",
        access.current_token(),
    )
    location = url_for(".show", public_id=row.public_id)
    return Done(_facts(row), 201 if is_new else 200, location)


@blueprint.get("/suppressions/<public_id>")
@access.requires(ApiScope.suppressions)
def show(public_id: str) -> Response:
    """Return one suppression."""
    return jsonify(_as_json(_the_suppression(public_id)))


@blueprint.post("/suppressions/<public_id>/lift")
@access.requires(ApiScope.suppressions)
@once
def lift(public_id: str) -> Done:
    """Lift a suppression; the reason stays in the log, with the token's name."""
    form = LiftBody(bodies.read(("reason",)))
    bodies.check(form)
    row = _the_suppression(public_id)
    facts = _facts(row)
    actions.lift_by_token(row, form.reason.data or "", access.current_token())
    return Done({**facts, "is_lifted": True})


def _of_one(query: dict[str, str]) -> Response:
    """Return the suppressions of one address, found by its hash, so of an erased one too."""
    faults = [Fault(name, "Leave it out beside email.") for name in query if name != "email"]
    if "@" not in query["email"] or len(query["email"]) > LONGEST_ADDRESS:
        faults.append(Fault("email", "Write the whole address, with + as %2B."))
    if faults:
        raise Problem(422, bodies.WRONG, faults)
    return _list(kept.of(query["email"]), None)


def _the_suppression(public_id: str) -> Suppression:
    found = suppressions.find(public_id)
    if found is None:
        raise Problem(404, "No suppression has this id, or none any more: it may be lifted.")
    return found


def _list(rows: Any, cursor: str | None) -> Response:
    return jsonify(data=[_as_json(row) for row in rows], next_cursor=cursor)


def _facts(row: Suppression) -> dict[str, Any]:
    """Return the facts of a suppression that are not personal."""
    return {
        "id": row.public_id,
        "scope": row.scope.value,
        "reason": row.reason.value,
        "source": row.source,
        "created_at": row.created_at.isoformat(timespec="seconds").replace("+00:00", "Z"),
    }


def _as_json(row: Suppression) -> dict[str, Any]:
    more = {"email": row.address, "note": row.detail, "explanation": why_suppressed(row.reason)}
    return {**_facts(row), **more}


def _cursor(row: Suppression) -> str:
    return base64.urlsafe_b64encode(f"s{row.id}".encode()).decode().rstrip("=")


def _position(cursor: str) -> int:
    """Return the id that a page begins below; its row may be gone."""
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), "-_", validate=True).decode()
    except ValueError:
        text = ""
    return _number("cursor", text.removeprefix("s"), 2**31 - 1, "Send next_cursor as it came.")


def _number(name: str, text: str, most: int, message: str = "") -> int:
    if text.isascii() and text.isdigit() and len(text) < 11 and 1 <= int(text) <= most:
        return int(text)
    fault = Fault(name, message or f"Write a number from 1 to {most}.")
    raise Problem(422, bodies.WRONG, [fault])
